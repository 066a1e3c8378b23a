"""Charts by their artists and labels; how they look is seen in the screenshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import combinations

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from pcnotebooks import (
    ConfigurationError,
    invoice_frame,
    plot_ageing,
    plot_balance_trend,
    plot_balances,
    plot_panels,
    plot_payment_recency,
    sample_history,
    sample_payload,
    select,
    summary_frame,
    totals_frame,
)
from pcnotebooks.overview.palette import PALETTE
from tests.builders import AT, detail, invoice, invoices, item, payload


@pytest.fixture
def gbp() -> pd.DataFrame:
    """Return the sample's figures in pounds."""
    return select(summary_frame(sample_payload()), currency="GBP")


def _texts(ax: Axes) -> list[str]:
    found = [text.get_text() for text in ax.findobj(Text) if text.get_text()]
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in found]


def _title(ax: Axes) -> str:
    return ax.get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")


def _lanes(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_balances_bars_are_the_amounts(gbp: pd.DataFrame):
    """A bar's length is its amount, its label the amount to the cent, the largest is first."""
    ax = plot_balances(gbp)
    assert [bar.get_width() for bar in ax.patches] == [548138.52, 202955.87]
    assert (ax.get_xlabel(), list(ax.get_xticks())) == ("", [])  # each bar has its amount
    assert _lanes(ax) == ["OneTime", "Recurring"]
    assert {"GBP 202,955.87", "GBP 548,138.52"} <= set(_texts(ax))
    assert _title(ax) == "GBP 751,094.39 owed, 73 % OneTime"


def test_balances_say_sample_data_and_when(gbp: pd.DataFrame):
    """The foot of a chart of the sample says so; an account's names its cloud."""
    assert "Sample data, not an account · retrieved 16 Mar 2018" in _texts(plot_balances(gbp))
    live = summary_frame(payload(item("GBP", None, detail("Recurring", 5))))
    assert "Source: Partner Center · retrieved 5 Mar 2024" in _texts(plot_balances(live))


def test_types_keep_their_colours(gbp: pd.DataFrame):
    """Recurring and OneTime have one colour each, in whatever company they stand."""
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in plot_balances(gbp).patches]
    assert colours == ["#b35c00", "#1b4f8a"]
    alone = plot_balances(select(gbp, invoice_type="OneTime"))
    assert mpl.colors.to_hex(alone.patches[0].get_facecolor()) == "#b35c00"
    others = summary_frame(
        payload(item("GBP", None, detail("Perpetual", 1), detail("OneTime", 2), detail("Azure", 3)))
    )
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in plot_balances(others).patches]
    assert colours[1] == "#b35c00"
    assert len(set(colours)) == 3


def test_colours_differ_in_grey_and_on_their_ground():
    """Recurring and OneTime differ in lightness, and text reads on its ground at 4.5:1."""

    def luminance(colour: str) -> float:
        channels = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in mpl.colors.to_rgb(colour)
        ]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True))

    def contrast(one: str, other: str) -> float:
        dark, light = sorted((luminance(one), luminance(other)))
        return (light + 0.05) / (dark + 0.05)

    for ground in (0, 1):
        colours = {name: shades[ground] for name, shades in PALETTE.items()}
        for name in ("text", "muted", "attention"):
            assert contrast(colours[name], colours["page"]) >= 4.5
        assert contrast(colours["sample"], colours["sample-page"]) >= 4.5
        assert contrast(colours["text"], colours["band-3"]) >= 4.5
        for name in ("recurring", "onetime", "other-0", "other-1", "other-2", "other-3"):
            assert contrast(colours[name], colours["page"]) >= 3
        assert contrast(colours["recurring"], colours["onetime"]) >= 1.5
        for place in range(5):  # each differs from its neighbour, and words on it read
            band, ink = colours[f"age-{place}"], "text" if place < 3 else "page"
            assert contrast(band, colours[ink]) >= 4.5
            assert place == 0 or contrast(band, colours[f"age-{place - 1}"]) >= 1.3


