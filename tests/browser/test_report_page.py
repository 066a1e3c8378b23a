"""The report as its reader meets it: a file, opened in a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from pcnotebooks import csv_text, render_report, sample_history, sample_payload
from tests.builders import AT, detail, item, payload

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the sample's report."""
    path = tmp_path_factory.mktemp("report") / "sample.html"
    render_report(sample_payload(), path, as_of="2018-03-16")
    return path.as_uri()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the sample history's report: two partners, six currencies."""
    path = tmp_path_factory.mktemp("report") / "history.html"
    render_report(sample_history(), path)
    return path.as_uri()


def test_opens_with_no_request_but_itself(open_page: OpenPage, sample: str):
    """Opening, switching and printing ask for nothing, and the policy has nothing to refuse."""
    page = open_page("about:blank")
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(sample)
    page.get_by_role("radio", name="GBP", exact=True).check()
    page.pdf()
    assert asked == [sample]
    assert said == []


@pytest.mark.parametrize(
    ("width", "scheme", "media"),
    [
        (1600, "light", "screen"),
        (900, "dark", "screen"),
        (360, "light", "screen"),
        (360, "dark", "screen"),
        (900, "light", "print"),
        (900, "dark", "print"),
    ],
)
def test_passes_the_accessibility_audit(
    open_page: OpenPage, history: str, screenshots: Path, width: int, scheme: str, media: str
):
    """No rule of axe is broken at any width, on light and dark ground, on screen and in print."""
    page = open_page(history, width=width)
    page.emulate_media(media=media, color_scheme=scheme)
    for hidden in page.locator("details").all():
        hidden.evaluate("each => { each.open = true }")
    results = Axe().run(page)
    page.screenshot(path=screenshots / f"report-{width}-{scheme}-{media}.png", full_page=True)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_switches_currency_by_keyboard_without_script(open_page: OpenPage, sample: str):
    """Arrow keys choose the currency with scripts switched off; All comes back."""
    page = open_page(sample, java_script_enabled=False)
    sections = page.locator("section.currency")
    expect(sections).to_have_count(3)
    page.get_by_role("radio", name="All", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert [section.is_visible() for section in sections.all()] == [True, False, False]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert [section.is_visible() for section in sections.all()] == [False, False, True]
    assert page.get_by_text("751,094.39").first.is_visible()
    page.keyboard.press("ArrowRight")
    assert all(section.is_visible() for section in sections.all())


def test_enter_on_a_choice_leaves_the_page_alone(open_page: OpenPage, sample: str):
    """There is no form to send: neither address nor choice changes."""
    page = open_page(sample)
    page.get_by_role("radio", name="GBP", exact=True).check()
    page.keyboard.press("Enter")
    assert page.url == f"{sample}#currency=GBP"
    assert page.get_by_role("radio", name="GBP", exact=True).is_checked()


def test_opens_with_what_its_address_names(open_page: OpenPage, history: str):
    """A link to a choice can be sent on; an unknown value and an unknown name change nothing."""
    page = open_page(f"{history}#currency=USD&partner=Fabrikam+%28sample%29")
    assert [each.inner_text() for each in page.locator("section.currency h2:visible").all()] == [
        "USD"
    ]
    assert page.locator(".statement:visible").count() == 1
    page.evaluate("location.hash = '#partner=Contoso%20(sample)&currency=XXX&nonsense=1'")
    expect(page.locator(".statement:visible")).to_have_count(1)
    expect(page.get_by_role("radio", name="Contoso (sample)", exact=True)).to_be_checked()
    page.evaluate("location.hash = ''")
    expect(page.locator(".statement:visible")).to_have_count(7)


def test_names_what_is_chosen_in_its_address(open_page: OpenPage, history: str):
    """Choices stand in the address, All leaves it, and no entry is added to the history."""
    page = open_page(history)
    entries = page.evaluate("history.length")
    page.get_by_role("radio", name="JPY", exact=True).check()
    page.get_by_role("radio", name="Fabrikam (sample)", exact=True).check()
    assert page.url == f"{history}#currency=JPY&partner=Fabrikam+%28sample%29"
    page.reload()
    assert page.get_by_role("radio", name="JPY", exact=True).is_checked()
    for group in ("Currency", "Partner"):
        page.get_by_role("group", name=group).get_by_role("radio", name="All").check()
    assert page.url == f"{history}#"
    assert page.evaluate("history.length") == entries


def test_the_policy_stops_any_other_script(open_page: OpenPage, sample: str):
    """An inline script that is not the page's own is refused, were one ever to get in."""
    page = open_page("about:blank")
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(sample)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.hit = 1'}))"
    )
    assert page.evaluate("window.hit") is None
    assert "Content Security Policy" in " ".join(said)


