"""What payloads say is worked out once, and what of it is shown is a part of that."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError
from datetime import date, timedelta
from decimal import Decimal, Inexact, Rounded, localcontext

import pytest

import pcnotebooks as pc
from pcnotebooks import sample_history, sample_payload, summary_frame
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame import rows
from pcnotebooks.overview.build import overview, part
from pcnotebooks.overview.model import Account, Choice, Overview
from tests.builders import AT, detail, invoice, invoices, item, of_summaries, payload


def plain(text: str) -> str:
    """Return a text with breaking spaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def account(shown: Overview, currency: str = "GBP", partner: str = "Contoso") -> Account:
    """Return the one account of a partner in a currency."""
    (found,) = (
        each
        for section in shown.sections
        for each in section.accounts
        if (section.currency, each.partner) == (currency, partner)
    )
    return found


def two_types(
    recurring: str, one_time: str, *, owed: tuple[object, object] = (100, 50), total: str = ""
):
    """Return a payload of 16 March 2018 whose parts were last invoiced on these days."""
    days = {"latestInvoiceDate": f"{max(recurring, one_time, total)}T00:00:00"}
    parts = [
        detail(name, amount, latestInvoiceDate=f"{day}T00:00:00")
        for name, amount, day in zip(
            ("Recurring", "OneTime"), owed, (recurring, one_time), strict=True
        )
    ]
    return payload(item("GBP", None, *parts, **days), at=AT.replace(2018, 3, 16))


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Return how often each payload is decoded."""
    counted = Counter()
    decode = rows.items_of

    def counting(answer):
        counted[answer] += 1
        return decode(answer)

    monkeypatch.setattr(rows, "items_of", counting)
    return counted


@pytest.mark.parametrize("surface", ["page", "pdf", "dashboard", "excel", "csv"])
def test_every_surface_decodes_a_payload_once(surface: str, decodes: Counter, tmp_path):
    """Not once for totals, again for parts, and again for what is compared and downloaded."""
    payloads = of_summaries(sample_history())
    if surface == "page":
        pc.render_report(payloads)
    elif surface == "pdf":
        pc.render_report(payloads[-2:], tmp_path / "report.pdf")
        payloads = payloads[-2:]
    elif surface == "dashboard":
        pc.dashboard(payloads=payloads)
    elif surface == "excel":
        pc.write_excel(tmp_path / "x.xlsx", *payloads)
    else:
        pc.csv_text(*payloads)
    assert decodes == Counter(payloads)


def test_a_choice_and_another_day_decode_nothing(decodes: Counter):
    """A part is made from the frames that the whole holds."""
    whole = overview(sample_history())
    decodes.clear()
    chosen = part(whole, Choice("USD", "Recurring", "Fabrikam (sample)"), as_of=date(2026, 1, 1))
    assert plain(account(chosen, "USD", "Fabrikam (sample)").sentence).startswith(
        "Recurring: USD 88,376.61 owed; last paid 60 days ago."
    )
    assert [line.balance for line in chosen.lines] == ["88,376.61"]
    assert decodes == {}


def test_is_one_frozen_value():
    """Nothing that shows it can change what another shows."""
    shown = overview(sample_payload())
    with pytest.raises(FrozenInstanceError):
        shown.locale = "de"
    with pytest.raises(FrozenInstanceError):
        account(shown, partner="Contoso (sample)").balance = Decimal(0)


def test_a_part_of_the_whole_is_the_overview_of_that_part():
    """The same words, rows and charts, whether chosen from all or the only ones that came."""
    whole = overview(sample_history())
    for partner in ("Contoso (sample)", "Fabrikam (sample)"):
        own = overview([each for each in sample_history() if each.partner == partner])
        chosen = part(whole, Choice(partner=partner))
        assert chosen.lines == own.lines
        for ours, theirs in zip(chosen.sections, own.sections, strict=True):
            assert [each.sentence for each in ours.accounts] == [
                each.sentence for each in theirs.accounts
            ]
            assert ours.charts == theirs.charts


def test_a_newer_invoice_of_another_type_hides_nothing_overdue():
    """OneTime of 1 November 2017 was due on 31 December, whatever Recurring was invoiced later."""
    own = account(overview(two_types("2018-03-10", "2017-11-01", owed=("202955.87", "548138.52"))))
    assert [plain(alert) for alert in own.alerts] == ["overdue by at least 75 days"]
    assert (
        "GBP 548,138.52 is overdue by at least 75 days: the latest OneTime invoice fell due on"
        " 31 Dec 2017." in plain(own.sentence)
    )
    due = {figure.label: plain(figure.remark) for figure in own.figures if "due" in figure.label}
    assert due == {
        "Latest OneTime invoice fell due": "Overdue by at least 75 days",
        "Latest Recurring invoice falls due": "54 days left",
    }
    assert [figure.attention for figure in own.figures if "fell" in figure.label] == [True]
    # The total is due with its first part.
    assert [plain(line.falls_due) for line in own.lines] == [
        "9 May 2018", "31 Dec 2017", "31 Dec 2017",
    ]  # fmt: skip


def test_a_total_with_a_list_is_due_with_its_first_open_invoice():
    """An invoice that is paid or void is not due, and a part has the day of its latest one."""
    stated = two_types("2018-03-10", "2017-11-01")
    listed = invoices(
        invoice("A", 9, invoiceDate="2017-09-01T00:00:00Z"),
        invoice("B", 9, invoiceDate="2017-08-01T00:00:00Z", paidAmount=9),
        invoice("C", 9, invoiceDate="2017-07-01T00:00:00Z", documentType="void_note"),
        at=stated.retrieved_at,
    )
    own = account(overview([stated, listed]))
    assert [plain(line.falls_due) for line in own.lines] == [
        "9 May 2018", "31 Dec 2017", "31 Oct 2017",
    ]  # fmt: skip


def test_a_part_without_a_latest_invoice_is_overdue_with_the_total():
    """Its invoices are not newer than the newest of all, which is past due."""
    own = account(overview(two_types("2017-11-01", "0001-01-01")))
    assert own.glance.overdue_amount == 150
    assert plain(own.sentence) == (
        "GBP 150.00 owed, 67 % Recurring; never paid. GBP 150.00 is overdue, the oldest part by at"
        " least 75 days: the latest invoice fell due on 31 Dec 2017."
    )
    assert [plain(line.falls_due) for line in own.lines] == [
        "31 Dec 2017", "\N{EN DASH}", "31 Dec 2017",
    ]  # fmt: skip
    alone = account(overview(two_types("0001-01-01", "0001-01-01", total="2017-11-01")))
    assert "GBP 150.00 is overdue, the oldest part by at least 75 days: the latest invoice" in (
        plain(alone.sentence)
    )
    # A day to come says nothing about a part's older invoices.
    ahead = account(overview(two_types("2018-03-10", "0001-01-01")))
    assert (ahead.glance.overdue, ahead.alerts) == ("", ())


def test_of_two_overdue_parts_both_amounts_and_the_longer_time_are_told():
    """Only the older part is overdue for so long; the sum is not."""
    own = account(overview(two_types("2018-01-01", "2017-11-01")))
    assert (
        "GBP 150.00 is overdue, the oldest part by at least 75 days: the latest OneTime invoice"
        " fell due on 31 Dec 2017." in plain(own.sentence)
    )
    assert [plain(alert) for alert in own.alerts] == ["overdue by at least 75 days"]


def test_the_next_due_day_is_the_earliest_of_the_parts():
    """Not that of the newest invoice."""
    own = account(overview(two_types("2018-03-10", "2018-02-01")))
    assert own.alerts == ()
    assert "The latest OneTime invoice falls due on 2 Apr 2018." in plain(own.sentence)


@pytest.mark.parametrize(("owed", "amount"), [((100, -50), "100.00"), ((100, 0), "100.00")])
def test_a_credit_or_nothing_never_falls_due(owed, amount):
    """Its latest invoice says nothing of a debt, and sets nothing off."""
    own = account(overview(two_types("2017-11-01", "2017-10-01", owed=owed)))
    assert f"GBP {amount} is overdue by at least 75 days: the latest invoice fell due" in plain(
        own.sentence
    )
    assert [line.falls_due for line in own.lines][1] == "\N{EN DASH}"


def test_an_overdue_day_itself_is_not_overdue():
    """What is due on the as-of day can still be paid on it."""
    due = AT.date().replace(2018, 3, 16) - timedelta(days=60)
    on_the_day = account(overview(two_types(str(due), str(due))))
    assert on_the_day.alerts == ()
    assert "0 days left" in plain(on_the_day.figures[-1].remark)


def test_a_frame_alone_has_no_accounts_and_says_what_it_holds():
    """Stated totals and provenance are not in a frame; its parts are."""
    shown = overview(summary_frame(sample_payload()))
    assert [section.accounts for section in shown.sections] == [(), (), ()]
    assert shown.sources == ()
    assert plain(shown.text).startswith("Sample data. OneTime CHF 1,230.33. OneTime EUR")
    assert len(shown.lines) == 4


def test_a_latest_payload_that_states_nothing_replaces_older_rows():
    """An account without invoices owes nothing, whatever it owed before."""
    shown = overview([payload(item("GBP", 5)), payload(at=AT + timedelta(days=1))])
    assert shown.sections == ()
    assert shown.lines == ()
    assert len(shown.notes) == 2
    assert shown.text == "No balances are stated."


def test_no_payload_is_refused():
    """There is nothing to be said of nothing."""
    with pytest.raises(ConfigurationError, match="no payload"):
        overview([])


def test_a_partner_named_by_blanks_is_not_shown_as_nothing():
    """A label that nobody can read is no label."""
    shown = overview(payload(item("GBP", 5), partner=" \t"))
    assert shown.sources[0].owner == "Partner not named · Partner Center"
    unseen = overview([payload(item("GBP", 5), partner=label) for label in ("\u200b", "Contoso")])
    assert [source.name for source in unseen.sources] == ["Contoso", "Partner not named"]
    page = pc.render_report([*unseen.payloads, invoices(invoice(), partner="\u200b")])
    assert page.count("<dd>Partner not named</dd>") == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"prec": 2},
        {"prec": 28, "traps": [Inexact, Rounded]},
        {"prec": 2, "traps": [Inexact, Rounded]},
        {"prec": 9, "Emax": 2, "Emin": -2},
    ],
)
def test_the_callers_decimal_context_changes_nothing(settings):
    """Three digits would draw another bar, and a trap would end the report."""
    payloads = sample_history()
    expected = pc.render_report(payloads)
    with localcontext(**settings):
        assert pc.render_report(payloads) == expected


@pytest.mark.parametrize("invoice_type", [None, "OneTime"])
def test_a_movement_of_many_digits_is_exact(invoice_type):
    """More than the 15 that a float holds: in the sentence and in the table."""
    before, after = Decimal("999999999999999.98"), Decimal("0.01")
    paid = {
        "lastPaymentDate": "2024-03-05T00:00:00Z",
        "lastPaymentAmount": Decimal("999999999999999.96"),
    }
    made = [
        payload(item("EUR", None, detail("OneTime", before, currency="EUR"))),
        payload(
            item("EUR", None, detail("OneTime", after, currency="EUR", **paid), **paid),
            at=AT + timedelta(days=1),
        ),
    ]
    shown = overview(made)
    if invoice_type:
        shown = part(shown, Choice(invoice_type=invoice_type))
    else:
        (change,) = shown.frames.changes["balance_change"]
        assert change == Decimal("-999999999999999.97")
    told = account(shown, "EUR")
    assert "Down EUR 999,999,999,999,999.97 since 5 Mar 2024" in plain(told.sentence)
    assert "these do not explain all of it" in told.sentence
    assert told.movements[0].change == "\N{MINUS SIGN}999,999,999,999,999.97"


def test_a_chosen_type_is_all_that_is_said():
    """Sentence, first table, figures, trend and proof: none of them is of the whole balance."""
    whole = overview(sample_history())
    chosen = account(part(whole, Choice("GBP", "Recurring")), partner="Contoso (sample)")
    sentence = plain(chosen.sentence)
    assert sentence.startswith("Recurring: GBP 238,462.38 owed; last paid 6 days ago.")
    assert "Down GBP 547.35 since 5 Nov 2025: payment of GBP 239,009.73" in sentence
    assert (chosen.glance.balance, chosen.figures[0].value) == ("238,462.38", "238,462.38")
    assert plain(chosen.charts[-1].title).startswith("GBP 238,462.38")
    assert [line.label for line in chosen.lines] == ["Recurring"]
    assert chosen.proof == ()
    assert "18,618.75" not in repr(chosen.invoices)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice("CHF", "Recurring"), "states no Recurring charges in CHF."),
        (Choice("EUR", None, "Fabrikam (sample)"), "states nothing in EUR for Fabrikam (sample)."),
        (Choice("XXX"), "states nothing in XXX."),
    ],
)
def test_a_choice_without_rows_names_itself(choice: Choice, said: str):
    """What is not stated, in the words of the choice."""
    assert part(overview(sample_history()), choice).text == f"Sample data. Partner Center {said}"


@pytest.mark.parametrize(
    ("lacking", "note", "charts"),
    [
        (["currency_symbol", "accounting_date"], (), 2),
        (["last_payment_date"],
         ("Payment recency is left out: the frame has no last_payment_date.",), 1),
        (["invoice_type", "latest_invoice_date"],
         ("Due days are left out: the frame has no latest_invoice_date.",
          "The split by invoice type is left out: the frame has no invoice_type."), 2),
    ],
)  # fmt: skip
def test_a_frame_is_shown_as_far_as_its_columns_go(lacking: list[str], note: tuple, charts: int):
    """Further columns are allowed under any name; the columns that a view needs are named."""
    frame = summary_frame(sample_payload()).assign(**{"FX rate": 1.1, "class": "x", "2024": 3})
    frame[2024] = 4
    shown = overview(frame.drop(columns=lacking))
    assert shown.notes == note
    assert [len(section.charts) for section in shown.sections] == [charts] * 3
    assert {"FX rate", "class", "2024", 2024} <= set(shown.rows_shown)


def test_a_frame_of_invoices_shows_their_ageing():
    """It states no balances, and the overview says so."""
    shown = overview(pc.invoice_frame(sample_payload("invoices")))
    assert "the frame has no balance_amount." in shown.notes[0]
    assert plain(shown.sections[1].charts[0].title).startswith("GBP 23,606.35 overdue")
    assert shown.assumptions
    assert list(shown.rows_shown["ageing"]) == ["void", "not due", "over 90"]


def test_a_frame_without_any_view_is_refused():
    """The column is named, and which frames have it."""
    with pytest.raises(ConfigurationError, match="The frame has no balance_amount"):
        overview(summary_frame(sample_payload()).drop(columns="balance_amount"))
