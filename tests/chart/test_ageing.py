"""Both pens draw the chart of ageing as its model says."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from matplotlib.text import Text

from pcnotebooks import invoice_frame, plot_ageing, plot_panels, sample_payload
from pcnotebooks.chart.svg import svg
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.ageing import age
from pcnotebooks.overview.ageing import AgeingChart
from tests.builders import invoice, invoices
from tests.models import ageing_chart

OPEN = [
    invoice("A", 200, invoiceDate="2024-02-20T00:00:00Z", currencyCode="GBP"),
    invoice("B", 40, invoiceDate="2023-12-20T00:00:00Z", currencyCode="GBP"),
    invoice("C", Decimal("10.50"), invoiceDate="2023-08-01T00:00:00Z", currencyCode="GBP"),
    invoice("D", -20, invoiceDate="2024-02-01T00:00:00Z", currencyCode="GBP"),
]
FRAME = invoice_frame(invoices(*OPEN))
TWO = invoice_frame(invoices(*OPEN), invoices(*OPEN, partner="a <b> $5 and $7"))


def chart_of(frame) -> AgeingChart:
    """Return the model of an invoice frame."""
    return ageing_chart(age(frame))


def words_of(drawing: str) -> str:
    """Return what a drawing says."""
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))


def test_matplotlib_draws_each_piece_in_its_place():
    """A credit to the left of zero, hatched; the bands one after the other, the oldest last."""
    ax = plot_ageing(FRAME)
    (stack,) = chart_of(FRAME).stacks
    drawn = [(bar.get_x(), bar.get_width(), bool(bar.get_hatch())) for bar in ax.patches]
    ends = [(piece.start, piece.start + piece.length) for piece in stack.pieces]
    assert [sorted((start, start + width)) for start, width, _ in drawn] == [
        pytest.approx(sorted(each)) for each in ends
    ]
    assert [hatched for *_, hatched in drawn] == [piece.hatched for piece in stack.pieces]
    title = ax.get_title(loc="left").replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")
    assert title.startswith("GBP 50.50 of 250.50 overdue, the oldest by 157 days")


@pytest.mark.parametrize("frame", [FRAME, TWO], ids=["one owner", "two owners"])
def test_both_pens_write_the_key_and_the_labels(frame):
    """Every band with its amount, whatever room its piece has."""
    chart = chart_of(frame)
    drawing = str(svg(chart, prefix="x"))
    ax = plot_ageing(frame)
    texts = {text.get_text() for text in ax.findobj(Text)}
    for key in chart.key:
        assert key.words in words_of(drawing)
        assert key.words in texts
    assert drawing.count("<svg") == 1
    assert f"{chart.description}</desc>" in drawing.replace("&lt;", "<").replace("&gt;", ">")


def test_a_name_is_text_and_no_mathematics():
    """Neither markup nor two dollar signs do anything."""
    drawing = str(svg(chart_of(TWO), prefix="x"))
    assert "<b>" not in drawing
    assert "a &lt;b&gt; $5 and $7" in drawing
    assert not any(text.get_parse_math() for text in plot_ageing(TWO).findobj(Text))


def test_several_currencies_share_no_scale():
    """They are refused, and drawn as panels."""
    frame = invoice_frame(sample_payload("invoices"))
    with pytest.raises(ConfigurationError, match="CHF, GBP"):
        plot_ageing(frame)
    assert len(plot_panels(frame, plot_ageing).axes) == 2


def test_no_rows_are_said():
    """Nothing is drawn of nothing."""
    ax = plot_ageing(invoice_frame())
    assert any("No rows" in text.get_text() for text in ax.texts)