def test_its_figures_can_be_taken_along(open_page: OpenPage, sample: str, tmp_path: Path):
    """The link saves the CSV from inside the file, with JavaScript off, too."""
    page = open_page(sample, java_script_enabled=False)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the figures as CSV").click()
    started.value.save_as(tmp_path / "figures.csv")
    assert started.value.suggested_filename == "invoice-summaries-2018-03-16.csv"
    written = (tmp_path / "figures.csv").read_bytes().decode("utf-8-sig")
    assert written == csv_text(sample_payload(), as_of="2018-03-16")


def test_partners_are_compared_only_while_all_are_shown(open_page: OpenPage, history: str):
    """Where one partner is chosen, what all of them owe together is not left standing."""
    page = open_page(history)
    together = page.get_by_role("region", name="Partners in USD")
    assert together.locator("tbody tr").count() == 2
    assert together.is_visible()
    page.get_by_role("radio", name="Contoso (sample)", exact=True).check()
    assert not together.is_visible()


def test_forced_colours_keep_every_mark(open_page: OpenPage, history: str, screenshots: Path):
    """Where the reader's system dictates the colours, bars, lines and words use them."""
    page = open_page(history, width=900)
    page.emulate_media(forced_colors="active")
    page.screenshot(path=screenshots / "report-900-forced.png", full_page=True)
    system = page.evaluate(
        "(() => { const probe = document.createElement('p'); probe.style.color = 'CanvasText';"
        " document.body.append(probe); return getComputedStyle(probe).color })()"
    )
    marks = page.locator(":is(.pcn-desk, .pcn-three) path[style*='stroke-width:1.6']").all()
    assert len(marks) == 7
    assert {mark.evaluate("each => getComputedStyle(each).stroke") for mark in marks} == {system}


def test_forced_colours_reach_every_type_and_band(
    open_page: OpenPage, tmp_path: Path, screenshots: Path
):
    """No colour of the page's own is left, bands are outlined, and no line crosses a text."""
    parts = [detail(f"Type {n}", 5 + n) for n in range(4)]
    given = payload(item("GBP", None, *parts, detail("OneTime", "-2.5")))
    page = open_page(Path(render_report(given, tmp_path / "types.html")).as_uri(), width=900)
    page.emulate_media(forced_colors="active")
    page.screenshot(path=screenshots / "report-900-forced-types.png", full_page=True)
    root = page.locator("html")
    for place in range(4):
        colour = root.evaluate(
            "(html, name) => getComputedStyle(html).getPropertyValue(name)", f"--pcn-other-{place}"
        )
        assert not colour.strip().startswith("#")
    bands = page.locator(".pcn-desk rect[style*='--pcn-band-']").all()
    assert len(bands) == 4
    assert {each.evaluate("each => getComputedStyle(each).stroke") for each in bands} != {"none"}
    texts = page.locator(".pcn-chart text").all()
    assert {each.evaluate("each => getComputedStyle(each).paintOrder") for each in texts} == {
        "stroke"
    }


@pytest.mark.parametrize(("size", "width", "height"), [("A4", 595, 842), ("Letter", 612, 792)])
def test_prints_on_paper_of_both_sizes(
    open_page: OpenPage, history: str, screenshots: Path, size: str, width: int, height: int
):
    """Each page has its number and day, keeps its margins, and a currency begins on its own."""
    page = open_page(f"{history}#currency=CHF")
    path = screenshots / f"report-{size}.pdf"
    page.pdf(path=path, format=size, tagged=True)
    document = pypdfium2.PdfDocument(path)
    assert pypdfium2.raw.FPDFCatalog_IsTagged(document)
    begun = []
    for number, sheet in enumerate(document, start=1):
        text = sheet.get_textpage().get_text_range().replace("\N{NO-BREAK SPACE}", " ")
        assert f"Page {number} of {len(document)}" in text
        assert "As of 5 Dec 2025" in text
        lines = text.split("\r\n")
        begun += [line for line in lines if line in {"CHF", "EUR", "GBP", "JPY", "KWD", "USD"}]
        picture = sheet.render(scale=1).to_pil()
        assert abs(picture.width - width) <= 1
        assert abs(picture.height - height) <= 1
        picture.save(screenshots / f"report-{size}-{number}.png")
        ink = picture.convert("L").point(lambda light: 255 if light < 250 else 0).getbbox()
        assert ink[0] >= 36
        assert ink[2] <= width - 36
    assert sorted(set(begun)) == ["CHF", "EUR", "GBP", "JPY", "KWD", "USD"]