def test_credits_reach_below_zero():
    """A credit's bar goes to the left of zero, its label stands in parentheses."""
    frame = summary_frame(
        payload(item("USD", None, detail("Recurring", 10, currency="USD"),
                     detail("OneTime", "-2150.5", currency="USD")))
    )  # fmt: skip
    ax = plot_balances(frame)
    assert [bar.get_width() for bar in ax.patches] == [10, -2150.5]
    assert "(USD 2,150.50)" in _texts(ax)
    assert _title(ax) == "Credit of USD 2,140.50"
    left, right = ax.get_xlim()
    assert left < -2150.5
    assert right > 10


@pytest.mark.parametrize(
    ("currency", "amount", "label"),
    [("JPY", 15013861, "JPY 15,013,861"), ("KWD", "1.5", "KWD 1.500"), ("XYZ", 3, "XYZ 3.00")],
)
def test_amounts_have_the_currencys_decimals(currency: str, amount: object, label: str):
    """Yen have no decimals, dinars three, a code nobody knows two."""
    frame = summary_frame(
        payload(item(currency, None, detail("Recurring", amount, currency=currency)))
    )
    assert label in _texts(plot_balances(frame))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (-40, "GBP 100.00 owed; credits of GBP 40.00, not set off"),
        (-100, "GBP 100.00 owed; credits of GBP 100.00, not set off"),
        (40, "GBP 140.00 owed"),
    ],
)
@pytest.mark.parametrize("plot", [plot_balances, plot_balance_trend])
def test_a_credit_is_nobody_elses_to_set_off(plot, other: int, said: str):
    """What one partner owes and another has to its credit are told apart, now and over time."""
    payloads = [
        payload(item("GBP", amount), partner=partner, at=AT + timedelta(days=day))
        for partner, amount in (("A", 100), ("B", other))
        for day in (0, 1)
    ]
    title = " ".join(_title(plot(totals_frame(*payloads))).split())
    assert title.replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize("plot", [plot_balances, plot_balance_trend])
def test_several_currencies_share_no_axis(plot):
    """The error names the currencies, is a ValueError, and says how to go on."""
    frame = summary_frame(sample_payload())
    with pytest.raises(ConfigurationError, match="CHF, EUR, GBP") as caught:
        plot(frame)
    assert isinstance(caught.value, ValueError)
    assert "plot_panels" in caught.value.remedy
    assert plt.get_fignums() == []


def test_panels_have_an_axis_a_currency():
    """Each currency has its own axis and scale; the figure is none of pyplot's."""
    before = plt.get_fignums()
    figure = plot_panels(summary_frame(sample_payload()))
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == before
    assert [_title(ax)[:3] for ax in figure.axes] == ["CHF", "EUR", "GBP"]
    assert not any(ax.get_shared_x_axes().joined(ax, figure.axes[0]) for ax in figure.axes[1:])


def test_recency_lanes(gbp: pd.DataFrame):
    """An old payment is an arrow at the end, never paid a ring to the left of zero, in words."""
    ax = plot_payment_recency(gbp, as_of="2018-03-16")
    assert _lanes(ax) == ["Recurring", "OneTime"]
    spots = [tuple(each.get_offsets()[0]) for each in ax.collections]
    assert spots[0] == (120, 0)
    assert spots[1][0] < 0
    assert ax.collections[1].get_facecolor().size == 0
    words = _texts(ax)
    assert "439 days ago · 1 Jan 2017 · GBP 1,000.00" in words
    assert "Never paid" in words
    later = _texts(plot_payment_recency(gbp, as_of="2018-03-17"))
    assert any("as of 17 Mar 2018" in text for text in later)


