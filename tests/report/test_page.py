"""The report by its text; how it behaves in a browser is tested there."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pypdfium2
import pytest

from pcnotebooks import (
    ConfigurationError,
    Payload,
    PayloadError,
    PcNotebooksWarning,
    csv_text,
    render_report,
    sample_history,
    sample_payload,
)
from pcnotebooks.report.pdf import _for_paper, pdf_of
from tests.builders import NONE, detail, item, of_summaries, payload

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"


def _text(html: str) -> str:
    """Return what a reader reads: no tags, no styles, one space between words."""

    class Reader(HTMLParser):
        words: list[str]
        hidden = False

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.hidden = tag in {"style", "title", "desc", "script"}

        def handle_endtag(self, tag: str) -> None:
            self.hidden = False

        def handle_data(self, data: str) -> None:
            if not self.hidden:
                self.words.append(data)

    reader = Reader()
    reader.words = []
    reader.feed(html)
    return " ".join(" ".join(reader.words).split())


@pytest.fixture(scope="module")
def sample() -> str:
    """Return the sample's report."""
    html = render_report(sample_payload(), as_of="2018-03-16")
    assert isinstance(html, str)
    return html


def test_says_in_words_what_is_owed(sample: str):
    """The first lines answer: how much, how it splits, when paid, when due."""
    text = _text(sample)
    assert (
        "GBP 751,094.39 owed, 73 % OneTime; last paid 439 days ago."
        " The latest OneTime invoice falls due on 15 May 2018." in text
    )
    assert "CHF 1,230.33 owed, all OneTime; never paid." in text
    assert "As of 16 Mar 2018" in text


def test_shows_every_figure_of_the_sample(sample: str):
    """Balances, payments, due dates and reconciliation are the documented example's."""
    text = _text(sample)
    for figure in (
        "202,955.87",
        "548,138.52",
        "1,001.12",
        "1 Jan 2017",
        "1,000.00",
        "16 Mar 2018",
        "60 days left",
        "Stated GBP 751,094.39 = sum of parts GBP 751,094.39, difference 0.00.",
    ):
        assert figure in text
    assert "752,324.72" not in text  # GBP and CHF together
    assert "1,502,188.78" not in text  # details and total together


def test_tells_where_the_figures_come_from():
    """Cloud, partner, time, ids, hash and versions stand at the end; without ids it says none."""
    given = replace(
        payload(item("GBP", None, detail("Recurring", 5))), request_id="r-1", correlation_id="c-2"
    )
    text = _text(render_report(given))
    for fact in ("Partner Center", "Contoso", "2024-03-05 06:00:00 UTC", "r-1", "c-2"):
        assert fact in text
    assert hashlib.sha256(given.body).hexdigest() in text
    assert re.search(r"pcnotebooks \d+\.\d+.* pandas \d+\.\d+", text)


def test_names_every_answer_it_is_made_from():
    """Earlier answers stand with their time and hash, each once."""
    given = of_summaries(sample_history())[-6:]
    text = _text(render_report([*given, given[0]]))
    assert "4 earlier answers" in text
    assert all(text.count(each.sha256) == 1 for each in given)


def test_sample_data_is_marked_and_an_account_is_not(sample: str):
    """The banner says so once, and no chart repeats it; nothing of an account's says so."""
    assert "the documented example or a made-up history, not an account" in _text(sample)
    assert "Sample data, not an account" not in sample
    assert "· Sample data</title>" in sample
    live = str(render_report(payload(item("GBP", None, detail("Recurring", 5)))))
    assert "Sample data" not in live


def test_asks_for_nothing(sample: str):
    """No address, import or form; the policy forbids what is not inline but for one script."""
    html = re.sub(r"data:text/csv[^\"]*|http://www.w3.org/", "", sample)
    assert not re.search(r"https?:|//[a-z]|<link|@import|src=|action=|<form|url\((?!#)", html)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == html.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.search(r'Security-Policy" content="([^"]*)"', html)[1]
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        f" form-action 'none'; script-src 'sha256-{digest}'"
    )


def test_has_no_script_where_there_is_nothing_to_choose():
    """One currency of one partner needs no switch, and the policy allows no script."""
    html = str(render_report(payload(item("GBP", 5))))
    assert "script" not in html
    assert "<fieldset" not in html