def test_a_printed_currency_begins_above_the_last_third_of_a_page(
    open_page: OpenPage, tmp_path: Path
):
    """However long what stands before it is, so that no heading is left at the foot."""
    codes = ("AUD", "CHF", "EUR", "GBP")
    partner = "Wide World Importers International Holdings and Subsidiaries GmbH & Co. KG aA " * 3
    given = [
        payload(*(item(code, 5) for code in codes), partner=name) for name in (partner, "Fabrikam")
    ]
    page = open_page(Path(render_report(given, tmp_path / "many.html")).as_uri())
    begun = []
    for lower in range(0, 300, 75):
        page.add_style_tag(content=f"h1 {{ margin-top: {lower}px !important; }}")
        for sheet in pypdfium2.PdfDocument(page.pdf(format="A4")):
            text = sheet.get_textpage()
            lines = text.get_text_range()
            for code in codes:
                place = lines.find(f"{code}\r\n")
                if place >= 0:
                    begun.append(1 - text.get_charbox(place)[3] / sheet.get_height())
    assert len(begun) >= 16
    assert max(begun) < 0.67, sorted(begun)


_BETWEEN = """rows => rows.map(row => {
  const [one, other] = [...row.querySelectorAll(".pcn-phone svg")].map(svg =>
    [...svg.querySelectorAll("text")].map(text => text.getBoundingClientRect()));
  return Math.min(...other.map(box => box.left)) - Math.max(...one.map(box => box.right));
})"""


def test_printed_charts_stand_apart(open_page: OpenPage, sample: str):
    """The values of one are not read as the names of the other, on the width of A4."""
    page = open_page(sample, width=688)
    page.emulate_media(media="print")
    several = page.locator(".pcn-charts:has(> :nth-child(3))")  # each chart is drawn twice
    assert min(several.evaluate_all(_BETWEEN)) >= 16


def test_switches_partner_and_currency_together(open_page: OpenPage, history: str):
    """Choosing a partner and a currency leaves the one statement that is both."""
    page = open_page(history)
    page.get_by_role("radio", name="USD", exact=True).check()
    page.get_by_role("radio", name="Fabrikam (sample)", exact=True).check()
    shown = [each for each in page.locator(".statement").all() if each.is_visible()]
    assert [each.locator("h3").inner_text() for each in shown] == ["Fabrikam (sample)"]


def test_hides_a_currency_that_the_chosen_partner_does_not_have(open_page: OpenPage, history: str):
    """A heading without any statement below it is not left standing."""
    page = open_page(history)
    page.get_by_role("radio", name="Fabrikam (sample)", exact=True).check()
    shown = [each for each in page.locator("section.currency").all() if each.is_visible()]
    assert [each.locator("h2").inner_text() for each in shown] == ["JPY", "KWD", "USD"]


def test_says_that_a_partner_states_nothing_in_a_currency(open_page: OpenPage, history: str):
    """A choice of both that have nothing in common leaves a sentence; no other choice shows one."""
    page = open_page(history, java_script_enabled=False)
    sentences = page.locator(".absent")
    assert sentences.count() == 1  # not one for each pair, of which there may be thousands
    chf = page.get_by_role("radio", name="CHF", exact=True)
    fabrikam = page.get_by_role("radio", name="Fabrikam (sample)", exact=True)

    def said() -> list[str]:
        return [each.inner_text() for each in sentences.all() if each.is_visible()]

    chf.check()
    assert said() == []
    fabrikam.check()
    assert said() == ["Fabrikam (sample) states nothing in CHF."]
    page.get_by_role("radio", name="USD", exact=True).check()
    assert said() == []
    page.get_by_role("group", name="Currency").get_by_role("radio", name="All").check()
    assert said() == []
    chf.check()
    page.emulate_media(media="print")
    assert said() == []