def test_recency_takes_any_number_of_currencies():
    """Days are one scale, so lanes of all currencies stand on one axis, named by ISO code."""
    ax = plot_payment_recency(summary_frame(sample_payload()))
    assert _lanes(ax) == ["CHF · OneTime", "EUR · OneTime", "GBP · Recurring", "GBP · OneTime"]
    assert _title(ax) == "Last payment 439 days ago; 3 of 4 never paid"
    totals = plot_payment_recency(totals_frame(sample_payload()))
    assert _lanes(totals) == ["CHF", "EUR", "GBP"]


def test_recency_of_a_payment_in_the_future_and_of_none_stated():
    """A payment after the as-of day stands left of zero; what is not stated has a dotted mark."""
    frame = summary_frame(
        payload(
            item("GBP", None, detail("Recurring", 1, lastPaymentDate="2024-03-15T00:00:00Z",
                                     lastPaymentAmount=7),
                 detail("OneTime", 1, lastPaymentDate=None, lastPaymentAmount=None))
        )
    )  # fmt: skip
    ax = plot_payment_recency(frame)
    future, unstated = ax.collections
    assert ax.get_xlim()[0] < future.get_offsets()[0][0] < 0
    assert any("10 days ahead" in text for text in _texts(ax))
    assert "Not stated" in _texts(ax)
    assert unstated.get_linestyle() != future.get_linestyle()


def test_recency_when_all_were_never_paid():
    """The title says it instead of a number."""
    ax = plot_payment_recency(select(summary_frame(sample_payload()), currency="CHF"))
    assert _title(ax) == "Never paid"


def test_trend_goes_in_steps_through_every_payload():
    """A point for each payload, in steps, with payments below and the unexplained marked."""
    frame = select(totals_frame(*sample_history()), currency="EUR")
    ax = plot_balance_trend(frame)
    line = ax.lines[0]
    assert line.get_drawstyle() == "steps-post"
    assert [round(y * 1000, 2) for y in line.get_ydata()] == frame["balance_amount"].tolist()
    assert "unexplained" in _texts(ax)
    assert "payments" in _texts(ax)
    labels = {f"{amount:,.2f}" for amount in frame["last_payment_amount"]} & set(_texts(ax))
    assert len(labels) == 1  # the largest, to the cent
    assert any("retrieved 5 Jan 2024 to 5 Dec 2025" in text for text in _texts(ax))


def test_trend_of_details_is_that_of_totals():
    """Invoice types are added within a payload, never across payloads."""
    one = plot_balance_trend(select(totals_frame(*sample_history()), currency="GBP"))
    two = plot_balance_trend(select(summary_frame(*sample_history()), currency="GBP"))
    assert list(one.lines[0].get_ydata()) == list(two.lines[0].get_ydata())
    assert _title(one) == _title(two)


def test_trend_names_each_partner():
    """Two partners are two lines, each named where it ends."""
    ax = plot_balance_trend(select(totals_frame(*sample_history()), currency="USD"))
    ends = [text.split("\n")[0] for text in _texts(ax) if "(sample)" in text]
    assert sorted(ends) == ["Contoso (sample)", "Fabrikam (sample)"]


def test_trend_of_one_payload_and_of_an_unchanged_balance():
    """One payload is a point with its amount; an unchanged balance is said to be."""
    now = item("GBP", None, detail("Recurring", 5))
    ax = plot_balance_trend(totals_frame(payload(now)))
    assert _title(ax) == "GBP 5.00 owed"
    later = payload(now, at=datetime(2024, 4, 5, tzinfo=UTC))
    ax = plot_balance_trend(totals_frame(payload(now), later))
    assert _title(ax) == "GBP 5.00 owed, as on 5 Mar 2024"


@pytest.mark.parametrize("plot", [plot_balances, plot_payment_recency, plot_balance_trend])
def test_nothing_to_draw_is_said(plot):
    """An account without invoices gives a chart that says so."""
    assert _texts(plot(summary_frame())) == ["No rows: none are stated, or none match."]
    assert plot_panels(summary_frame(), plot).axes


