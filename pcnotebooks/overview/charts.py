"""What a chart shows, worked out once: matplotlib and the pages' SVG only draw it.

Views speak ISO codes, because many fonts lack currency symbols. Lengths are in the unit of the
axis, colours those on light ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pcnotebooks.amounts import (
    add_exactly,
    format_amount,
    format_day,
    format_days_ago,
    format_number,
    format_share,
    to_decimal,
)
from pcnotebooks.clouds import SAMPLE, cloud_label
from pcnotebooks.frame.measures import changes_of
from pcnotebooks.frame.schema import NOT_STATED, ONE_TIME, RECURRING
from pcnotebooks.frame.selection import AsOf, as_of_day, invoice_types, latest, rows_of
from pcnotebooks.text import shortened

# Every colour by its name, on light and on dark ground. Charts are drawn in the light ones; a
# page that shows them as SVG finds the name in place of the colour and may give it another.
PALETTE = {
    "text": ("#1a1a1a", "#e8e8e8"),
    "muted": ("#5a5f66", "#a7adb5"),
    "rule": ("#d9dce1", "#3a3f46"),
    "page": ("#ffffff", "#14171a"),
    "recurring": ("#1b4f8a", "#5b9bd9"),
    "onetime": ("#b35c00", "#f5b57b"),
    "other-0": ("#0f766e", "#5cc8bd"),
    "other-1": ("#6d3fa0", "#c3a1ec"),
    "other-2": ("#9d174d", "#f29bc0"),
    "other-3": ("#4d5d00", "#c4d36b"),
    "band-0": ("#f2f6fb", "#1b232c"),
    "band-1": ("#e2ecf6", "#212e3c"),
    "band-2": ("#cfdff0", "#293b4e"),
    "band-3": ("#bad0e8", "#334a62"),
    "attention": ("#a4262c", "#ff8f8f"),
    "sample": ("#5b4b00", "#ffe9a3"),
    "sample-page": ("#fff4ce", "#3b3200"),
}
_LIGHT = {name: light for name, (light, _) in PALETTE.items()}
# What stands for each colour in a page.
VARIABLES = {light: f"var(--pcn-{name}, {light})" for name, light in _LIGHT.items()}
TEXT, MUTED, RULE, PAGE = (_LIGHT[name] for name in ("text", "muted", "rule", "page"))
ATTENTION = _LIGHT["attention"]
BANDS = tuple(_LIGHT[f"band-{place}"] for place in range(4))
_OTHERS = tuple(_LIGHT[f"other-{place}"] for place in range(4))
_TYPE_COLOURS = {
    RECURRING: _LIGHT["recurring"],
    ONE_TIME: _LIGHT["onetime"],
    NOT_STATED: MUTED,
    "": MUTED,
}

RECENCY_UNIT = "days since the last payment"
_LAST_DAY = 450  # of the axis of days; older payments stand there, with an arrow


@dataclass(frozen=True)
class Foot:
    """Where the figures come from and of when they are."""

    words: str
    colour: str
    bold: bool


@dataclass(frozen=True)
class Bar:
    """What is owed of one invoice type; a credit reaches to the left."""

    lane: str
    length: float
    words: str
    colour: str


@dataclass(frozen=True)
class BalancesView:
    """What :func:`plot_balances` shows."""

    title: str
    foot: Foot
    unit: str
    bars: list[Bar]


@dataclass(frozen=True)
class Mark:
    """A last payment; with no days where it was never paid or is not stated."""

    days: int | None
    status: str
    words: list[str]  # the first always, the others as there is room
    older: bool = False  # than the axis reaches


@dataclass(frozen=True)
class RecencyView:
    """What :func:`plot_payment_recency` shows."""

    title: str
    foot: Foot
    lanes: list[tuple[str, list[Mark]]]
    first: int
    last: int

    @property
    def ends(self) -> tuple[float, float]:
        """How far the axis reaches: to the left of its first day stands what has no day."""
        reach = self.last - self.first
        return self.first - 0.07 * reach, self.last + 0.08 * reach

    @property
    def beside(self) -> float:
        """Where the mark of what has no day stands."""
        return self.first - 0.035 * (self.last - self.first)

    @property
    def ticks(self) -> list[int]:
        """The days that are written below."""
        return [0, 30, 60, 90, *([self.last] if 120 < self.last < _LAST_DAY else [])]

    @property
    def bands(self) -> list[tuple[float, float, str]]:
        """First day, last day and colour of each band."""
        return list(zip((0, 30, 60, 90), (30, 60, 90, self.ends[1]), BANDS, strict=True))


@dataclass(frozen=True)
class Line:
    """The balances of one partner and cloud, each of which stands until the next."""

    moments: list[Any]  # pandas' timestamps
    heights: list[float]
    words: str
    colour: str


@dataclass(frozen=True)
class TrendView:
    """What :func:`plot_balance_trend` shows."""

    title: str
    foot: Foot
    unit: str
    lines: list[Line]
    unexplained: list[tuple[Any, float, float]]
    payments: list[tuple[Any, str]]  # with the amounts that have room


def balances_view(
    frame: pd.DataFrame, *, only: str | None = None, locale: str = "en"
) -> BalancesView:
    """Return what is owed in the one currency of a frame that has rows.

    With the name of the only invoice type that was chosen, which says nothing of the whole.
    """
    now = latest(frame)
    currency = str(now["currency"].iloc[0])
    lanes = lanes_of(now)
    amounts = [add_exactly(row.balance_amount for row in rows) for _, _, rows in lanes]
    scale, unit = _scale(amounts, currency)
    bars = [
        Bar(
            label,
            float(amount / scale),
            format_amount(amount, currency, locale=locale),
            _type_colour(name, now),
        )
        for (label, name, _), amount in zip(lanes, amounts, strict=True)
    ]
    parts = _parts(zip((name for _, name, _ in lanes), amounts, strict=True))
    owners = _parts(((row.partner, row.cloud), row.balance_amount) for row in rows_of(now))
    title = balances_title(currency, owners.values(), {} if only else parts, locale=locale)
    title = f"{shortened(only)}: {title}" if only else title
    return BalancesView(title, _foot(now, locale), unit, bars)


def recency_view(
    recency: pd.DataFrame, *, as_of: AsOf | None = None, locale: str = "en"
) -> RecencyView:
    """Return the days of a frame of :func:`payment_recency` as of that day, which has rows."""
    days = recency["days_since_payment"].dropna().astype(int).tolist()
    last, first = min(max([100, *days]), _LAST_DAY), min([0, *days])
    lanes = [
        (label, [_mark(row, last, locale) for row in rows])
        for label, _, rows in lanes_of(recency, by_currency=True)
    ]
    return RecencyView(
        _recency_title(recency, locale), _foot(recency, locale, as_of=as_of), lanes, first, last
    )


def trend_view(frame: pd.DataFrame, *, locale: str = "en") -> TrendView:
    """Return how the balance in the one currency of a frame that has rows went."""
    currency = str(frame["currency"].iloc[0])
    stated = {
        (str(partner), str(cloud)): _stated(rows)
        for (partner, cloud), rows in frame.groupby(["partner", "cloud"], observed=True)
    }
    scale, unit = _scale([amount for each in stated.values() for amount in each], currency)
    lines = []
    for place, ((partner, _), series) in enumerate(stated.items()):
        colours = (TEXT,) if len(stated) == 1 else (*_OTHERS, MUTED)
        name = f"{shortened(partner)}\n" if len(stated) > 1 else ""
        lines.append(
            Line(
                series.index.tolist(),
                [float(amount / scale) for amount in series],
                f"{name}{format_amount(series.iloc[-1], currency, locale=locale)}",
                colours[place % len(colours)],
            )
        )
    changes = changes_of(frame)
    unexplained = [
        (
            row.retrieved_at,
            float(to_decimal(row.previous_balance_amount) / scale),
            float(to_decimal(row.balance_amount) / scale),
        )
        for row in rows_of(changes[changes["unexplained"]].sort_values("retrieved_at"))
    ]
    return TrendView(
        title=_trend_title(currency, list(stated.values()), locale),
        foot=_foot(frame, locale),
        unit=unit,
        lines=lines,
        unexplained=unexplained,
        payments=_payments(changes[changes["payment_seen"]], locale),
    )


def balance_title(
    currency: str, total: Decimal, parts: Mapping[str, Decimal], *, locale: str = "en"
) -> str:
    """Return what is owed and how it splits: ``GBP 751,094.39 owed, 73 % OneTime``.

    Nothing is said of a split into parts that do not add up, are not stated, or hold a credit.
    """
    if total < 0:
        return f"Credit of {format_amount(total.copy_abs(), currency, locale=locale)}"
    if total == 0:
        return f"Nothing owed in {currency}"
    owed = f"{format_amount(total, currency, locale=locale)} owed"
    whole = add_exactly(parts.values()) == total and not {NOT_STATED, ""} & set(parts)
    if not whole or any(amount < 0 for amount in parts.values()):
        return owed
    largest = max(parts, key=lambda name: parts[name])
    share = "all" if parts[largest] == total else format_share(parts[largest], total)
    return f"{owed}, {share} {shortened(largest)}"


def balances_title(
    currency: str,
    balances: Iterable[Decimal],
    parts: Mapping[str, Decimal],
    *,
    locale: str = "en",
) -> str:
    """Return :func:`balance_title` of several accounts; a credit is nobody else's to set off."""
    every = list(balances)
    if not _are_mixed(every):
        return balance_title(currency, add_exactly(every), parts, locale=locale)
    owed, credit = (
        format_amount(add_exactly(some).copy_abs(), currency, locale=locale)
        for some in ([one for one in every if one > 0], [one for one in every if one < 0])
    )
    return f"{owed} owed; credits of {credit}, not set off"


