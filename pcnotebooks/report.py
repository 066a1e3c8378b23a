"""Payloads as one HTML file: no kernel, no script, no request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes

from pcnotebooks.amounts import (
    add_exactly,
    format_amount,
    format_day,
    format_days,
    format_days_ago,
    format_number,
)
from pcnotebooks.charts import (
    PALETTE,
    balance_title,
    draw,
    parts_by_type,
    plot_balance_trend,
    plot_balances,
    plot_payment_recency,
    to_svg,
)
from pcnotebooks.clouds import cloud_label
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frames import (
    NOT_STATED,
    AsOf,
    as_of_day,
    changes_of,
    difference_sentence,
    differences,
    future_payment_sentence,
    invoice_frame,
    latest_payloads,
    recency_of,
    rows_of,
    rows_with,
    totals_frame,
)
from pcnotebooks.payloads import Payload

NOTHING = "\N{EN DASH}"
_STATED = "Stated by Partner Center"


@dataclass(frozen=True)
class _Figure:
    """A headline figure: the number, what it is, and a remark."""

    value: str
    label: str
    remark: str = ""
    attention: bool = False


@dataclass(frozen=True)
class _Line:
    """A row of the table that proves the charts."""

    label: str
    total: bool
    partner: str
    currency: str
    balance: str
    last_paid: str
    days: str
    amount: str
    latest_invoice: str
    falls_due: str


@dataclass(frozen=True)
class _Statement:
    """What one partner owes in one currency."""

    number: int
    owner: str
    balance: Decimal
    sentence: str
    alerts: list[str]
    figures: list[_Figure]
    charts: list[Markup]
    lines: list[_Line]
    proof: str
    attention: list[str]


@dataclass(frozen=True)
class _Section:
    """A currency, with a statement of each partner."""

    place: int
    currency: str
    together: str
    statements: list[_Statement]


def render_report(
    payloads: Payload | Iterable[Payload],
    path: str | os.PathLike[str] | None = None,
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    title: str | None = None,
    locale: str = "en",
) -> str | Path:
    """Render payloads as one self-contained HTML file.

    The figures are those of the latest payload of each partner and cloud; earlier ones give the
    trend and what changed. The same payloads and options give the same bytes.

    Parameters
    ----------
    payloads
        One payload or several, of any partners, clouds and times.
    path
        File to write; its folder exists. Without it the HTML is returned.
    as_of
        Day from which days are counted, in UTC; when each payload was retrieved unless given.
    terms_days
        Payment terms in days from the invoice date.
    title
        Heading; "Invoice summaries" unless given.
    locale
        Language whose separators and month names are used, such as ``"de_CH"``; words stay
        English.

    Returns
    -------
    str or Path
        The HTML, or the path that was written.

    Raises
    ------
    ConfigurationError
        Without any payload, or for an `as_of`, terms or locale that cannot be.
    PayloadError
        For a body that is not what the service states invoice summaries in.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> html = render_report(sample_payload())
    >>> "Sample data" in html, "http://" in html.replace("http://www.w3.org/", "")
    (True, False)
    """
    given = [payloads] if isinstance(payloads, Payload) else list(payloads)
    if not given:
        raise ConfigurationError(
            "A report needs a payload.",
            remedy="Pass fetch_invoice_summaries(session), Payload.load(path) or sample_payload().",
        )
    sources = latest_payloads(given)
    html: str = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title or "Invoice summaries",
            sample=any(source.is_sample for source in sources),
            sources=[(source, owner_name(source.partner, source.cloud)) for source in sources],
            as_of=_days_words([as_of_day(as_of)] if as_of is not None else _days(sources), locale),
            retrieved=_days_words(_days(sources), locale),
            sections=_sections(given, as_of=as_of, terms_days=terms_days, locale=locale),
            gone=_gone(given, sources, locale),
            owners_differ_by_cloud=len({source.partner for source in sources}) < len(sources),
            terms_days=terms_days,
            earlier=len(set(given)) - len(sources),
            versions={name: version(name) for name in ("pcnotebooks", "pandas", "matplotlib")},
        )
    )
    if path is None:
        return html
    path = Path(path)
    path.write_text(html, encoding="utf-8", newline="\n")
    return path


def _days(payloads: Sequence[Payload]) -> list[date]:
    return [payload.retrieved_at.date() for payload in payloads]


def _days_words(days: Sequence[date], locale: str) -> str:
    first, last = (format_day(day, locale=locale) for day in (min(days), max(days)))
    return first if first == last else f"{first} to {last}"


def owner_name(partner: str, cloud: str) -> str:
    """Return whose account it is, and at which cloud."""
    return f"{partner or 'Partner not named'} · {cloud_label(cloud)}"


def style(name: str) -> Markup:
    """Return a style sheet of the package as an element, with the palette filled in."""
    css = _environment().get_template(name).render()
    return Markup(f"<style>{css}</style>")  # noqa: S704 (no data is part of it)


def _palette(ground: int) -> str:
    """Return the palette as CSS variables, on light (0) or dark (1) ground."""
    return " ".join(f"--pcn-{name}: {colours[ground]};" for name, colours in PALETTE.items())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pcnotebooks"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["palette"] = _palette
    return environment


def _sections(
    payloads: Sequence[Payload], *, as_of: AsOf | None, terms_days: int, locale: str
) -> list[_Section]:
    """Return a section for each currency that a latest payload states."""
    current = latest_payloads(payloads)
    history = totals_frame(*payloads, exact=True)
    details = invoice_frame(*current, exact=True)
    totals = totals_frame(*current, exact=True)
    frames = _Frames(
        details=recency_of(details, as_of=as_of, terms_days=terms_days),
        totals=recency_of(totals, as_of=as_of, terms_days=terms_days),
        history=history,
        changes=changes_of(history),
        differences=differences(*current),
    )
    sections = []
    owners = [(payload.partner, payload.cloud) for payload in current]
    for place, currency in enumerate(sorted(set(totals["currency"])), start=1):
        statements = []
        words = _Words(currency, as_of, locale)
        for number, (partner, cloud) in enumerate(owners, start=1):
            own = frames.select(partner=partner, cloud=cloud, currency=currency)
            if len(own.totals):
                statements.append(_statement(own, words, number, f"c{place}p{number}"))
        together = _together([statement.balance for statement in statements], words)
        sections.append(_Section(place, currency, together, statements))
    return sections


def _together(balances: Sequence[Decimal], words: _Words) -> str:
    """Return what several partners owe in one currency; a credit is nobody else's to set off."""
    owed = add_exactly(balance for balance in balances if balance > 0)
    credit = add_exactly(balance.copy_abs() for balance in balances if balance < 0)
    accounts = f"{len(balances)} accounts together"
    if not credit:
        return f"{words.amount(owed)} owed by {accounts}."
    if not owed:
        return f"Credits of {words.amount(credit)}, {accounts}."
    return f"{words.amount(owed)} owed; credits of {words.amount(credit)}, not set off."


