"""With a list of invoices, what is overdue and due next is told by invoice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

import pcnotebooks as pc
from pcnotebooks import Payload
from pcnotebooks.frame import invoices as frame_of_invoices
from pcnotebooks.overview.build import overview, part
from pcnotebooks.overview.model import Choice
from pcnotebooks.overview.words import not_fetched
from pcnotebooks.report.page import write_page
from pcnotebooks.widgets.explore import Explorer
from tests.builders import AT, detail, item, payload, sheet_of

BALANCE = payload(item("GBP", None, detail("Recurring", "100.50"), detail("OneTime", 50)))


def invoice(number: str, total: object, day: str, **fields: object) -> dict[str, object]:
    """Return an invoice in pounds."""
    stated = {
        "id": number,
        "invoiceDate": f"{day}T00:00:00Z",
        "totalCharges": total,
        "paidAmount": 0,
        "currencyCode": "GBP",
        "invoiceType": "Recurring",
        "documentType": "invoice",
    }
    return stated | fields


def listed(*invoices: dict[str, object], later: timedelta = timedelta(0)) -> Payload:
    """Return a list of invoices of the balance's partner and day."""
    body = json.dumps({"totalCount": len(invoices), "items": invoices}).encode()
    return Payload(body, "global", "Contoso", AT + later, resource="invoices")


LIST = listed(
    invoice("G2", 50, "2024-02-08", invoiceType="OneTime"),
    invoice("G1", 100.5, "2023-11-08"),
    invoice("G3", -20, "2024-02-08"),
    invoice("G4", 7, "2023-10-01", documentType="void_note"),
    invoice("G5", 9, "2023-10-01", paidAmount=9),
)


def plain(text: object) -> str:
    """Return a text with breaking spaces."""
    return str(text).replace("\N{NO-BREAK SPACE}", " ")


def account(shown):
    """Return the only account of an overview."""
    ((found,),) = (section.accounts for section in shown.sections)
    return found


def test_what_is_overdue_and_what_falls_due_next():
    """Of the open invoices, not of the stated balance; the oldest and the next day are named."""
    own = account(overview([BALANCE, LIST]))
    assert (
        "GBP 100.50 of 150.50 is overdue, the oldest since 7 Jan 2024."
        " Next due: GBP 50.00 on 8 Apr 2024." in plain(own.sentence)
    )
    assert [plain(alert) for alert in own.alerts] == ["overdue by 58 days"]
    figures = {each.label: (plain(each.value), plain(each.remark)) for each in own.figures}
    assert figures["Overdue"] == ("100.50", "The oldest by 58 days")
    assert figures["Next due"] == ("8 Apr 2024", "GBP 50.00, 34 days left")


def test_open_invoices_most_overdue_first_and_credits_last():
    """What is void or paid is not open; the ids are the service's."""
    rows = account(overview([BALANCE, LIST])).invoices
    assert [(row.number, plain(row.days), plain(row.open), row.overdue) for row in rows] == [
        ("G1", "58 days overdue", "100.50", True),
        ("G2", "34 days left", "50.00", False),
        ("G3", "credit", "(20.00)", False),
    ]


def test_three_figures_and_the_likely_causes():
    """Stated, open by invoice with its credits, and what invoices do not explain."""
    stated, explained = account(overview([BALANCE, LIST])).proof
    assert "sum of parts" in stated
    assert plain(explained).startswith(
        "Open by invoice GBP 130.50, of which credits (20.00); not explained by invoices 20.00."
        " Likely: an unallocated payment"
    )


def test_another_day_ages_again_and_compares_the_same():
    """What explains a balance does not depend on the day from which days are counted."""
    whole = overview([BALANCE, LIST])
    later = account(part(whole, Choice(), as_of=date(2024, 6, 1)))
    assert "GBP 150.50 of 150.50 is overdue" in plain(later.sentence)
    assert later.proof == account(whole).proof


def test_a_list_without_open_invoices_is_not_a_missing_list():
    """Nothing is open; without a list nothing is known."""
    own = account(overview([BALANCE, listed()]))
    assert own.invoices == ()
    assert "due" not in own.sentence
    assert account(overview(BALANCE)).invoices is None
    assert "No invoice is open." in pc.render_report([BALANCE, listed()])