def _are_mixed(balances: Sequence[Decimal]) -> bool:
    return len({balance > 0 for balance in balances if balance}) > 1


def parts_by_type(frame: pd.DataFrame) -> dict[str, Decimal]:
    """Return the balance of each invoice type in the rows of one currency, to the cent."""
    return _parts((_type_name(row), row.balance_amount) for row in rows_of(frame))


def lanes_of(frame: pd.DataFrame, *, by_currency: bool = False) -> list[tuple[str, str, list[Any]]]:
    """Return label, invoice type and rows of each lane, in the frame's order."""
    owners = owners_of(frame)
    by_currency = by_currency and len(set(frame["currency"])) > 1
    found: dict[tuple[str, str, str, str], list[Any]] = {}
    for row in rows_of(frame):
        found.setdefault((row.partner, row.cloud, row.currency, _type_name(row)), []).append(row)
    lanes = []
    for (partner, cloud, currency, name), rows in found.items():
        label = " · ".join(filter(None, (currency if by_currency else "", shortened(name))))
        label = "\n".join(word for word in (owners[partner, cloud], label) if word)
        lanes.append((label or currency, name, rows))
    return lanes


def owners_of(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return what tells each partner and cloud from the others; nothing where there is one."""
    owners = list(dict.fromkeys(zip(frame["partner"], frame["cloud"], strict=True)))
    partners, clouds = {partner for partner, _ in owners}, {cloud for _, cloud in owners}
    return {
        (partner, cloud): " · ".join(
            word
            for word in (
                shortened(partner) if len(partners) > 1 else "",
                cloud_label(cloud) if len(clouds) > 1 else "",
            )
            if word
        )
        for partner, cloud in owners
    }


def _type_name(row: Any) -> str:
    """Return a row's invoice type; nothing in a frame of totals."""
    name = getattr(row, "invoice_type", "")
    return NOT_STATED if pd.isna(name) else name


def _type_colour(invoice_type: str, frame: pd.DataFrame) -> str:
    """Return the colour of an invoice type; those beyond the two get theirs in order of name."""
    if invoice_type in _TYPE_COLOURS:
        return _TYPE_COLOURS[invoice_type]
    place = invoice_types(frame)[2:].index(invoice_type)
    return _OTHERS[place % len(_OTHERS)]


def _parts(amounts: Any) -> dict[str, Decimal]:
    parts: dict[str, Decimal] = {}
    for name, amount in amounts:
        parts[name] = add_exactly([parts.get(name, Decimal(0)), amount])
    return parts


def _scale(amounts: Sequence[Decimal], currency: str) -> tuple[Decimal, str]:
    largest = max((abs(amount) for amount in amounts), default=Decimal(0))
    for scale, word in ((Decimal(1_000_000), "million "), (Decimal(1_000), "thousand ")):
        if largest >= 2 * scale:
            return scale, f"{word}{currency}"
    return Decimal(1), currency


def _mark(row: Any, last: int, locale: str) -> Mark:
    if row.payment_status != "paid":
        return Mark(None, row.payment_status, [row.payment_status.capitalize()])
    words = [
        format_days_ago(row.days_since_payment, locale=locale),
        format_day(row.last_payment_date, locale=locale),
    ]
    if not pd.isna(row.last_payment_amount):
        words.append(format_amount(row.last_payment_amount, row.currency, locale=locale))
    older = row.days_since_payment > last
    return Mark(min(row.days_since_payment, last), "paid", words, older)


def _recency_title(recency: pd.DataFrame, locale: str) -> str:
    paid = recency["days_since_payment"].dropna()
    words = []
    if len(paid):
        newest = int(paid.min())
        dated = "Last payment" if newest >= 0 else "A payment is dated"
        words.append(f"{dated} {format_days_ago(newest, locale=locale)}")
    for status in ("never paid", "not stated"):
        count = int((recency["payment_status"] == status).sum())
        if count and count == len(recency):
            words.append(status)
        elif count:
            words.append(f"{count} of {len(recency)} {status}")
    title = "; ".join(words)
    return title[0].upper() + title[1:]


def _stated(rows: pd.DataFrame) -> pd.Series:
    """Return the balance at each retrieved_at, invoice types added to the cent."""
    return rows.groupby("retrieved_at", sort=True)["balance_amount"].agg(add_exactly).astype(object)


def _payments(changes: pd.DataFrame, locale: str) -> list[tuple[Any, str]]:
    """Return when payments were made, with the amounts of those that stand clear of each other."""
    if changes.empty:
        return []
    first, last = changes["payment_date"].min(), changes["payment_date"].max()
    named = first - (last - first)
    payments = []
    for row in rows_of(changes.sort_values("payment_date", ascending=True)):
        words = ""
        if pd.notna(row.payment_amount):
            amount = format_number(row.payment_amount, row.currency, locale=locale)
            room = (last - first) * 0.014 * len(amount)  # about as wide as it is
            if row.payment_date - named > room:
                words, named = amount, row.payment_date
        payments.append((row.payment_date, words))
    return payments


def _trend_title(currency: str, stated: Sequence[pd.Series], locale: str) -> str:
    then, now = ([series.iloc[place] for series in stated] for place in (0, -1))
    words = balances_title(currency, now, {}, locale=locale)
    first = min(series.index[0] for series in stated)
    firsts = {series.index[0].date() for series in stated}
    if len(firsts) > 1 or all(len(series) == 1 for series in stated):
        return words  # not the same partners then as now, or nothing to compare with
    if len(stated) > 1 and (_are_mixed(then) or _are_mixed(now)):
        return words  # one's credit and another's debt do not move as one
    moved = add_exactly([*now, *(balance.copy_negate() for balance in then)])
    day = format_day(first, locale=locale)
    if moved == 0:
        return f"{words}, as on {day}"
    direction = "up" if moved > 0 else "down"
    number = format_number(abs(moved), currency, locale=locale)
    return f"{words}, {direction} {number} since {day}"


def _foot(now: pd.DataFrame, locale: str, *, as_of: AsOf | None = None) -> Foot:
    clouds = sorted(set(now["cloud"]))
    sample = SAMPLE.name in clouds
    days = sorted({moment.date() for moment in now["retrieved_at"]})
    words = ["Source: " + ", ".join(cloud_label(cloud) for cloud in clouds if cloud != SAMPLE.name)]
    if sample:
        words = ["Sample data, not an account", *(words if len(clouds) > 1 else [])]
    ends = dict.fromkeys(format_day(day, locale=locale) for day in (days[0], days[-1]))
    words.append("retrieved " + " to ".join(ends))
    if as_of is not None and [as_of_day(as_of)] != days:
        words.append(f"as of {format_day(as_of_day(as_of), locale=locale)}")
    return Foot(" · ".join(words), _LIGHT["sample"] if sample else MUTED, sample)