@pytest.mark.parametrize("plot", [plot_balances, plot_payment_recency])
def test_no_text_is_mathematics(plot):
    """Dollar signs in a partner or invoice type stay dollar signs, ticks included."""
    one = payload(item("USD", None, detail("$x$ and $y$", 5, currency="USD")), partner="A$ B$")
    two = payload(item("USD", None, detail("$x$ and $y$", 6, currency="USD")), partner="C$ D$")
    ax = plot(summary_frame(one, two))
    ax.get_figure().draw_without_rendering()
    assert [text for text in ax.findobj(Text) if text.get_text() and text.get_parse_math()] == []
    assert any("$x$ and $y$" in label for label in _lanes(ax))


def test_exact_amounts_draw_the_same(gbp: pd.DataFrame):
    """A frame of Decimals gives the chart that a frame of floats gives."""
    exact = select(summary_frame(sample_payload(), exact=True), currency="GBP")
    assert _texts(plot_balances(exact)) == _texts(plot_balances(gbp))
    assert _texts(plot_payment_recency(exact)) == _texts(plot_payment_recency(gbp))


def test_draws_on_the_axes_given(gbp: pd.DataFrame):
    """Given axes are drawn on and returned, and no other figure appears."""
    figure = Figure()
    ax = figure.subplots()
    for plot in (plot_balances, plot_payment_recency, plot_balance_trend):
        assert plot(gbp, ax=ax) is ax
    assert plt.get_fignums() == []


def test_a_new_figure_is_pyplots_and_not_shown_or_closed(gbp: pd.DataFrame):
    """Without axes a pyplot figure is made and left for the cell to show."""
    ax = plot_balances(gbp)
    assert ax.get_figure() is plt.figure(plt.get_fignums()[0])


def test_settings_of_the_user_stay(gbp: pd.DataFrame):
    """Drawing changes no setting of matplotlib."""
    before = dict(mpl.rcParams)
    plot_balances(gbp)
    plot_panels(gbp)
    assert dict(mpl.rcParams) == before


def test_many_lanes_grow_the_figure():
    """The height grows with the lanes instead of squeezing them."""
    types = [detail(f"Type {n:02}", n) for n in range(12)]
    few = plot_panels(summary_frame(payload(item("GBP", None, *types[:2]))))
    many = plot_panels(summary_frame(payload(item("GBP", None, *types))))
    assert many.get_figheight() - few.get_figheight() == pytest.approx(10 * 0.4)


PLOTS = {
    plot_balances: summary_frame(sample_payload()).query("currency == 'GBP'"),
    plot_payment_recency: summary_frame(sample_payload()),
    plot_balance_trend: totals_frame(*sample_history()).query("currency == 'EUR'"),
}


def _luminance(colour: str) -> float:
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                for c in mpl.colors.to_rgb(colour)]  # fmt: skip
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


@pytest.mark.parametrize("given_axes", [False, True])
@pytest.mark.parametrize("style", ["default", "dark_background", "classic", "Solarize_Light2"])
@pytest.mark.parametrize("plot", PLOTS)
def test_text_is_legible_in_every_style(plot, style: str, given_axes: bool):
    """On a dark ground the colours are the lighter ones, also on axes of the user's own."""
    with plt.style.context(style):
        ax = plot(PLOTS[plot], ax=plt.subplots()[1] if given_axes else None)
        figure = ax.get_figure()
        figure.draw_without_rendering()
        ground = _luminance(figure.get_facecolor())
        for text in [*ax.texts, ax._left_title, ax.xaxis.label, ax.yaxis.label,
                     *ax.get_xticklabels(), *ax.get_yticklabels()]:  # fmt: skip
            if text.get_text():
                dark, light = sorted((_luminance(text.get_color()), ground))
                assert (light + 0.05) / (dark + 0.05) >= 4, text.get_text()