def test_holds_its_figures_as_csv():
    """The link holds the bytes that write_csv writes, with the report's days, and their day."""
    html = str(render_report(sample_payload(), as_of="2018-06-01", terms_days=30))
    name, content = re.search(
        r'download="([^"]*)" href="data:text/csv;charset=utf-8;base64,([^"]*)"', html
    ).groups()
    written = base64.b64decode(content).decode("utf-8-sig")
    assert name == "invoice-summaries-2018-06-01.csv"
    assert written == csv_text(sample_payload(), as_of="2018-06-01", terms_days=30)
    assert ",548138.52," in written


def test_is_equal_twice():
    """The same payloads and as-of give the same bytes, in whatever order they come."""
    payloads = sample_history()[-6:]
    assert render_report(payloads) == render_report(payloads[::-1])


@pytest.fixture(scope="module")
def large() -> str:
    """Return the report of a partner with twelve currencies and twenty-four months."""
    codes = ("AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "JPY", "KWD", "NOK", "NZD", "SEK", "USD")
    return str(render_report([_month(codes, month) for month in range(24)]))


def _month(codes: tuple[str, ...], month: int) -> Payload:
    """Return what a partner owes in a month, each month another amount."""
    when = datetime(2024 + month // 12, month % 12 + 1, 5, tzinfo=UTC)
    paid = {"lastPaymentDate": f"{when:%Y-%m}-02T00:00:00", "lastPaymentAmount": 81_000 + month}
    items = [
        item(
            code,
            None,
            detail("Recurring", f"{123_456 + 9_973 * month % 50_000}.25", currency=code, **paid),
            detail("OneTime", 54_321 + 1_713 * month % 20_000, currency=code),
            latestInvoiceDate=f"{when:%Y-%m}-03T00:00:00",
            **paid,
        )
        for code in codes
    ]
    return payload(*items, at=when)


def test_is_small(sample: str, large: str):
    """Three currencies fit into 60 kB, twelve with 24 months into 250 kB."""
    assert len(sample.encode()) <= 60_000
    assert len(large.encode()) <= 250_000


def test_every_chart_has_its_table(large: str):
    """Balances and recency share one, and a trend has one with a row for each balance."""
    assert large.count('class="pcn-chart"') == 36
    assert large.count('<table class="cards">') == 12
    tables = re.findall(r'<table class="movements">(.*?)</table>', large, re.DOTALL)
    assert len(tables) == 12
    for table in tables:
        assert table.count('<th scope="row">') == 24
        assert "177,777.25" in _text(table)  # 123,456.25 and 54,321 of the first month


def test_ids_are_unique(large: str):
    """No two charts share a clip path, a title or a mark."""
    ids = re.findall(r' id="([^"]+)"', large)
    assert len(ids) == len(set(ids))
    pointed_at = set(re.findall(r'(?:href="#|url\(#)([^")]+)', large))
    for named in re.findall(r'aria-labelledby="([^"]+)"', large):
        pointed_at |= set(named.split())
    assert pointed_at <= set(ids)


def test_writes_a_file_and_returns_its_path(tmp_path: Path):
    """With a path the report is written in UTF-8 and the path returned."""
    path = render_report([sample_payload()], str(tmp_path / "r.html"), as_of=date(2018, 3, 16))
    assert path == tmp_path / "r.html"
    assert path.read_text(encoding="utf-8") == render_report(sample_payload(), as_of="2018-03-16")


def test_as_of_moves_the_days_and_stands_in_the_report():
    """Days count from the as-of day; past the due date the report says overdue by how much."""
    text = _text(render_report(sample_payload(), as_of="2018-06-01"))
    assert "As of 1 Jun 2018 · retrieved 16 Mar 2018 (UTC)" in text
    assert "last paid 516 days ago" in text
    assert "Latest invoice fell due" in text
    assert "Overdue by at least 17 days" in text


def test_terms_move_the_due_day():
    """The due day is the latest invoice's plus the terms, and the terms are named."""
    text = _text(render_report(sample_payload(), terms_days=30))
    assert "falls due on 15 Apr 2018" in text
    assert "plus 30 days" in text


def test_locale_writes_numbers_and_months_its_way():
    """Separators and months follow the locale; words stay English."""
    assert "CHF 1\N{RIGHT SINGLE QUOTATION MARK}230.33 owed" in _text(
        render_report(sample_payload(), locale="de_CH")
    )
    page = str(render_report(of_summaries(sample_history())[-30:], locale="de"))
    assert "7. Jan. 2026" in _text(page)
    assert "257.081,13" in page
    # In charts, their titles and descriptions, too.
    assert not re.search(r"\d,\d{3}\.\d|\d,\d{3},\d{3}", page)
    written = set(re.findall(r"<text [^>]*>([^<]*)</text>", page))
    assert {"März", "5.277,649"} <= written
    assert not {"Mar", "May", "5,277.649"} & written


def test_a_difference_is_shown_and_not_hidden():
    """Parts that do not add up are flagged with the sign and the amount."""
    text = _text(render_report(payload(item("GBP", "10.01", detail("Recurring", 10)))))
    assert "Stated GBP 10.01 ≠ sum of parts GBP 10.00, difference 0.01." in text
    assert "▲ Difference: GBP:" in text


def test_a_currency_without_parts_is_not_called_reconciled():
    """Without details there is nothing to compare the stated balance with."""
    text = _text(render_report(payload(item("GBP", 10))))
    assert "Stated GBP 10.00; the service states no parts to compare it with." in text
    assert "GBP 10.00 owed; never paid." in text
    assert "Not stated" in text


def test_a_credit_is_called_one():
    """A negative balance is a credit, in words and in parentheses, and never overdue."""
    text = _text(
        render_report(payload(item("GBP", None, detail("OneTime", -12))), as_of="2030-01-01")
    )
    assert "Credit of GBP 12.00" in text
    assert (
        "12.00 Credit" in " ".join(reversed(re.findall(r"Credit|12\.00", text))) or "Credit" in text
    )
    assert "(12.00)" in text
    assert "overdue" not in text
    assert "▲" not in text


def test_an_account_without_invoices_is_said():
    """No items means nothing owed and nothing wrong."""
    text = _text(render_report(payload()))
    assert (
        "Contoso · Partner Center: no balances are stated, as for an account without invoices."
        in text
    )


def test_a_currency_that_is_no_longer_stated_is_said():
    """What the payload before stated and the latest does not is named with its last balance."""
    before = payload(item("GBP", 5), item("EUR", 7))
    now = payload(item("GBP", 5), at=datetime(2024, 4, 5, tzinfo=UTC))
    text = _text(render_report([now, before]))
    assert (
        "Contoso · Partner Center: EUR is no longer stated; on 5 Mar 2024 it was EUR 7.00." in text
    )


def test_says_what_changed_since_the_payload_before():
    """Movement, payment and new invoice since the previous payload are in the summary."""
    before = payload(item("GBP", None, detail("Recurring", 100)))
    paid = {"lastPaymentDate": "2024-03-20T00:00:00", "lastPaymentAmount": 40}
    now = payload(
        item(
            "GBP",
            60,
            detail("Recurring", 60, **paid),
            **paid,
            latestInvoiceDate="2024-03-08T00:00:00",
        ),
        at=datetime(2024, 4, 5, tzinfo=UTC),
    )
    assert (
        "Down GBP 40.00 since 5 Mar 2024: payment of GBP 40.00 on 20 Mar 2024,"
        " new invoice of 8 Mar 2024." in _text(render_report([before, now]))
    )
    same = replace(before, retrieved_at=now.retrieved_at)
    assert "Unchanged since 5 Mar 2024." in _text(render_report([before, same]))


def test_flags_a_balance_that_moved_without_cause():
    """A balance that turns to zero though nothing was paid is flagged, as in February 2023."""
    before = payload(item("GBP", None, detail("Recurring", 100)))
    now = payload(item("GBP", None, detail("Recurring", 0)), at=datetime(2024, 4, 5, tzinfo=UTC))
    text = _text(render_report([before, now]))
    assert "no payment and no invoice explains it" in text
    assert "▲ Unexplained movement: between 5 Mar 2024 and 5 Apr 2024" in text


def test_flags_the_outage_of_february_2023():
    """Balances that all read zero, dates as before, are flagged in the summary and below."""
    july = datetime(2025, 7, 1, tzinfo=UTC)
    until_outage = [each for each in sample_history() if each.retrieved_at < july]
    text = _text(render_report(until_outage))
    assert (
        "Nothing owed in EUR; last paid 75 days ago. Down EUR 18,240.65 since 5 May 2025:"
        " no payment and no invoice explains it. ▲ 1 unexplained movement." in text
    )
    assert (
        "▲ Unexplained movement: between 5 May 2025 and 5 Jun 2025 the balance went from"
        " EUR 18,240.65 to EUR 0.00 without a payment or an invoice." in text
    )
    assert text.count("▲ Unexplained movement:") == 1


@pytest.mark.parametrize(
    ("now", "flagged"),
    [
        ({"lastPaymentDate": NONE, "lastPaymentAmount": 0, "latestInvoiceDate": NONE}, "none"),
        ({"lastPaymentDate": "2024-03-20T00:00:00", "lastPaymentAmount": 40}, "GBP 40.00 on 20"),
        ({"lastPaymentDate": "2024-03-20T00:00:00", "lastPaymentAmount": 100}, None),
        ({"latestInvoiceDate": "2024-03-08T00:00:00"}, "none"),
    ],
    ids=["dates gone, too", "paid less", "paid in full", "only an invoice"],
)
def test_flags_a_balance_that_turned_to_zero_beyond_what_was_paid(now, flagged):
    """Zero is reached by paying all of it: a smaller payment or a new invoice is not enough."""
    paid = {"lastPaymentDate": "2024-02-20T00:00:00", "lastPaymentAmount": 7}
    before = payload(item("GBP", 100, detail("Recurring", 100, **paid), **paid))
    after = payload(
        item("GBP", 0, detail("Recurring", 0), **(paid | now)), at=datetime(2024, 4, 5, tzinfo=UTC)
    )
    text = _text(render_report([before, after]))
    assert ("▲ Moved beyond the stated payment." in text) == (flagged is not None)
    if flagged:
        assert (
            "▲ Movement beyond the stated payment: since 5 Mar 2024 the balance went from"
            f" GBP 100.00 to GBP 0.00; the only payment stated since is {flagged}" in text
        )


def test_an_invoice_may_add_what_nobody_states():
    """Beside a new invoice a movement is not called unexplained: its amount is not stated."""
    before = payload(item("GBP", 100))
    after = payload(
        item("GBP", 250, latestInvoiceDate="2024-03-08T00:00:00"),
        at=datetime(2024, 4, 5, tzinfo=UTC),
    )
    assert "▲" not in _text(render_report([before, after], as_of="2024-04-05"))


def test_a_payment_in_the_future_is_flagged_without_a_warning():
    """A payment after the as-of day is marked in the page; rendering itself is quiet."""
    paid = {"lastPaymentDate": "2024-03-20T00:00:00", "lastPaymentAmount": 40}
    text = _text(render_report(payload(item("GBP", None, detail("Recurring", 1, **paid), **paid))))
    assert "▲ Payment in the future: GBP:" in text
    assert "a payment is dated 15 days ahead" in text


def test_partners_stand_side_by_side():
    """Each partner has its own statement; within a currency their sum is said to be one."""
    one = payload(item("GBP", None, detail("Recurring", "0.1")), partner="Contoso")
    two = payload(item("GBP", None, detail("Recurring", "0.2")), partner="Fabrikam")
    text = _text(render_report([one, two]))
    assert "GBP 0.30 owed by 2 accounts together." in text
    assert "Contoso · Partner Center GBP 0.10 owed" in text
    html = str(render_report([one, two]))
    table = re.search(r'aria-label="Partners in GBP">(.*?)</table>', html, re.DOTALL)[1]
    rows = [_text(row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
    assert [row.split(" Never")[0] for row in rows[1:]] == [
        "Contoso · Partner Center 0.10",
        "Fabrikam · Partner Center 0.20",
    ]


def test_a_credit_of_one_partner_is_not_set_off_against_anothers_debt():
    """What one is owed is nobody else's: both sums are said."""
    owes = payload(item("GBP", None, detail("Recurring", 100)), partner="Contoso")
    owed = payload(item("GBP", None, detail("Recurring", -30)), partner="Fabrikam")
    text = _text(render_report([owes, owed]))
    assert "GBP 100.00 owed; credits of GBP 30.00, not set off." in text
    assert "70.00" not in text
    both = _text(render_report([owed, replace(owed, partner="Contoso")]))
    assert "Credits of GBP 60.00, 2 accounts together." in both


def test_nothing_owed_is_not_due():
    """A due day stands only beside a balance that is owed."""
    nothing = payload(item("GBP", None, detail("Recurring", 0), detail("OneTime", 0)))
    text = _text(render_report(nothing, as_of="2030-01-01"))
    assert "Nothing owed in GBP" in text
    assert "fell due" not in text.replace("Earlier invoices fell due before it", "")
    assert "8 Apr 2024" not in text


def test_the_summary_is_not_silent_about_what_is_wrong():
    """Overdue, a difference and unexplained movements are said in the first lines."""
    before = payload(item("GBP", 200, detail("Recurring", 100)))
    now = payload(item("GBP", 100, detail("Recurring", 40)), at=datetime(2024, 5, 5, tzinfo=UTC))
    text = _text(render_report([before, now]))
    assert "▲ Overdue by at least 27 days; its parts do not add up; 1 unexplained movement." in text


def test_old_movements_do_not_bury_the_figures():
    """The newest three stand in full, the others are counted."""
    payloads = [
        payload(item("GBP", n % 2), at=datetime(2024, n, 5, tzinfo=UTC)) for n in range(1, 8)
    ]
    text = _text(render_report(payloads))
    assert text.count("Unexplained movement:") == 3
    assert "Unexplained movements before these: 3." in text
    assert "6 earlier answers" in text


def test_two_clouds_of_one_partner_are_told_apart():
    """The switch names the cloud where the partner's name alone would stand twice."""
    one = payload(item("GBP", 1))
    html = str(render_report([one, replace(one, cloud="china")]))
    assert html.count("Contoso · Partner Center operated by 21Vianet</label>") == 1


def test_a_currency_stated_twice_counts_both():
    """Duplicate items of a currency are both owed; the table shows both lines."""
    text = _text(render_report(payload(item("GBP", 1), item("GBP", 2))))
    assert "GBP 3.00 owed" in text
    assert text.count("Stated by Partner Center") == 2


def test_a_title_cannot_end_the_style_sheet_it_is_printed_from():
    """The page's head is CSS: a title's quotes, brackets and backslashes are escaped there."""
    title = 'Owed"; } </style><b>& \\ 100 %'
    html = str(render_report(payload(item("GBP", 5)), title=title))
    assert html.count("</style>") == 1
    content = re.search(r'@top-left { content: "([^"]*)"; }', html)[1]
    assert re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), content) == title


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the PDF of a history: two partners, six currencies, many pages."""
    path = tmp_path_factory.mktemp("pdf") / "report.PDF"
    assert render_report(sample_history()[-6:], path) == path
    return path


def test_a_path_that_ends_in_pdf_gives_a_tagged_pdf(pdf: Path):
    """It has a title, is tagged for screen readers, and holds the figures."""
    document = pypdfium2.PdfDocument(pdf)
    assert pypdfium2.raw.FPDFCatalog_IsTagged(document)
    assert document.get_metadata_value("Title") == "Invoice summaries · Sample data"
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    for figure in ("GBP 257,081.13 owed", "15,013,861", "difference 0.00", "SHA-256"):
        assert figure in text.replace("\N{NO-BREAK SPACE}", " ")


def test_every_printed_page_says_its_number_and_day_and_keeps_its_margins(pdf: Path):
    """Nothing is cut at an edge, no page is empty, and all say what they are of."""
    SCREENSHOTS.mkdir(exist_ok=True)
    document = pypdfium2.PdfDocument(pdf)
    for number, page in enumerate(document, start=1):
        text = page.get_textpage().get_text_range().replace("\N{NO-BREAK SPACE}", " ")
        assert f"Page {number} of {len(document)}" in text
        assert "Sample data, not an account · As of 5 Dec 2025" in text
        assert len(text) > 150
        picture = page.render(scale=1).to_pil()
        picture.save(SCREENSHOTS / f"report-pdf-{number}.png")
        ink = picture.convert("L").point(lambda light: 255 if light < 250 else 0).getbbox()
        assert ink[0] >= 36
        assert ink[2] <= picture.width - 36


def test_a_pdf_is_equal_twice(tmp_path: Path):
    """The same payload gives the same bytes, as for HTML."""
    one, two = (render_report(sample_payload(), tmp_path / name) for name in ("1.pdf", "2.pdf"))
    assert Path(one).read_bytes() == Path(two).read_bytes()


def test_a_name_turns_no_figure_around():
    """Commands to write from right to left are left out; what is written so is kept apart."""
    given = payload(item("GBP", None, detail("Type\u202e", 7), detail("שמש", 1)), partner="شركة")
    text = _text(re.sub(r"<svg.*?</svg>", "", str(render_report(given)), flags=re.DOTALL))
    assert "\u202e" not in text
    assert "GBP 8.00 owed, 88 % Type; never paid." in text
    assert "\u2068שמש\u2069" in text
    assert "\u2068شركة\u2069 · Partner Center" in text


def test_words_of_any_length_are_set_in_a_pdf(tmp_path: Path):
    """A word of ten thousand letters is cut, and takes no minutes."""
    attack = '<script>window.hit=1</script><img src="https://example.com/x.png">' + "y" * 10_000
    hostile = payload(item("GBP", None, detail(attack, 5)), partner=attack)
    path = render_report(hostile, tmp_path / "report.pdf", title=attack)
    document = pypdfium2.PdfDocument(path)
    assert len(document) <= 2
    text = document[0].get_textpage().get_text_range()
    assert "<script>window.hit=1</script>" in text.replace("\r\n", "")
    assert "y\N{HORIZONTAL ELLIPSIS}" in text.replace("\r\n", "")


def test_the_example_in_the_documentation_is_what_is_rendered():
    """It reads as the sample's report does, whatever drew it; only versions may differ."""
    example = (ROOT / "docs" / "example-report.html").read_text(encoding="utf-8")
    texts = [_text(html) for html in (example, render_report(sample_payload(), as_of="2018-03-16"))]
    assert len({text.split("Made with")[0] for text in texts}) == 1


def test_refuses_no_payload_and_a_bad_one():
    """Nothing to report on, and a body that is none, are errors that say so."""
    with pytest.raises(ConfigurationError, match="no payload"):
        render_report([])
    with pytest.raises(PayloadError):
        render_report(replace(sample_payload(), body=b"<html>"))
    with pytest.raises(ConfigurationError, match="not a date"):
        render_report(sample_payload(), as_of="soon")
    with pytest.raises(ConfigurationError, match="no locale"):
        render_report(sample_payload(), locale="xx_nowhere")


def test_paper_gets_every_drawing_whole():
    """What is done to a page before it becomes a PDF touches names of thousands of letters only."""
    html = str(render_report(sample_history()))
    paths = re.findall(r'<path d="([^"]+)"', html)
    assert max(map(len, paths)) > 200
    assert re.findall(r'<path d="([^"]+)"', _for_paper(html)) == paths
    long = _for_paper(str(render_report(payload(item("GBP", 5), partner="y" * 5000))))
    assert "y" * 100 + "\N{HORIZONTAL ELLIPSIS}" in long
    assert "y" * 101 not in re.sub(r"<[^>]+>", "", long)


def test_paper_leaves_room_beside_every_anchored_text():
    """WeasyPrint cuts such a text at its advances, and what a letter is wider would be lost."""
    page = _for_paper(str(render_report(sample_payload())))
    anchored = re.findall(r'<text [^>]*text-anchor="[^>]*>([^<]*)</text>', page)
    assert any("OneTime" in words for words in anchored)
    assert all(words[0] == words[-1] == "\N{NO-BREAK SPACE}" for words in anchored)


@pytest.mark.parametrize(
    ("now", "beyond"), [(200, True), (899, True), (900, False), (901, False), (1500, False)]
)
def test_flags_a_fall_beyond_the_payment_beside_a_new_invoice(now: int, beyond: bool):
    """An invoice adds to the balance, so a fall by more than the payment is unexplained."""
    paid = {"lastPaymentDate": "2024-03-20T00:00:00", "lastPaymentAmount": 100}
    given = [
        payload(item("GBP", None, detail("Recurring", 1000))),
        payload(
            item("GBP", now, detail("Recurring", now, **paid), **paid,
                 latestInvoiceDate="2024-03-08T00:00:00"),
            at=datetime(2024, 4, 5, tzinfo=UTC),
        ),
    ]  # fmt: skip
    text = _text(render_report(given))
    assert ("fell by more than the payment stated" in text) == beyond
    assert ("Movement beyond the stated payment" in text) == beyond


def test_paper_gets_what_is_read_from_the_right_in_the_order_of_drawing():
    """WeasyPrint sets a chart's letters from left to right, whatever they are."""
    given = payload(item("GBP", None, detail("שמש OneTime 12 אב", 1)))
    page = _for_paper(str(render_report(given)))
    lane = re.search(r'<text [^>]*text-anchor="end"[^>]*>([^<]*OneTime[^<]*)</text>', page)[1]
    assert lane.strip("\N{NO-BREAK SPACE}") == "שמש"[::-1] + " OneTime 12 " + "אב"[::-1]
    assert "שמש OneTime 12 אב" in page  # outside charts it can


def test_numbers_of_days_are_written_as_the_locale_does():
    """In sentences, remarks, tables, charts and what these are described by."""
    page = str(render_report(sample_payload(), as_of="2021-01-01", locale="de"))
    assert "1.461\N{NO-BREAK SPACE}days" in page
    assert not re.search(r"1,\d{3}\s+days", page)
    late = payload(
        item("GBP", None, detail("Recurring", 1, lastPaymentDate="2030-03-15T00:00:00Z"),
             lastPaymentDate="2030-03-15T00:00:00Z")
    )  # fmt: skip
    assert not re.search(r"\d,\d{3}\s+days", str(render_report(late, locale="de")))


def test_a_split_that_holds_a_credit_is_said_in_amounts():
    """A share of a sum says nothing where a part is below zero, but the parts do."""
    parts = [
        detail("Recurring", "88376.61", currency="USD"), detail("OneTime", -2150, currency="USD")
    ]  # fmt: skip
    split = ": Recurring USD 88,376.61, OneTime (USD 2,150.00);"
    assert f"USD 86,226.61 owed{split}" in _text(render_report(payload(item("USD", None, *parts))))
    apart = payload(item("USD", 5, *parts))
    assert split not in _text(render_report(apart))  # the parts are not the whole


def test_names_the_ids_of_earlier_answers_where_any_is_known():
    """A column each for request and correlation ids, left out where no earlier answer has one."""
    first, second, third = (
        payload(item("GBP", 5), at=datetime(2024, month, 5, tzinfo=UTC)) for month in (1, 2, 3)
    )
    text = _text(render_report([replace(first, request_id="r-1"), second, third]))
    table = text[text.index("2 earlier answers") :]
    assert "Request id" in table
    assert "Correlation id" not in table
    assert f"2024-01-05 00:00:00 {first.sha256} r-1" in table
    bare = _text(render_report([first, second, third]))
    assert "Request id" not in bare[bare.index("2 earlier answers") :]


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("Contoso \U0010fffd", "has U\\+10FFFD: "),
        ("\U0010fffc\U0010fffd", "has U\\+10FFFC U\\+10FFFD: "),
        ("".join(map(chr, range(0x100000, 0x100020))), r"has .* U\+100013 and 12 more: "),
    ],
)
def test_letters_that_no_font_has_are_named(tmp_path: Path, name: str, named: str):
    """The PDF shows boxes, which its reader cannot know to be letters."""
    given = replace(sample_payload(), partner=name)
    with pytest.warns(PcNotebooksWarning, match=f"No font on this machine {named}") as caught:
        render_report(given, tmp_path / "report.pdf")
    assert [each.filename for each in caught] == [__file__]
    assert "report.pdf" in {path.name for path in tmp_path.iterdir()}
    render_report(sample_payload(), tmp_path / "report.pdf")  # and what all fonts have is not


@pytest.mark.parametrize("offset", range(4))
def test_no_partners_name_ends_a_page(offset: int):
    """What is owed follows the name on the same page, wherever a page ends."""
    given = [
        payload(item("GBP", None, detail("Recurring", 7)), partner=f"Partner {number:02}")
        for number in range(40)
    ]
    html = render_report(given, title=" ".join(["Title of some lines"] * 4 * offset) or None)
    summary = re.sub(r'(?s)<div class="switches">.*</main>', "</main>", str(html))
    ends = []
    for page in pypdfium2.PdfDocument(pdf_of(summary)):
        lines = page.get_textpage().get_text_range().splitlines()
        ends += [line.strip() for line in lines if line.startswith(("Partner ", "£", "GBP"))][-1:]
    assert len(ends) > 1
    # The last page ends with the provenance.
    assert not [end for end in ends[:-1] if end.endswith("Partner Center")]
