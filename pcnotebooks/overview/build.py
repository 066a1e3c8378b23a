"""Overviews made: payloads or a frame worked out once, and any part of them without decoding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, TypeAlias

import pandas as pd

from pcnotebooks.amounts import add_exactly, format_amount, format_day
from pcnotebooks.clouds import SAMPLE
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.ageing import age, explained
from pcnotebooks.frame.build import summaries_of, totals_of
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.measures import changes_of, differences_of, with_recency
from pcnotebooks.frame.rows import Flat, flatten, latest_payloads
from pcnotebooks.frame.schema import SUMMARY_COLUMNS, UTC
from pcnotebooks.frame.selection import AsOf, as_of_day, latest, require_frame, rows_of, rows_with
from pcnotebooks.overview import listed, words
from pcnotebooks.overview.model import (
    Account,
    Choice,
    Drawn,
    Frames,
    Given,
    Overview,
    Section,
    Source,
)
from pcnotebooks.overview.told import Told, Words
from pcnotebooks.overview.words import owner_name
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.payload import Payload

Key: TypeAlias = tuple[str, str, str]  # partner, cloud, currency
_KEYS = ("partner", "cloud", "currency")


def overview(
    given: Payload | Iterable[Payload] | pd.DataFrame,
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    locale: str = "en",
    notes: Iterable[str] = (),
) -> Overview:
    """Return what payloads say, or what can be said of a frame alone.

    Each payload is decoded once. The figures are those of the latest payload of each partner and
    cloud; earlier ones give trends and changes. If only a list of invoices came of a partner,
    the list is shown and the balance is not stated.

    Parameters
    ----------
    given
        Payloads of any partners, clouds and times, or a frame as :func:`summary_frame` returns
        it: that holds neither stated totals nor provenance, so there are no accounts then.
    as_of
        UTC day from which days are counted; each payload's own unless given.
    terms_days
        Payment terms in days from the invoice date.
    locale
        Language whose separators and month names are used.
    notes
        What the payloads do not say of themselves, such as :func:`words.not_fetched`.

    Raises
    ------
    ConfigurationError
        Without any payload, or for an `as_of`, terms, locale or frame that cannot be.
    PayloadError
        For a body that is not what the service states invoice summaries in.
    """
    terms = _Terms(None if as_of is None else as_of_day(as_of), terms_days, locale)
    if isinstance(given, pd.DataFrame):
        require_frame(given, SUMMARY_COLUMNS)
        flat = flatten([])
        frames = replace(_frames(flat, [], terms), summaries=given, details=latest(given))
        return _worked_out(frames, flat, [], terms, notes)
    payloads = [given] if isinstance(given, Payload) else list(given)
    flat, lists = flatten(payloads), latest_payloads(payloads, INVOICES)
    if not flat.payloads and not lists:
        raise ConfigurationError(
            "There is no payload to show.",
            remedy="Pass fetch_invoice_summaries(session), Payload.load(path) or sample_payload().",
        )
    return _worked_out(_frames(flat, lists, terms), flat, lists, terms, notes)


def part(whole: Overview, choice: Choice, *, as_of: date | None = None) -> Overview:
    """Return the overview of a part, as of another day, from the frames that the whole holds."""
    terms = _Terms(as_of, whole.terms_days, whole.locale)
    rows = {name: value for name, value in choice.columns.items() if name != "invoice_type"}
    frames = {field.name: getattr(whole.frames, field.name) for field in fields(Frames)}
    if rows:
        frames = {name: rows_with(frame, **rows) for name, frame in frames.items()}
    return replace(
        whole,
        as_of=as_of,
        days=terms.in_words(whole.retrieved),
        choice=choice,
        **_shown(Frames(**frames), whole, choice, terms),
    )


@dataclass(frozen=True)
class _Terms:
    """As of which day, under which payment terms, and in which locale figures are shown."""

    as_of: date | None
    days: int
    locale: str

    def counted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows with their recency."""
        return with_recency(rows, as_of=self.as_of, terms_days=self.days)

    def in_words(self, retrieved: str) -> str:
        """Return the as-of day; unless one was given, the days of the payloads."""
        return retrieved if self.as_of is None else format_day(self.as_of, locale=self.locale)