@dataclass(frozen=True)
class _Frames:
    """The frames that a report is written from, or their rows of one partner and currency."""

    details: pd.DataFrame
    totals: pd.DataFrame
    history: pd.DataFrame
    changes: pd.DataFrame
    differences: pd.DataFrame

    def select(self, **choices: str) -> _Frames:
        return _Frames(**{name: rows_with(frame, **choices) for name, frame in vars(self).items()})


@dataclass(frozen=True)
class _Words:
    """How the figures of one currency are written."""

    currency: str
    as_of: AsOf | None
    locale: str

    def amount(self, amount: Any) -> str:
        return format_amount(amount, self.currency, locale=self.locale)

    def number(self, amount: Any) -> str:
        return (
            NOTHING if pd.isna(amount) else format_number(amount, self.currency, locale=self.locale)
        )

    def day(self, moment: Any) -> str:
        return NOTHING if pd.isna(moment) else format_day(moment.date(), locale=self.locale)


def _statement(own: _Frames, words: _Words, number: int, prefix: str) -> _Statement:
    # A currency stated twice in one payload: the row of the newest invoice speaks.
    stated = own.totals.sort_values("latest_invoice_date", na_position="first").iloc[-1]
    balance = add_exactly(own.totals["balance_amount"])
    parts = parts_by_type(own.details)
    title = balance_title(words.currency, balance, parts, locale=words.locale)
    return _Statement(
        number=number,
        owner=owner_name(stated.partner, stated.cloud),
        balance=balance,
        sentence=f"{title}; {_paid_words(stated)}."
        f"{_due_sentence(stated, balance, words)}{_change_sentence(own.changes, words)}",
        alerts=_alerts(own, stated, balance),
        figures=_figures(stated, balance, parts, words),
        charts=_charts(own, words, prefix),
        lines=[
            *(_line(_type_name(row), row, words) for row in rows_of(own.details)),
            *(_line(_STATED, row, words) for row in rows_of(own.totals)),
        ],
        proof=_proof(own.differences.iloc[0], words),
        attention=_attention(own, words),
    )