@pytest.mark.parametrize("style", ["default", "classic"])
def test_a_chart_fills_its_own_figure(style: str, gbp: pd.DataFrame):
    """A style with low margins is not taken for a slide; the foot is not cut."""
    with plt.style.context(style):
        axes = [
            plot_payment_recency(gbp),
            *plot_panels(gbp, plot_payment_recency).axes,
            *plot_panels(gbp, plot_balances).axes,
        ]
        for ax in axes:
            figure = ax.get_figure()
            figure.draw_without_rendering()
            assert ax.get_position().x1 > 0.97
            assert min(text.get_window_extent().y0 for text in ax.texts) >= 0


@pytest.mark.parametrize("plot", PLOTS)
def test_letters_are_the_users(plot):
    """Family and size are honoured, and the whole is scaled with them."""
    usual = plot(PLOTS[plot])
    with mpl.rc_context({"font.size": 15, "font.family": "serif"}):
        large = plot(PLOTS[plot])
    for one, other in zip(usual.texts, large.texts, strict=True):
        assert other.get_fontsize() == pytest.approx(1.5 * one.get_fontsize())
        assert other.get_fontfamily() == ["serif"]
    heights = [ax.get_figure().get_figheight() for ax in (usual, large)]
    assert heights[1] == pytest.approx(1.5 * heights[0])


def test_days_are_of_utc_in_every_time_zone():
    """As in the title and in every table, whatever zone matplotlib is set to."""

    def labels() -> list[str]:
        ax = plot_balance_trend(frame)
        ax.get_figure().draw_without_rendering()
        return [label.get_text() for label in ax.get_xticklabels()]

    frame = totals_frame(
        *(payload(item("GBP", hour), at=AT + timedelta(hours=hour)) for hour in (0, 10))
    )
    usual = labels()
    with mpl.rc_context({"timezone": "Pacific/Auckland"}):
        assert labels() == usual


@pytest.mark.parametrize("name", ["FX rate", "class", "_id", "2024", 0])
@pytest.mark.parametrize("plot", PLOTS)
def test_columns_of_the_users_own_do_not_matter(plot, name: object):
    """Charts read the columns they show, whatever the others are called."""
    frame = PLOTS[plot]
    assert _texts(plot(frame.assign(own=1).rename(columns={"own": name}))) == _texts(plot(frame))


def _wide() -> pd.DataFrame:
    """Return balances of names of 22 wide letters and of amounts of 12 digits."""
    names = ("株式会社コントソホールディングスジャパン東京a", "W" * 21 + "b")
    amount = "123456789012.34"
    parts = [
        detail(kind, amount, lastPaymentDate="2024-01-01", lastPaymentAmount=amount)
        for kind in ("Recurring", "W" * 22)
    ]
    return summary_frame(
        *(
            payload(item("GBP", None, *parts), partner=name, at=AT + timedelta(days=day))
            for name in names
            for day in (0, 30)
        )
    )