def _frames(flat: Flat, lists: Sequence[Payload], terms: _Terms) -> Frames:
    newest = latest_payloads(flat.payloads)
    summaries, history = summaries_of(flat, exact=True), totals_of(flat, exact=True)
    totals = _rows_of_latest(history, newest)
    invoices = invoice_frame(*lists, exact=True)
    # What explains a balance is what was open when both were fetched, whatever day is chosen.
    on_its_day = age(invoices, terms_days=terms.days)
    return Frames(
        summaries=summaries,
        details=_rows_of_latest(summaries, newest),
        totals=totals,
        history=history,
        changes=changes_of(history),
        differences=differences_of(flat),
        invoices=invoices,
        explained=explained(on_its_day, totals, [*newest, *lists]),
    )


def _rows_of_latest(frame: pd.DataFrame, newest: Sequence[Payload]) -> pd.DataFrame:
    """Return the rows of the newest payloads; one that states nothing replaces older rows."""
    moments = {(each.partner, each.cloud): each.retrieved_at for each in newest}
    owners = zip(frame["partner"], frame["cloud"], strict=True)
    at = pd.DatetimeIndex([moments[owner] for owner in owners], dtype=UTC)
    current: pd.DataFrame = frame[frame["retrieved_at"].array == at]
    return current.reset_index(drop=True)


def _worked_out(
    frames: Frames, flat: Flat, lists: Sequence[Payload], terms: _Terms, notes: Iterable[str]
) -> Overview:
    given = _sources(flat.payloads, lists)
    sources = given.sources
    moments = [source.payload.retrieved_at for source in sources]
    if not sources:
        moments = list(frames.details["retrieved_at"].unique())
    days = [moment.date() for moment in moments]
    retrieved = words.days_words(days, terms.locale) if days else ""
    clouds = {source.payload.cloud for source in sources} or set(frames.details["cloud"])
    shown = _shown(frames, given, Choice(), terms)
    return Overview(
        **shown,
        **vars(given),
        notes=(
            *notes,
            *_no_longer_stated(frames.history, sources, terms.locale),
            *_without_balance(shown["frames"], sources, terms.locale),
            *frames.explained.attrs["not_compared"],
        ),
        assumptions=tuple(shown["frames"].invoices.attrs["assumptions"]) if lists else (),
        is_sample=SAMPLE.name in clouds,
        retrieved=retrieved,
        days=terms.in_words(retrieved),
        as_of=terms.as_of,
        terms_days=terms.days,
        locale=terms.locale,
    )


def _sources(payloads: Sequence[Payload], lists: Sequence[Payload]) -> Given:
    """Return the payload that stands for each partner and cloud, and all others, oldest first."""
    newest = latest_payloads(payloads)
    latest_ids = {id(payload) for payload in newest}
    older = [payload for payload in payloads if id(payload) not in latest_ids]
    # The balances speak for an account; without them its list of invoices does.
    own = {(each.partner, each.cloud): each for each in (*lists, *newest)}
    return Given(
        sources=_with_owner(own[key] for key in sorted(own)),
        earlier=_with_owner(older),
        lists=_with_owner(lists),
    )


def _with_owner(payloads: Iterable[Payload]) -> tuple[Source, ...]:
    return tuple(Source(each, owner_name(each.partner, each.cloud)) for each in payloads)


def _shown(frames: Frames, given: Given, choice: Choice, terms: _Terms) -> dict[str, Any]:
    """Return what differs between the whole and its parts: frames, sections and table."""
    frames = replace(
        frames,
        details=terms.counted(frames.details),
        totals=terms.counted(frames.totals),
        invoices=age(frames.invoices, as_of=terms.as_of, terms_days=terms.days),
    )
    # The summaries are every payload's, which no account shows.
    groups = {
        name: _Grouped.of(frame) for name, frame in vars(frames).items() if name != "summaries"
    }
    chosen, charted = frames.details, groups["details"]
    if choice.invoice_type is not None:
        chosen = rows_with(chosen, invoice_type=choice.invoice_type)
        charted = _Grouped.of(chosen)
    by_type = _Grouped.of(rows_with(frames.invoices, invoice_type=choice.invoice_type))
    unstated = {key for key, rows in by_type.rows.items() if _shows_alone(key, rows, groups, given)}
    sections = _sections(groups, charted, unstated, given, choice=choice, terms=terms)
    lines = [words.line(row, Words(row.currency, terms.locale)) for row in rows_of(chosen)]
    for section in sections:
        lines += [each.lines[0] for each in section.accounts if each.balance is None]
    return {"frames": frames, "sections": sections, "lines": tuple(lines)}