def test_says_so_where_there_is_one_currency(open_page: OpenPage, tmp_path: Path):
    """There is no currency to choose then, and a partner may state none."""
    given = [payload(item("GBP", 5)), payload(partner="Fabrikam")]
    page = open_page(Path(render_report(given, tmp_path / "one.html")).as_uri())
    page.get_by_role("radio", name="Fabrikam", exact=True).check()
    expect(page.get_by_text("Fabrikam states nothing in GBP.")).to_be_visible()


def test_a_large_balance_stays_on_a_narrow_page(open_page: OpenPage, tmp_path: Path):
    """Billions with their cents are read without scrolling the page sideways, in a wide font."""
    given = payload(item("GBP", None, detail("Recurring", "876543210987.65")))
    page = open_page(Path(render_report(given, tmp_path / "large.html")).as_uri(), width=360)
    page.add_style_tag(content="body { font-family: 'DejaVu Sans' !important; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


_SIZES = """svgs => svgs.filter(svg => svg.getBoundingClientRect().width).flatMap(svg => {
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [...svg.querySelectorAll("text")].map(text => parseFloat(text.style.fontSize) * scale);
})"""


@pytest.mark.parametrize("width", [360, 640, 800, 1058, 1280, 1600])
def test_letters_of_charts_can_be_read_at_every_width(
    open_page: OpenPage, history: str, sample: str, width: int
):
    """Never below 12 pixels, and not twice that either; a chart is drawn for where it is shown."""
    for address in (history, sample):
        sizes = open_page(address, width=width).locator(".pcn-chart").evaluate_all(_SIZES)
        assert sizes
        assert min(sizes) >= 11.95
        assert max(sizes) <= 20


@pytest.mark.parametrize("width", [360, 412, 700, 800])
def test_nothing_is_scrolled_sideways(
    open_page: OpenPage, history: str, sample: str, tmp_path: Path, width: int
):
    """On a phone charts are drawn narrow, and rows of tables are cards; else cells are tighter."""
    name = "Wide World Importers International Holdings GmbH & Co. KG"
    parts = [detail("Recurring", "9123456.25"), detail("OneTime", "-1234567.5")]
    wide = tmp_path / "wide.html"
    day = AT.replace(day=9)
    render_report(
        [
            payload(item("GBP", None, *parts), partner=owner, at=at)
            for owner in (name, "Fabrikam")
            for at in (AT, day)
        ],
        wide,
        as_of="2026-01-01",
    )
    for address in (history, sample, wide.as_uri()):
        page = open_page(address, width=width)
        for hidden in page.locator("details").all():
            hidden.evaluate("each => { each.open = true }")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = page.locator("main .table:visible, .pcn-charts-of").evaluate_all(
            "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).map(each =>"
            " each.ariaLabel)"
        )
        assert wide == []


def test_a_choice_filters_table_and_notices(open_page: OpenPage, history: str):
    """Without script as well: what is said above is what is shown below."""
    page = open_page(history, java_script_enabled=False)
    page.get_by_role("radio", name="CHF", exact=True).check()
    rows = page.locator(".first tbody tr:visible")
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["CHF"]
    (notice,) = page.locator(".notices li:visible").all_inner_texts()
    assert notice.replace("\N{NO-BREAK SPACE}", " ").startswith("▲ CHF 2,434.83 overdue")
    page.get_by_role("radio", name="Fabrikam (sample)", exact=True).check()
    assert page.locator(".first tbody tr:visible").count() == 0
    page.get_by_role("group", name="Currency").get_by_role("radio", name="All").check()
    assert page.locator(".first tbody tr:visible").count() == 3


def test_fifty_partners_have_a_list_to_choose_from(open_page: OpenPage, tmp_path: Path):
    """The switch and the first rows are on the first screen, and a choice filters everything."""
    given = [payload(item("GBP", place), partner=f"Partner {place:02}") for place in range(1, 51)]
    path = Path(render_report(given, tmp_path / "fifty.html"))
    page = open_page(path.as_uri(), java_script_enabled=False)
    switch = page.locator("select[name=partner]")
    assert switch.bounding_box()["y"] < 400
    page.set_viewport_size({"width": 360, "height": 700})
    page.locator(".first tbody tr").last.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 1000
    assert switch.bounding_box()["y"] >= 0
    switch.select_option("Partner 07")
    assert page.locator(".first tbody tr:visible").count() == 1
    assert page.locator(".statement:visible").count() == 1
    page = open_page(path.as_uri() + "#partner=Partner+07")
    expect(page.locator(".statement:visible")).to_have_count(1)
    page.locator("select[name=partner]").select_option("Partner 08")
    assert page.url.endswith("#partner=Partner+08")


def test_prints_every_currency(open_page: OpenPage, sample: str):
    """What is printed does not depend on what was chosen on the screen."""
    page = open_page(sample)
    page.get_by_role("radio", name="CHF", exact=True).check()
    page.emulate_media(media="print")
    assert all(section.is_visible() for section in page.locator("section.currency").all())
    assert not page.locator("form.switches").is_visible()


def test_runs_nothing_that_the_service_sent(open_page: OpenPage, tmp_path: Path):
    """Markup in invoice types, symbols, partners and ids is text to the reader."""
    attack = '<script>window.hit=1</script><img src=x onerror="window.hit=1">"><svg/onload=hit=1>'
    hostile = item("GBP", None, detail(attack, 5, currencySymbol=attack), currencySymbol=attack)
    one = replace(payload(hostile, partner=attack), request_id=attack, correlation_id=attack)
    other = payload(hostile, partner="$x$ {{ 7 * 7 }} \u202ertl" + "y" * 10_000)
    before = replace(one, retrieved_at=one.retrieved_at.replace(month=1), body=other.body)
    path = render_report([one, other, before], tmp_path / "report.html", title=attack)
    page = open_page(Path(path).as_uri(), width=900)
    page.locator("select").select_option(attack)
    page.reload()
    assert page.locator("select").input_value() == attack
    assert page.evaluate("window.hit") is None
    assert page.locator("script, img").count() == 1  # the switch's own
    assert page.title().startswith("<script>")
    assert page.get_by_text("{{ 7 * 7 }}").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


def test_every_chart_is_named_and_described(open_page: OpenPage, sample: str):
    """A screen reader gets the finding as name and the figures as description."""
    page = open_page(sample)
    charts = page.get_by_role("img").all()
    assert len(charts) == 4
    snapshot = charts[-2].aria_snapshot()
    assert "GBP 751,094.39 owed, 73 % OneTime" in snapshot.replace("\N{NO-BREAK SPACE}", " ")
    described = page.locator("svg desc").all_text_contents()
    assert any(
        "OneTime GBP 548,138.52" in each.replace("\N{NO-BREAK SPACE}", " ") for each in described
    )


# Texts that reach beyond their chart, and pairs of texts that stand in each other's way.
_COLLISIONS = """svgs => svgs.flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")]
    .map(text => [text.textContent, text.getBoundingClientRect()]);
  const out = texts.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1
    || box.top < frame.top - 1 || box.bottom > frame.bottom + 1).map(([words]) => ["out", words]);
  const over = texts.flatMap(([words, box], place) => texts.slice(place + 1).filter(([, other]) =>
    Math.min(box.right, other.right) - Math.max(box.left, other.left) > 1
    && Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 4
  ).map(([others]) => ["over", words, others]));
  return [...out, ...over];
})"""


@pytest.mark.parametrize("font", ["DejaVu Sans", "Liberation Sans"])
def test_no_text_of_a_chart_is_cut_or_covered(
    open_page: OpenPage, sample: str, history: str, tmp_path: Path, screenshots: Path, font: str
):
    """In a font that runs wide and in one that runs narrow, whatever the figures are."""
    parts = [
        detail("Recurring", "999999999999.99"), detail("OneTime", "-123456789012.34"),
        detail("Azure reservation, three years, prepaid", 1), detail(None, "0.01"),
    ]  # fmt: skip
    odd = [
        payload(item("GBP", None, *parts), item("JPY", 0), partner=f"Wide World Importers No. {n}")
        for n in range(1, 4)
    ]
    small = payload(item("GBP", 5)).body
    years = [
        replace(odd[0], body=body, retrieved_at=odd[0].retrieved_at.replace(year=year))
        for year, body in ((2019, small), (2022, odd[0].body))
    ]
    other = tmp_path / "odd.html"
    render_report([*odd, *years], other)
    for address in (sample, history, other.as_uri()):
        page = open_page(address, width=1200)
        page.add_style_tag(content=f"svg {{ font-family: '{font}' !important; }}")
        page.screenshot(
            path=screenshots / f"charts-{Path(address).stem}-{font}.png", full_page=True
        )
        assert page.locator("svg").evaluate_all(_COLLISIONS) == []