def _paid_words(row: Any) -> str:
    if row.payment_status != "paid":
        return "never paid" if row.payment_status == "never paid" else "last payment not stated"
    days = row.days_since_payment
    return f"{'last paid' if days >= 0 else 'a payment is dated'} {format_days_ago(days)}"


def _due_sentence(stated: Any, balance: Decimal, words: _Words) -> str:
    if not _is_due(stated, balance):
        return ""
    verb = "fell" if stated.days_until_due < 0 else "falls"
    return f" The latest invoice {verb} due on {words.day(stated.invoice_due_date)}."


def _is_due(stated: Any, balance: Decimal) -> bool:
    return balance > 0 and not pd.isna(stated.invoice_due_date)


def _alerts(own: _Frames, stated: Any, balance: Decimal) -> list[str]:
    """Return in a few words what the summary must not be silent about."""
    found = []
    if _is_due(stated, balance) and stated.days_until_due < 0:
        found.append(_overdue(stated))
    if own.differences["difference"].map(bool).any():
        found.append("its parts do not add up")
    unexplained = int(own.changes["unexplained"].sum())
    if unexplained:
        found.append(f"{unexplained} unexplained movement{'s' if unexplained > 1 else ''}")
    return found


def _overdue(stated: Any) -> str:
    # No invoice is newer: whatever is still owed was due on that day or before.
    return f"overdue by at least {format_days(-stated.days_until_due)}"


def _change_sentence(changes: pd.DataFrame, words: _Words) -> str:
    """Return what the newest payload changed; nothing where there is no earlier one."""
    if changes.empty:
        return ""
    change = changes.iloc[-1]
    since = words.day(change.previous_retrieved_at)
    if change.balance_change == 0:
        moved = f"Unchanged since {since}"
    else:
        direction = "Up" if change.balance_change > 0 else "Down"
        moved = f"{direction} {words.amount(abs(change.balance_change))} since {since}"
    causes = []
    if change.payment_seen:
        amount = (
            "" if pd.isna(change.payment_amount) else f" of {words.amount(change.payment_amount)}"
        )
        causes.append(f"payment{amount} on {words.day(change.payment_date)}")
    if change.invoice_seen:
        causes.append(f"new invoice of {words.day(change.invoice_date)}")
    if change.unexplained:
        causes.append("no payment and no invoice explains it")
    return f" {moved}{': ' if causes else ''}{', '.join(causes)}."


def _figures(
    stated: Any, balance: Decimal, parts: dict[str, Decimal], words: _Words
) -> list[_Figure]:
    paid = stated.payment_status == "paid"
    figures = [
        _Figure(words.number(balance.copy_abs()), "Credit" if balance < 0 else "Balance owed"),
        *(
            _Figure(words.number(amount), "Type not stated" if name == NOT_STATED else name)
            for name, amount in parts.items()
            if set(parts) != {NOT_STATED}
        ),
        _Figure(
            words.day(stated.last_payment_date) if paid else stated.payment_status.capitalize(),
            "Last paid" if paid else "Payment",
            format_days_ago(stated.days_since_payment) if paid else "",
        ),
    ]
    if _is_due(stated, balance):
        overdue = stated.days_until_due < 0
        day = words.day(stated.invoice_due_date)
        days = format_days(abs(stated.days_until_due))
        remark = _overdue(stated).capitalize() if overdue else f"{days} left"
        label = f"Latest invoice {'fell' if overdue else 'falls'} due"
        figures.append(_Figure(day, label, remark, attention=overdue))
    return figures


def _charts(own: _Frames, words: _Words, prefix: str) -> list[Markup]:
    written = {"prefix": prefix, "locale": words.locale}
    in_words = balances_in_words(own.details, locale=words.locale)
    charts = [
        chart(plot_balances, own.details, in_words, width=4.6, **written),
        chart(
            plot_payment_recency,
            own.details,
            recency_in_words(own.details),
            width=4.6,
            as_of=words.as_of,
            **written,
        ),
    ]
    if len(own.changes):
        balances = own.history["balance_amount"]
        trend = (
            f"{len(balances)} balances, from {words.amount(balances.iloc[0])} on"
            f" {words.day(own.history['retrieved_at'].iloc[0])} to"
            f" {words.amount(balances.iloc[-1])}; lowest {words.amount(balances.min())},"
            f" highest {words.amount(balances.max())}."
        )
        charts.append(chart(plot_balance_trend, own.history, trend, width=9.2, **written))
    return charts