def _wide_invoices() -> pd.DataFrame:
    amount = Decimal("123456789012.34")
    return invoice_frame(
        *(
            invoices(
                *(
                    invoice(f"D{month}", amount, invoiceDate=f"2023-{month}-20", currencyCode="GBP")
                    for month in ("03", "10", "11", "12")
                ),
                invoice("C", -amount, invoiceDate="2024-01-20", currencyCode="GBP"),
                partner="W" * 21 + end,
            )
            for end in "ab"
        )
    )


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("layout", ["own figure", "slide", "slide, constrained"])
@pytest.mark.parametrize(
    "plot", [plot_balances, plot_payment_recency, plot_balance_trend, plot_ageing]
)
def test_nothing_is_cut_off(plot, layout: str):
    """At the first drawing: savefig draws once. No two texts of a chart cover each other."""
    ax = None
    if layout != "own figure":
        engine = "constrained" if "constrained" in layout else None
        ax = plt.subplots(figsize=(12.8, 7.2), layout=engine)[1]
    ax = plot(_wide_invoices() if plot is plot_ageing else _wide(), ax=ax)
    figure = ax.get_figure()
    figure.draw_without_rendering()
    found = [*ax.texts, ax._left_title, ax.xaxis.label, ax.yaxis.label,
             *ax.get_xticklabels(), *ax.get_yticklabels()]  # fmt: skip
    boxes = [
        (text.get_text(), text.get_window_extent()) for text in found if text.get_text().strip()
    ]
    for words, box in boxes:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, words
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, words
    for (words, one), (others, other) in combinations(boxes, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(width, height) < 2, (words, others)


def test_bars_are_equally_thick_in_whatever_axes(gbp: pd.DataFrame):
    """A slide gives bars no more weight."""

    def thick(ax: Axes) -> list[float]:
        ax.get_figure().draw_without_rendering()
        return [bar.get_window_extent().height for bar in ax.patches]

    own = thick(plot_balances(gbp))
    slide = thick(plot_balances(gbp, ax=plt.subplots(figsize=(12.8, 7.2))[1]))
    assert own == pytest.approx(slide)
    assert own == pytest.approx([13 * 100 / 72] * 2)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("style", ["default", "dark_background", "classic", "grayscale"])
def test_a_theme_has_its_own_ground(style: str, theme: str, gbp: pd.DataFrame):
    """Whatever the style, on axes of the user's own, and in what is saved."""
    with plt.style.context(style):
        ax = plot_balances(gbp, theme=theme, ax=plt.subplots()[1])
        panels = plot_panels(gbp, theme=theme, title="A title")
        for figure in (ax.get_figure(), panels):
            content = BytesIO()
            figure.savefig(content, dpi=20)
            content.seek(0)
            red, green, blue, _ = plt.imread(content)[1, 1]
            assert (red + green + blue < 1.5) == (theme == "dark")
        text = ax._left_title.get_color()
        assert text == PALETTE["text"][theme == "dark"]
    assert panels.get_suptitle() == "A title"


def test_a_theme_that_is_not_known_is_refused(gbp: pd.DataFrame):
    """With the names of those that are."""
    with pytest.raises(ConfigurationError, match="'sepia'") as caught:
        plot_balances(gbp, theme="sepia")
    assert '"dark"' in caught.value.remedy


@pytest.mark.parametrize("plot", [plot_balances, plot_payment_recency, plot_balance_trend])
def test_a_title_of_the_users_replaces_the_finding(plot, gbp: pd.DataFrame):
    """As text: dollars stay dollars, and no words at all are none."""
    ax = plot(gbp, title="$5 and $7")
    assert _title(ax) == "$5 and $7"
    assert not ax._left_title.get_parse_math()
    assert _title(plot(gbp, title="")) == ""


def test_trends_of_a_figure_share_the_axis_of_time():
    """So that a month is at one place in all panels."""
    axes = plot_panels(totals_frame(*sample_history()), plot_balance_trend).axes
    assert len({ax.get_xlim() for ax in axes}) == 1
    assert len({tuple(label.get_text() for label in ax.get_xticklabels()) for ax in axes}) == 1


def test_an_unexplained_movement_is_next_to_its_step():
    """Not over it: mark and word are at places of their own."""
    frame = select(totals_frame(*sample_history()), currency="EUR")
    ax = plot_balance_trend(frame)
    ax.get_figure().draw_without_rendering()
    steps = ax.transData.transform([(mdates.date2num(day), 0) for day in frame["retrieved_at"]])[
        :, 0
    ]
    marks = [each for each in ax.collections if len(each.get_segments()) == 1]
    assert len(marks) == 2
    for mark in marks:
        (segment,) = mark.get_segments()
        place = mark.get_transform().transform(segment)[0, 0]
        assert min(abs(steps - place)) > 3
    (word,) = [text for text in ax.texts if text.get_text() == "unexplained"]
    top = ax.transData.transform((0, max(ax.lines[0].get_ydata())))[1]
    assert word.get_window_extent().y0 > top