def _shows_alone(key: Key, rows: Sequence[Any], groups: _Groups, given: Given) -> bool:
    """Whether invoices are an account of their own: no balance is stated in their currency.

    Beside the balances of other currencies only what is open is; all else was paid long ago.
    """
    if key in groups["totals"].rows:
        return False
    stated = {(each.payload.partner, each.payload.cloud) for each in given.balances}
    return key[:2] not in stated or any(row.ageing not in {"void", "paid"} for row in rows)


@dataclass(frozen=True)
class _Grouped:
    """A frame by account: rows for words at once, frames for charts where they are asked for."""

    frame: pd.DataFrame
    rows: dict[Key, list[Any]]
    places: dict[Key, list[int]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> _Grouped:
        """Group by partner, cloud and currency. Splitting in pandas costs a call an account."""
        rows: dict[Key, list[Any]] = {}
        places: dict[Key, list[int]] = {}
        for place, row in enumerate(rows_of(frame)):
            key = (row.partner, row.cloud, row.currency)
            rows.setdefault(key, []).append(row)
            places.setdefault(key, []).append(place)
        return cls(frame, rows, places)

    def part(self, *keys: Key) -> pd.DataFrame:
        """Return the rows of some accounts as a frame, in its order."""
        places = sorted(place for key in keys for place in self.places.get(key, ()))
        return self.frame.iloc[places].reset_index(drop=True)


_Groups: TypeAlias = dict[str, _Grouped]  # by the name of the frame


def _told(
    groups: _Groups, unstated: Iterable[Key], lists: Sequence[Source], locale: str
) -> dict[Key, Told]:
    """Return the rows of each account whose total is stated, and of each that has a list alone."""
    stated, parts, changes, differences, invoices, compared = (
        groups[name].rows
        for name in ("totals", "details", "changes", "differences", "invoices", "explained")
    )
    with_list = {(source.payload.partner, source.payload.cloud) for source in lists}
    told = {
        key: Told(
            stated=rows,
            parts=parts[key],
            changes=changes.get(key, ()),
            difference=differences[key][0],
            invoices=invoices.get(key, ()) if key[:2] in with_list else None,
            explained=compared[key][0] if key in compared else None,
            words=Words(key[2], locale),
        )
        for key, rows in stated.items()
    }
    for key in unstated:
        told[key] = Told((), (), (), None, invoices[key], None, Words(key[2], locale))
    return told


def _sections(
    groups: _Groups,
    chosen: _Grouped,
    unstated: set[Key],
    given: Given,
    *,
    choice: Choice,
    terms: _Terms,
) -> tuple[Section, ...]:
    """Return a section for each currency that has rows of what is chosen."""
    told = _told(groups, unstated, given.lists, terms.locale)

    def drawn(*keys: Key) -> Drawn:
        return Drawn(
            chosen,
            groups["history"],
            groups["changes"],
            groups["invoices"],
            keys,
            as_of=terms.as_of,
            terms_days=terms.days,
            only=choice.invoice_type,
            locale=terms.locale,
        )

    sections = []
    keys = [*chosen.rows, *unstated]
    currencies = sorted({currency for *_, currency in keys})
    for place, currency in enumerate(currencies, start=1):
        accounts = [
            _account(told[key], number, source, drawn(key))
            for number, source in enumerate(given.sources, start=1)
            if (key := (source.payload.partner, source.payload.cloud, currency)) in told
        ]
        every = [key for key in keys if key[2] == currency]
        together = words.together(
            [each.balance for each in accounts], Words(currency, terms.locale)
        )
        sections.append(Section(place, currency, together, tuple(accounts), drawn(*every)))
    return tuple(sections)


def _account(told: Told, number: int, source: Source, drawn: Drawn) -> Account:
    parts = [words.line(row, told.words) for row in told.parts]
    stated = [words.line(row, told.words, total=True) for row in told.stated]
    if not stated:
        stated = [words.unstated_line(told, source.payload.partner)]
    return Account(
        number=number,
        partner=source.payload.partner,
        owner=source.owner,
        balance=told.balance,
        sentence=words.sentence(told),
        alerts=words.alerts(told),
        figures=words.figures(told),
        lines=(*parts, *stated),
        movements=words.movements(told),
        invoices=listed.invoices(told),
        proof=words.proof(told),
        attention=words.attention(told),
        drawn=drawn,
    )


def _no_longer_stated(
    history: pd.DataFrame, sources: Sequence[Source], locale: str
) -> Iterable[str]:
    """Yield in words which partners and currencies the latest payloads no longer state."""
    every = _Grouped.of(history).rows
    for source in sources:
        payload = source.payload
        if payload.resource == INVOICES:
            continue  # nothing is known of its balances
        own = {
            currency: rows[-1]
            for (partner, cloud, currency), rows in sorted(every.items())
            if (partner, cloud) == (payload.partner, payload.cloud)
        }
        gone = [row for row in own.values() if row.retrieved_at != payload.retrieved_at]
        if len(gone) == len(own):
            yield f"{source.owner}: no balances are stated, as for an account without invoices."
        for row in gone:
            amount = format_amount(row.balance_amount, row.currency, locale=locale)
            day = format_day(row.retrieved_at.date(), locale=locale)
            yield f"{source.owner}: {row.currency} is no longer stated; on {day} it was {amount}."


def _without_balance(frames: Frames, sources: Sequence[Source], locale: str) -> Iterable[str]:
    """Yield in words which invoices are in a currency whose balance is not stated."""
    stated = _Grouped.of(frames.totals).rows
    invoices = _Grouped.of(frames.invoices).rows
    alone = [each for each in sources if each.payload.resource == INVOICES]
    for source in alone:
        if not any(key[:2] == (source.payload.partner, source.payload.cloud) for key in invoices):
            yield f"{source.owner}: no invoice is listed, and no balance is stated."
    for (partner, cloud, currency), rows in sorted(invoices.items()):
        if (partner, cloud) in {(each.payload.partner, each.payload.cloud) for each in alone}:
            continue
        known = [row.open_amount for row in rows if not pd.isna(row.open_amount)]
        if (partner, cloud, currency) not in stated and any(known):
            amount = format_amount(add_exactly(known), currency, locale=locale)
            yield (
                f"{owner_name(partner, cloud)}: {amount} is open by invoice, and no balance is"
                f" stated in {currency}."
            )


def latest_rows(shown: Overview) -> pd.DataFrame:
    """Return the rows of the latest payloads with their recency, each with its as-of day."""
    return _with_day(shown.frames.details, shown.as_of)


def every_row(shown: Overview) -> pd.DataFrame:
    """Return every payload's rows with their recency, earlier ones' as of when they were."""
    summaries, details = shown.frames.summaries, shown.frames.details
    newest = {(row.partner, row.cloud): row.retrieved_at for row in rows_of(details)}
    owners = zip(summaries["partner"], summaries["cloud"], strict=True)
    at = pd.DatetimeIndex([newest.get(owner) for owner in owners], dtype=UTC)
    older = summaries[summaries["retrieved_at"].array != at]
    rounds = [latest_rows(shown)]
    if len(older):
        rounds.append(_with_day(with_recency(older, terms_days=shown.terms_days), None))
    # The order of summary_frame, which a stable sort by its keys gives back.
    keys = ["partner", "cloud", "currency", "invoice_type", "retrieved_at"]
    return pd.concat(rounds).sort_values(keys, kind="stable", ignore_index=True)


def _with_day(rows: pd.DataFrame, as_of: date | None) -> pd.DataFrame:
    """Return rows with the day from which they are counted, days as calendar dates."""
    days = [moment.date() if as_of is None else as_of for moment in rows["retrieved_at"]]
    rows = rows.assign(invoice_due_date=rows["invoice_due_date"].dt.date)
    rows.insert(
        list(rows.columns).index("payment_status"),
        "as_of",
        pd.Series(days, index=rows.index, dtype=object),
    )
    return rows
