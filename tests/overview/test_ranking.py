"""The first table and what is said above it: what is overdue, what is due next, what moved."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pcnotebooks import sample_history, sample_payload
from pcnotebooks.overview.build import overview, part
from pcnotebooks.overview.model import Choice, Glance, Overview
from pcnotebooks.overview.told import NOTHING
from tests.builders import AT, detail, invoice, invoices, item, payload


def plain(text: str) -> str:
    """Return a text with breaking spaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def said(shown: Overview) -> list[str]:
    """Return the notices, those that need attention marked."""
    return [("! " if each.attention else "") + plain(each.words) for each in shown.notices]


def rows(shown: Overview) -> dict[tuple[str, str], Glance]:
    """Return the rows of the first table by currency and partner, in its order."""
    return {
        (section.currency, account.partner): account.glance
        for section in shown.ranked
        for account in section.ranked
    }


def owed(currency: str, amount: object, invoiced: str | None = None, **fields: object):
    """Return a currency with one part, last invoiced on that day."""
    days = {"latestInvoiceDate": f"{invoiced}T00:00:00"} if invoiced else {}
    return item(currency, None, detail("OneTime", amount, currency=currency, **days), **days)


def test_the_sample_history_as_a_director_reads_it():
    """Overdue comes first, then what is in question, then the next due day."""
    shown = overview([each for each in sample_history() if each.resource == "invoice_summaries"])
    assert said(shown) == [
        "! CHF 2,434.83 overdue since 18 Oct 2025 or before · Contoso (sample)",
        "! EUR: 2 unexplained movements · Contoso (sample)",
        "Next due: 20 Dec 2025, GBP",
    ]
    assert list(rows(shown)) == [
        ("CHF", "Contoso (sample)"),
        ("EUR", "Contoso (sample)"),
        ("GBP", "Contoso (sample)"),
        ("JPY", "Fabrikam (sample)"),
        ("KWD", "Fabrikam (sample)"),
        ("USD", "Contoso (sample)"),
        ("USD", "Fabrikam (sample)"),
    ]
    gbp = rows(shown)["GBP", "Contoso (sample)"]
    assert (gbp.balance, gbp.overdue, gbp.change) == ("257,081.13", "", "\N{MINUS SIGN}547.35")
    assert (plain(gbp.changed_since), plain(gbp.next_due)) == ("5 Nov 2025", "20 Dec 2025")
    assert len(gbp.trend) == 24
    assert (gbp.trend[0][0], gbp.trend[-1][0]) == (0.0, 1.0)
    assert max(height for _, height in gbp.trend) == 1.0


def test_one_payload_has_neither_change_nor_trend():
    """Nothing is invented: no change of zero, no flat line."""
    shown = overview(sample_payload(), as_of="2018-03-16")
    glances = rows(shown).values()
    assert {(each.change, each.changed_since, each.trend) for each in glances} == {
        (NOTHING, "", ())
    }
    assert said(shown) == ["Next due: 15 May 2018, CHF, EUR, GBP"]


def test_a_list_gives_amounts_and_the_first_due_day():
    """By invoice both what is overdue and what falls due next are known to the cent."""
    at = AT.replace(2024, 3, 1)
    entries = [
        invoice("A", 100, invoiceDate="2023-12-01T00:00:00Z"),
        invoice("B", 25, invoiceDate="2023-12-20T00:00:00Z"),
        invoice("C", Decimal("7.50"), invoiceDate="2024-02-01T00:00:00Z"),
        invoice("D", -40, invoiceDate="2023-11-01T00:00:00Z"),
    ]
    shown = overview([payload(owed("GBP", 92.5), at=at), invoices(*entries, at=at)])
    assert said(shown) == [
        "! GBP 125.00 overdue since 30 Jan 2024",
        "Next due: 1 Apr 2024, GBP 7.50",
    ]
    (glance,) = rows(shown).values()
    assert (glance.overdue_amount, glance.overdue) == (Decimal(125), "125.00")
    assert (plain(glance.next_amount), glance.due) == ("GBP 7.50", date(2024, 4, 1))


def test_accounts_of_a_currency_are_told_together():
    """Five notices at most, so that the table stays on the first screen."""
    at = AT.replace(2024, 6, 1)
    currencies = ("AUD", "CHF", "DKK", "EUR", "GBP", "NOK", "SEK")
    partners = [
        payload(*(owed(code, 10, "2024-01-01") for code in currencies), partner=name, at=at)
        for name in ("A", "B", "C")
    ]
    shown = overview(partners)
    assert said(shown) == [
        *(
            f"! {code} 30.00 overdue in 3 accounts, the first since 1 Mar 2024 or before"
            for code in currencies[:5]
        ),
        "! 2 more, marked in the table",
    ]
    assert {(each.place, each.number) for each in shown.notices[:5]} == {
        (place, 0) for place in range(1, 6)
    }


def test_what_is_longest_overdue_is_said_first():
    """Not the first currency by name: only five notices are shown. Questions follow."""
    assert said(overview(sample_history()))[:3] == [
        "! CHF 2,434.83 overdue since 17 Aug 2024 · Contoso (sample)",
        "! USD 5,000.00 overdue since 7 Nov 2025 · Contoso (sample)",
        "! EUR: 2 unexplained movements · Contoso (sample)",
    ]
    codes = ("AUD", "CHF", "DKK", "EUR", "GBP", "NOK", "SEK")
    late = [owed(code, 10, f"2024-01-{28 - place}") for place, code in enumerate(codes)]
    notices = said(overview(payload(*late, at=AT.replace(2024, 6, 1))))
    assert [words[2:5] for words in notices[:5]] == ["SEK", "NOK", "GBP", "EUR", "DKK"]


def test_a_choice_has_notices_of_its_own():
    """What is said above follows the choice."""
    whole = overview([each for each in sample_history() if each.resource == "invoice_summaries"])
    assert said(part(whole, Choice(partner="Fabrikam (sample)"))) == [
        "Next due: 7 Jan 2026, JPY, KWD, USD"
    ]
    assert said(part(whole, Choice(currency="CHF"))) == [
        "! CHF 2,434.83 overdue since 18 Oct 2025 or before · Contoso (sample)"
    ]


@pytest.mark.parametrize(
    ("balances", "heights"),
    [
        ((100, 50), [1.0, 0.5]),
        ((-50, 50), [0.0, 1.0]),
        ((-10, -20), [0.5, 0.0]),
        ((0, 0), [0.0, 0.0]),
    ],
)
def test_zero_is_part_of_a_trend(balances: tuple[int, int], heights: list[float]):
    """A credit is below zero, and a balance that halves is drawn at half its height."""
    given = [
        payload(owed("GBP", amount), at=AT.replace(2024, month, 1))
        for month, amount in enumerate(balances, start=1)
    ]
    (glance,) = rows(overview(given)).values()
    assert [height for _, height in glance.trend] == heights


def test_two_clouds_of_one_partner_have_two_names():
    """The partner alone would be the name of both."""
    shown = overview([payload(owed("GBP", 1), cloud=cloud) for cloud in ("global", "china")])
    assert [account.name for section in shown.sections for account in section.accounts] == [
        "Contoso · Partner Center operated by 21Vianet",
        "Contoso · Partner Center",
    ]