def test_payloads_of_other_days_are_not_compared_and_that_is_said():
    """A balance of today and invoices of last week do not fit together."""
    shown = overview([BALANCE, listed(invoice("G1", 5, "2024-02-08"), later=timedelta(days=2))])
    assert len(account(shown).proof) == 1
    assert any("more than a day apart" in sentence for sentence in shown.notes)


def test_an_invoice_in_a_currency_without_a_balance_is_named():
    """It has no section of its own, and must not vanish."""
    shown = overview([BALANCE, listed(invoice("G9", 7, "2024-02-08", currencyCode="EUR"))])
    assert any("EUR 7.00 is open by invoice" in plain(sentence) for sentence in shown.notes)


def test_invoices_alone_are_shown_without_a_balance():
    """What is overdue is known; what is stated and when it was paid is not, and not made up."""
    own = account(overview([LIST]))
    assert own.balance is None
    assert plain(own.sentence) == (
        "GBP balance not stated. Open by invoice: GBP 130.50, of which credits (20.00)."
        " GBP 100.50 of 150.50 is overdue, the oldest since 7 Jan 2024."
        " Next due: GBP 50.00 on 8 Apr 2024."
    )
    figures = {each.label: (plain(each.value), plain(each.remark)) for each in own.figures}
    assert figures == {
        "Balance owed": ("Not stated", ""),
        "Open by invoice": ("130.50", "of which credits (20.00)"),
        "Overdue": ("100.50", "The oldest by 58 days"),
        "Next due": ("8 Apr 2024", "GBP 50.00, 34 days left"),
    }
    assert plain(own.proof[0]) == (
        "Stated balance: Not stated. Open by invoice: GBP 130.50, of which credits (20.00)."
        " Not explained by invoices: Not stated."
    )
    assert [plain(alert) for alert in own.alerts] == ["overdue by 58 days"]
    assert [(line.balance, line.last_paid, line.falls_due) for line in own.lines] == [
        ("Not stated", "Not stated", "\N{EN DASH}")
    ]
    assert [type(chart).__name__ for chart in own.charts] == ["AgeingChart"]
    assert len(own.invoices) == 3


def test_invoices_alone_on_every_surface(tmp_path):
    """Page, PDF, dashboard, its static twin and workbook: nothing fails, nothing is made up."""
    html = plain(pc.render_report([LIST]))
    box = pc.dashboard(payloads=[LIST])
    static = plain(box._repr_mimebundle_()["text/html"])
    for shown in (html, plain(box._explorer.html()), static):
        assert "Open by invoice: GBP 130.50" in shown
        assert "Not stated" in shown
        assert "58 days overdue" in shown
        assert "Due dates are computed" in shown
    assert "GBP balance not stated" in plain(box.text())
    assert pc.render_report([LIST], tmp_path / "x.pdf").read_bytes().startswith(b"%PDF-")
    book = pc.write_excel(tmp_path / "x.xlsx", LIST)
    assert len(sheet_of(book, "totals")) == 0
    assert sheet_of(book, "invoices")["open_amount"].sum() == 130.5
    assert sheet_of(book, "provenance")["sha256"].tolist()[0] == LIST.sha256


def test_a_list_without_invoices_alone_is_said():
    """Neither balances nor invoices: not even a currency is known."""
    shown = overview([listed()])
    assert shown.sections == ()
    assert shown.text == "No balances are stated."
    assert [plain(note) for note in shown.notes] == [
        "Contoso · Partner Center: no invoice is listed, and no balance is stated."
    ]


def test_a_partner_with_a_list_alone_beside_one_with_balances():
    """Each has its account; only the stated balance is added up."""
    other = replace(BALANCE, partner="Fabrikam")
    shown = overview([other, LIST])
    ((first, second),) = (section.accounts for section in shown.sections)
    assert (first.partner, first.balance) == ("Contoso", None)
    assert second.balance == Decimal("150.5")
    together = plain(shown.sections[0].together)
    assert together == (
        "GBP 150.50 owed by 1 account. The balance of 1 of 2 accounts is not stated."
    )
    chosen = part(shown, Choice(partner="Contoso"))
    assert plain(chosen.text).startswith("GBP balance not stated.")
    assert [line.balance for line in part(shown, Choice(currency="GBP")).lines] == [
        "100.50", "50.00", "Not stated",
    ]  # fmt: skip
    assert part(shown, Choice(invoice_type="OneTime", partner="Contoso")).sections
    assert not part(shown, Choice(invoice_type="Azure", partner="Contoso")).sections