def chart(
    plot: Callable[..., Axes], frame: pd.DataFrame, description: str, *, prefix: str, **options: Any
) -> Markup:
    """Return a chart as inline SVG with its title and a description that carries the figures."""
    figure = draw(plot, frame, **options)
    svg = to_svg(
        figure,
        prefix=f"{prefix}-{plot.__name__}",
        title=figure.axes[0].get_title(loc="left").replace("\n", " "),
        description=description,
    )
    return Markup(svg)  # noqa: S704 (matplotlib and to_svg escape every text)


def balances_in_words(frame: pd.DataFrame, *, locale: str = "en") -> str:
    """Return what :func:`plot_balances` shows, for those who do not see it."""
    return "; ".join(
        f"{_type_name(row)} {format_amount(row.balance_amount, row.currency, locale=locale)}"
        for row in rows_of(frame)
    )


def recency_in_words(recency: pd.DataFrame) -> str:
    """Return what :func:`plot_payment_recency` shows, for those who do not see it."""
    several = recency["partner"].nunique() > 1  # noqa: PD101  a few rows
    return "; ".join(
        f"{row.partner + ' ' if several else ''}{row.currency} {_type_name(row)} {_paid_words(row)}"
        for row in rows_of(recency)
    )


def figures_table(recency: pd.DataFrame) -> Markup:
    """Return the table that proves the charts of a recency frame in any number of currencies."""
    lines = [
        _line(_type_name(row), row, _Words(row.currency, None, "en")) for row in rows_of(recency)
    ]
    several = len({line.partner for line in lines}) > 1
    macros: Any = _environment().get_template("figures.html.j2").module
    table: Markup = macros.figures(lines, partners=several, currencies=True)
    return table


def _line(label: str, row: Any, words: _Words) -> _Line:
    paid = row.payment_status == "paid"
    return _Line(
        label=label,
        total=label == _STATED,
        partner=row.partner,
        currency=row.currency,
        balance=words.number(row.balance_amount),
        last_paid=words.day(row.last_payment_date) if paid else row.payment_status.capitalize(),
        days=format_days_ago(row.days_since_payment) if paid else "",
        amount=words.number(row.last_payment_amount),
        latest_invoice=words.day(row.latest_invoice_date),
        falls_due=words.day(row.invoice_due_date) if row.balance_amount > 0 else NOTHING,
    )


def _proof(row: Any, words: _Words) -> str:
    stated = words.amount(row.stated)
    if row.summed is None:
        return f"Stated {stated}; the service states no parts to compare it with."
    equals = "≠" if row.difference else "="
    return (
        f"Stated {stated} {equals} sum of parts {words.amount(row.summed)},"
        f" difference {words.number(row.difference)}."
    )


def _attention(own: _Frames, words: _Words) -> list[str]:
    """Return what a reader must not overlook, in words; of old movements the newest three."""
    found = [
        f"Difference: {difference_sentence(row, locale=words.locale)}"
        for row in rows_of(own.differences)
        if row.difference
    ]
    found += [
        f"Payment in the future: {future_payment_sentence(row, locale=words.locale)}"
        for row in rows_of(own.totals)
        if row.recency == "in the future"
    ]
    moved = own.changes[own.changes["unexplained"]]
    found += [
        f"Unexplained movement: between {words.day(row.previous_retrieved_at)} and"
        f" {words.day(row.retrieved_at)} the balance went from"
        f" {words.amount(row.previous_balance_amount)} to {words.amount(row.balance_amount)}"
        " without a payment or an invoice."
        for row in rows_of(moved.iloc[::-1].head(3))
    ]
    if len(moved) > 3:
        found.append(f"Unexplained movements before these: {len(moved) - 3}.")
    return found


def _type_name(row: Any) -> str:
    return NOT_STATED if pd.isna(row.invoice_type) else str(row.invoice_type)


def _gone(payloads: Sequence[Payload], current: Sequence[Payload], locale: str) -> list[str]:
    """Return in words which partners and currencies the latest payloads no longer state."""
    history = totals_frame(*payloads, exact=True)
    newest = {(payload.partner, payload.cloud): payload.retrieved_at for payload in current}
    found = []
    for (partner, cloud), retrieved_at in newest.items():
        own = rows_with(history, partner=partner, cloud=cloud)
        stated = set(own.loc[own["retrieved_at"] == retrieved_at, "currency"])
        whose = owner_name(partner, cloud)
        if not stated:
            found.append(f"{whose}: no balances are stated, as for an account without invoices.")
        for currency in sorted(set(own["currency"]) - stated):
            last = own[own["currency"] == currency].iloc[-1]
            amount = format_amount(last["balance_amount"], currency, locale=locale)
            day = format_day(last["retrieved_at"].date(), locale=locale)
            found.append(f"{whose}: {currency} is no longer stated; on {day} it was {amount}.")
    return found
