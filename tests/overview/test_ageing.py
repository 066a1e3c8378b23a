"""The chart of ageing as a value: figures, order, and words, to the cent."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext
from typing import Any

import pytest

from pcnotebooks.frame.ageing import age
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.overview.ageing import AgeingChart
from tests.builders import invoice, invoices
from tests.models import ageing_chart

OLD = "2017-11-01T00:00:00Z"  # falls due on 31 Dec 2017, 75 days before the day below
NEW = "2018-03-10T00:00:00Z"
DAY = "2018-03-16"


def charted(*payloads: Any, exact: bool = True, **choices: Any) -> AgeingChart:
    """Return the chart of these lists of invoices."""
    aged = age(invoice_frame(*payloads, exact=exact), as_of=DAY)
    return ageing_chart(aged, as_of=DAY, **choices)


def plain(words: str) -> str:
    """Return words without no-break spaces."""
    return words.replace("\N{NO-BREAK SPACE}", " ")


TWO = (
    invoice("A", Decimal("548138.52"), invoiceDate=OLD),
    invoice("B", Decimal("202955.87"), invoiceDate=NEW),
)

# Paid amounts of both signs in one list: what they mean, and so what is open, is unknown.
UNKNOWN = [invoice("M", 9, paidAmount=4), invoice("N", 9, paidAmount=-4)]


@pytest.mark.parametrize("exact", [False, True])
def test_one_owner(exact: bool):
    """The finding, the oldest last, and every band with its amount in the key."""
    chart = charted(invoices(*TWO), exact=exact)
    assert plain(chart.title) == "GBP 548,138.52 of 751,094.39 overdue, the oldest by 75 days"
    assert plain(chart.description) == "not due GBP 202,955.87, 61-90 days overdue GBP 548,138.52"
    assert plain(chart.note) == "Due dates computed: invoice date + 60 days"
    source = "Source: Partner Center · retrieved 5 Mar 2024 · as of 16 Mar 2018"
    assert plain(chart.foot.words) == source
    (stack,) = chart.stacks
    assert [(piece.start, piece.length, piece.colour, piece.ink) for piece in stack.pieces] == [
        (0.0, 202.95587, "age-0", "text"),
        (202.95587, 548.13852, "age-3", "page"),
    ]
    assert stack.reach == pytest.approx(751.09439)
    assert (stack.label, stack.words, chart.unit) == ("GBP", "", "thousand GBP")
    assert [(plain(key.words), key.colour) for key in chart.key] == [
        ("not due · GBP 202,955.87", "age-0"),
        ("61-90 days · GBP 548,138.52", "age-3"),
    ]


@pytest.mark.parametrize(
    ("items", "title"),
    [
        ([invoice("A", 5, invoiceDate=NEW)], "GBP 5.00 not due"),
        ([invoice("A", 5, invoiceDate=OLD)], "GBP 5.00 overdue, the oldest by 75 days"),
        ([invoice("A", 5, paidAmount=5)], "Nothing open in GBP"),
        ([invoice("A", 5, documentType="void_note")], "Nothing open in GBP"),
        ([invoice("A", -5)], "Credits of GBP 5.00"),
        (UNKNOWN, "Open amount of 2 invoices not stated"),
        ([invoice("A", 5, invoiceDate=None)], "GBP 5.00 without a due date"),
        ([invoice("A", 5, invoiceDate=OLD), invoice("B", 3, invoiceDate=None),
          invoice("C", -40), *UNKNOWN],
         ("GBP 5.00 of 8.00 overdue, the oldest by 75 days; GBP 3.00 without a due date; credits"
          " of GBP 40.00, not set off; open amount of 2 invoices not stated")),
    ],
)  # fmt: skip
def test_titles(items: list[Any], title: str):
    """What is overdue of what is open; what is not drawn is named."""
    assert plain(charted(invoices(*items)).title) == title


def test_several_owners_and_a_credit():
    """A bar each; one's credit reaches to the left and is not taken from another's debt."""
    credit = invoice("C", Decimal("-2500.01"), invoiceDate=OLD)
    chart = charted(invoices(*TWO, partner="A"), invoices(credit, partner="B"))
    assert plain(chart.title) == (
        "GBP 548,138.52 of 751,094.39 overdue, the oldest by 75 days;"
        " credits of GBP 2,500.01, not set off"
    )
    assert plain(chart.description) == (
        "A: not due GBP 202,955.87, 61-90 days overdue GBP 548,138.52; B: credit (GBP 2,500.01)"
    )
    one, other = chart.stacks
    assert [piece.words for piece in one.pieces] == ["202,955.87", "548,138.52"]
    assert (one.label, plain(one.words)) == ("A", "GBP 548,138.52 overdue")
    assert (other.label, plain(other.words)) == ("B", "credit (GBP 2,500.01)")
    (piece,) = other.pieces
    assert (piece.start, piece.length, piece.hatched) == (0.0, -2.50001, True)
    assert (chart.axis.first, other.reach) == (-2.50001, 0.0)
    assert chart.key[0].hatched


def test_the_callers_decimal_context_changes_nothing():
    """Three digits, or a trap of everything inexact, are the notebook's own affair."""
    usual = charted(invoices(*TWO, invoice("C", Decimal("-0.01"))))
    aged = age(invoice_frame(invoices(*TWO, invoice("C", Decimal("-0.01"))), exact=True), as_of=DAY)
    for settings in ({"prec": 3}, {"traps": [Inexact]}):
        with localcontext(**settings):
            assert ageing_chart(aged, as_of=DAY) == usual