@pytest.mark.parametrize(
    ("paid", "words"),
    [((5, -3), "not stated for every invoice"), ((0, 0), "GBP 300.00"), ((100, 200), "GBP 0.00")],
)
def test_what_is_open_of_a_list_alone(paid, words):
    """Payments of both signs leave it open; what is paid is not open."""
    given = [
        invoice(f"G{place}", 100 * (place + 1), "2024-02-08", paidAmount=amount)
        for place, amount in enumerate(paid)
    ]
    own = account(overview([listed(*given)]))
    assert f"Open by invoice: {words}." in plain(own.sentence)
    assert f"Open by invoice: {words}." in plain(own.proof[0])


def test_another_currency_is_shown_only_if_something_is_open():
    """What was paid in a currency that is no longer used is no account."""
    old = invoice("E1", 7, "2020-01-08", currencyCode="EUR", paidAmount=7)
    new = invoice("E2", 7, "2024-02-08", currencyCode="EUR")
    assert [each.currency for each in overview([BALANCE, listed(old)]).sections] == ["GBP"]
    shown = overview([BALANCE, listed(old, new)])
    assert [each.currency for each in shown.sections] == ["EUR", "GBP"]
    assert shown.sections[0].accounts[0].balance is None


def test_why_a_resource_is_missing_is_said_on_every_surface(tmp_path):
    """Page and dashboard show the words that the overview holds."""
    error = pc.ServiceError("Partner Center answered 403.", remedy="Ask an administrator.")
    note = not_fetched("Contoso", "global", "invoices", error)
    assert plain(note) == (
        "Contoso · Partner Center: the list of invoices could not be fetched."
        " Partner Center answered 403. Ask an administrator."
    )
    shown = overview(BALANCE, notes=[note])
    assert shown.notes == (note,)
    assert part(shown, Choice(currency="GBP")).notes == (note,)
    assert note in write_page(shown, tmp_path / "x.html").read_text("utf-8")
    explorer = Explorer()
    explorer.show(shown)
    assert note in explorer.html()


def test_the_same_figures_on_every_surface(tmp_path):
    """Page, dashboard, workbook and frame say one thing."""
    html = plain(pc.render_report([BALANCE, LIST]))
    box = pc.dashboard(payloads=[BALANCE, LIST])
    path = pc.write_excel(tmp_path / "x.xlsx", BALANCE, LIST)
    sentence = "GBP 100.50 of 150.50 is overdue"
    assert sentence in html
    assert sentence in plain(box.text())
    assert "58 days overdue" in plain(box._explorer.html())
    sheet = sheet_of(path, "invoices")
    assert sheet.loc[sheet["ageing"] == "31-60", "open_amount"].tolist() == [100.5]
    ageing = sheet_of(path, "ageing").set_index("currency")
    assert ageing.loc["GBP", "31-60"] == 100.5
    assert ageing.loc["GBP", "credit"] == -20
    frame = pc.ageing_by_currency(pc.invoice_frame(LIST))
    assert frame.loc["GBP", "31-60"] == 100.5


def test_each_list_is_decoded_once(monkeypatch: pytest.MonkeyPatch):
    """As each payload of summaries is."""
    counted = Counter()
    decode = frame_of_invoices.invoices_of

    def counting(answer):
        counted[answer] += 1
        return decode(answer)

    monkeypatch.setattr(frame_of_invoices, "invoices_of", counting)
    pc.render_report([BALANCE, LIST])
    assert counted == {LIST: 1}


def test_assumptions_are_printed():
    """Whatever the list leaves open is decided, and said."""
    html = pc.render_report([BALANCE, LIST])
    for sentence in overview([BALANCE, LIST]).assumptions:
        assert sentence in html
    assert "Due dates are computed" in html


def test_the_charts_of_an_account_hold_its_ageing():
    """Between recency and trend, in the words of the frame; without a list there is none."""
    kinds = [type(chart).__name__ for chart in account(overview([BALANCE, LIST])).charts]
    assert kinds == ["BalancesChart", "RecencyChart", "AgeingChart"]
    chart = account(overview([BALANCE, LIST])).charts[2]
    assert plain(chart.title).startswith("GBP 100.50 of 150.50 overdue, the oldest by 58 days")
    assert len(account(overview(BALANCE)).charts) == 2
    html = pc.render_report([BALANCE, LIST])
    assert chart.description in html
