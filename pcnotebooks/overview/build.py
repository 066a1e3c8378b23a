"""Build an overview from payloads or a frame, and derive parts of it without decoding again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import chain
from typing import Any

import pandas as pd

from pcnotebooks.amounts import format_day
from pcnotebooks.clouds import SAMPLE
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.ageing import age, explained
from pcnotebooks.frame.build import summaries_of, totals_of
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.measures import changes_of, differences_of, with_recency
from pcnotebooks.frame.rows import Flat, flatten, latest_payloads
from pcnotebooks.frame.schema import UTC
from pcnotebooks.frame.selection import AsOf, as_of_day, latest, rows_of, rows_with
from pcnotebooks.overview import listed, words
from pcnotebooks.overview.charts import invoice_type_of
from pcnotebooks.overview.given import GivenFrame, given_frame
from pcnotebooks.overview.missing import no_longer_stated, without_balance
from pcnotebooks.overview.model import (
    Account,
    Choice,
    Drawn,
    Frames,
    Given,
    Key,
    Overview,
    Rows,
    Section,
    Source,
)
from pcnotebooks.overview.ranking import glance, notices, ranked
from pcnotebooks.overview.told import Told, Words
from pcnotebooks.overview.trend import span_of
from pcnotebooks.overview.words import owner_name
from pcnotebooks.payload.decode import INVOICES, said_of_count
from pcnotebooks.payload.payload import Payload
from pcnotebooks.text import isolated, named


def overview(
    given: Payload | Iterable[Payload] | pd.DataFrame,
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    locale: str = "en",
    notes: Iterable[str] = (),
) -> Overview:
    """Return the overview of payloads or of a frame.

    Each payload is decoded once. The figures are those of the latest payload of each partner and
    cloud; earlier ones give trends and changes. If a partner has only a list of invoices, the
    list is shown and the balance is "not stated".

    Parameters
    ----------
    given
        Payloads of any partners, clouds and times, or a frame from :func:`summary_frame`. A
        frame has neither stated totals nor provenance, so its overview has no accounts.
    as_of
        UTC day from which days are counted; by default the day of each payload.
    terms_days
        Payment terms in days from the invoice date.
    locale
        Language whose separators and month names are used.
    notes
        Further notes to show, such as those of :func:`words.not_fetched`.

    Raises
    ------
    ConfigurationError
        If there is no payload, or `as_of`, the terms, the locale or the frame is not valid.
    PayloadError
        If a body is not a list of invoice summaries.
    """
    terms = _Terms(None if as_of is None else as_of_day(as_of), terms_days, locale)
    if isinstance(given, pd.DataFrame):
        return _of_frame(given_frame(given), terms, notes)
    payloads = [given] if isinstance(given, Payload) else list(given)
    flat, lists = flatten(payloads), latest_payloads(payloads, INVOICES)
    if not flat.payloads and not lists:
        raise ConfigurationError(
            "There is no payload to show.",
            remedy="Pass fetch_invoice_summaries(session), Payload.load(path) or sample_payload().",
        )
    sources = _sources(flat.payloads, lists)
    return _worked_out(_frames(flat, lists, terms), sources, terms, notes)


def _of_frame(given: GivenFrame, terms: _Terms, notes: Iterable[str]) -> Overview:
    """Return the overview of a frame."""
    frames = _frames(flatten([]), [], terms)
    summaries = given.summaries
    frames = replace(frames, summaries=summaries, details=latest(summaries))
    if given.invoices is not None:
        frames = replace(frames, invoices=age(given.invoices, terms_days=terms.days))
    payloads = replace(_sources([], []), recency=given.recency)
    return _worked_out(frames, payloads, terms, (*given.notes, *notes))


def part(whole: Overview, choice: Choice, *, as_of: date | None = None) -> Overview:
    """Return the overview of a part as of `as_of`, without decoding again."""
    terms = _Terms(as_of, whole.terms_days, whole.locale)
    frames, rows = whole.frames, whole.rows
    if as_of != whole.as_of:
        counted = _counted(frames, terms)
        frames = replace(frames, **counted)
        rows = {**rows, **_by_account(counted)}
    rows = {
        name: {key: found for key, found in accounts.items() if choice.has(key)}
        for name, accounts in rows.items()
    }
    if choice.invoice_type is not None:
        rows = _of_type(frames, rows, choice)
    return replace(
        whole,
        frames=frames,
        as_of=as_of,
        days=terms.in_words(whole.retrieved),
        choice=choice,
        **_shown(rows, whole, choice, terms),
    )


def _of_type(frames: Frames, rows: Mapping[str, Rows], choice: Choice) -> dict[str, Rows]:
    """Return the rows of one invoice type; its parts take the place of the stated totals.

    The sum of parts and the comparison with invoices are known only for all types together.
    """
    own = {
        name: {
            key: fitting
            for key, found in rows[name].items()
            if (fitting := [row for row in found if invoice_type_of(row) == choice.invoice_type])
        }
        for name in ("details", "invoices")
    }
    # Whether an account's balance is stated does not depend on the type.
    stated = {key: own["details"].get(key, ()) for key in rows["totals"]}
    earlier: dict[str, Rows] = {"history": {}, "changes": {}}
    if len(frames.history):  # empty for a frame, which has no trend
        every = rows_with(
            frames.summaries,
            invoice_type=choice.invoice_type,
            partner=choice.partner,
            currency=choice.currency,
        )
        earlier = _by_account({"history": every, "changes": changes_of(every, exact=True)})
    return {**own, **earlier, "totals": stated, "differences": {}, "explained": {}}


@dataclass(frozen=True)
class _Terms:
    """The as-of day, the payment terms and the locale in which figures are shown."""

    as_of: date | None
    days: int
    locale: str

    def in_words(self, retrieved: str) -> str:
        """Return the as-of day; if none was given, the days of the payloads."""
        return retrieved if self.as_of is None else format_day(self.as_of, locale=self.locale)


def _frames(flat: Flat, lists: Sequence[Payload], terms: _Terms) -> Frames:
    newest = latest_payloads(flat.payloads)
    summaries, history = summaries_of(flat, exact=True), totals_of(flat, exact=True)
    totals = _rows_of_latest(history, newest)
    invoices, compared = _no_invoices()
    if lists:
        invoices = invoice_frame(*lists, exact=True)
        # The comparison uses the amounts that were open when both were fetched, not on `as_of`.
        on_its_day = age(invoices, terms_days=terms.days)
        compared = explained(on_its_day, totals, [*newest, *lists])
    return Frames(
        summaries=summaries,
        details=_rows_of_latest(summaries, newest),
        totals=totals,
        history=history,
        changes=changes_of(history, exact=True),
        differences=differences_of(flat),
        invoices=invoices,
        explained=compared,
    )


@cache
def _no_invoices() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return empty frames, cached: building them takes a third of the time of a small report."""
    aged = age(invoice_frame(exact=True))
    return aged, explained(aged, aged, [])


def _rows_of_latest(frame: pd.DataFrame, newest: Sequence[Payload]) -> pd.DataFrame:
    """Return the rows of the newest payloads; an empty newest payload hides the older rows."""
    moments = {(each.partner, each.cloud): each.retrieved_at for each in newest}
    owners = zip(frame["partner"], frame["cloud"], strict=True)
    at = pd.DatetimeIndex([moments[owner] for owner in owners], dtype=UTC)
    current: pd.DataFrame = frame[frame["retrieved_at"].array == at]
    return current.reset_index(drop=True)


def _worked_out(frames: Frames, given: Given, terms: _Terms, notes: Iterable[str]) -> Overview:
    sources = given.sources
    moments = [source.payload.retrieved_at for source in sources]
    if not sources:
        moments = [*frames.details["retrieved_at"], *frames.invoices["retrieved_at"]]
    days = [moment.date() for moment in moments]
    retrieved = words.days_words(days, terms.locale) if days else ""
    clouds = {source.payload.cloud for source in sources} or {
        *frames.details["cloud"], *frames.invoices["cloud"],
    }  # fmt: skip
    frames = replace(frames, **_counted(frames, terms))
    # Accounts do not show the summaries of earlier payloads.
    rows = _by_account({name: each for name, each in vars(frames).items() if name != "summaries"})
    return Overview(
        **_shown(rows, given, Choice(), terms),
        **vars(given),
        frames=frames,
        notes=(
            *notes,
            *no_longer_stated(rows["history"], sources, terms.locale),
            *without_balance(rows, sources, terms.locale),
            *frames.explained.attrs["not_compared"],
            *(
                f"{source.owner}: {said}."
                for source in (*sources, *given.lists)
                if (said := said_of_count(source.payload))
            ),
        ),
        assumptions=tuple(frames.invoices.attrs["assumptions"])
        if len(frames.invoices) or given.lists
        else (),
        is_sample=SAMPLE.name in clouds,
        retrieved=retrieved,
        days=terms.in_words(retrieved),
        as_of=terms.as_of,
        terms_days=terms.days,
        locale=terms.locale,
    )


def _sources(payloads: Sequence[Payload], lists: Sequence[Payload]) -> Given:
    """Return the current payload of each partner and cloud, and all others, oldest first."""
    newest = latest_payloads(payloads)
    latest_ids = {id(payload) for payload in newest}
    older = [payload for payload in payloads if id(payload) not in latest_ids]
    # Balances take precedence; an account without them is shown by its list of invoices.
    own = {(each.partner, each.cloud): each for each in (*lists, *newest)}
    # Every surface says once that all is sample data.
    only_sample = {each.cloud for each in (*payloads, *lists)} == {SAMPLE.name}
    return Given(
        sources=_with_owner([own[key] for key in sorted(own)], only_sample=only_sample),
        earlier=_with_owner(older, only_sample=only_sample),
        lists=_with_owner(lists, only_sample=only_sample),
    )


def _with_owner(payloads: Collection[Payload], *, only_sample: bool) -> tuple[Source, ...]:
    several_clouds = len({each.partner for each in payloads}) < len(payloads)
    found = []
    for each in payloads:
        owner = owner_name(each.partner, each.cloud)
        if only_sample:
            owner = isolated(named(each.partner))
        name = owner if several_clouds else named(each.partner)
        found.append(Source(each, owner, name))
    return tuple(found)


def _counted(frames: Frames, terms: _Terms) -> dict[str, pd.DataFrame]:
    """Return the frames that depend on the as-of day, counted from it."""
    options: dict[str, Any] = {"as_of": terms.as_of, "terms_days": terms.days}
    counted = {
        "details": with_recency(frames.details, **options),
        "totals": with_recency(frames.totals, **options),
    }
    if len(frames.invoices) or "ageing" not in frames.invoices:
        counted["invoices"] = age(frames.invoices, **options)
    return counted


def _by_account(frames: Mapping[str, pd.DataFrame]) -> dict[str, Rows]:
    """Return the rows of each account; selecting them with pandas each time would be slower."""
    found: dict[str, Rows] = {}
    for name, frame in frames.items():
        accounts: dict[Key, list[Any]] = {}
        for row in rows_of(frame):
            accounts.setdefault((row.partner, row.cloud, row.currency), []).append(row)
        found[name] = accounts
    return found


def _shown(rows: Mapping[str, Rows], given: Given, choice: Choice, terms: _Terms) -> dict[str, Any]:
    """Return the fields that differ between the whole and a part: rows, sections and table."""
    chosen = rows["details"]
    unstated = {
        key: invoices
        for key, invoices in rows["invoices"].items()
        if _shows_alone(key, invoices, rows, given)
    }
    sections = _sections(rows, chosen, unstated, given, choice=choice, terms=terms)
    lines = [
        words.line(row, Words(row.currency, terms.locale))
        for parts in chosen.values()
        for row in parts
    ]
    for section in sections:
        lines += [each.lines[0] for each in section.accounts if each.balance is None]
    return {
        "rows": rows,
        "sections": sections,
        "ranked": ranked(sections),
        "nothing": words.nothing(choice),
        "notices": notices(sections, several=len(given.sources) > 1, locale=terms.locale),
        "lines": tuple(lines),
    }


def _shows_alone(key: Key, rows: Sequence[Any], every: Mapping[str, Rows], given: Given) -> bool:
    """Return whether invoices form a separate account: no balance is stated in their currency.

    If balances in other currencies are stated, only open invoices count: the rest was paid
    long ago.
    """
    if key in every["totals"]:
        return False
    stated = {(each.payload.partner, each.payload.cloud) for each in given.balances}
    return key[:2] not in stated or any(row.ageing not in {"void", "paid"} for row in rows)


def _told(
    rows: Mapping[str, Rows], unstated: Rows, lists: Sequence[Source], locale: str
) -> dict[Key, Told]:
    """Return the rows of each account that has a stated total or only a list of invoices."""
    compared = rows["explained"]
    with_list = {(source.payload.partner, source.payload.cloud) for source in lists}
    told = {
        key: Told(
            stated=stated,
            parts=rows["details"][key],
            changes=rows["changes"].get(key, ()),
            difference=next(iter(rows["differences"].get(key, ())), None),
            invoices=rows["invoices"].get(key, ()) if key[:2] in with_list else None,
            explained=compared[key][0] if key in compared else None,
            words=Words(key[2], locale),
        )
        for key, stated in rows["totals"].items()
        if stated
    }
    for key, invoices in unstated.items():
        told[key] = Told((), (), (), None, invoices, None, Words(key[2], locale))
    return told


def _sections(
    rows: Mapping[str, Rows],
    chosen: Rows,
    unstated: Rows,
    given: Given,
    *,
    choice: Choice,
    terms: _Terms,
) -> tuple[Section, ...]:
    """Return a section for each currency that has chosen rows."""
    told = _told(rows, unstated, given.lists, terms.locale)
    moved = list(chain.from_iterable(rows["changes"].values()))
    seen = chain.from_iterable(rows["history"].values())
    span = span_of(seen, moved) if moved else None
    drawn_from = {"details": chosen} | {
        name: rows[name] for name in ("history", "changes", "invoices")
    }

    def drawn(*keys: Key) -> Drawn:
        return Drawn(
            **{
                name: tuple(chain.from_iterable(accounts.get(key, ()) for key in keys))
                for name, accounts in drawn_from.items()
            },
            as_of=terms.as_of,
            terms_days=terms.days,
            only=choice.invoice_type,
            recency=given.recency,
            locale=terms.locale,
            span=span,
            stated=all(key in told for key in keys),
        )

    sections = []
    keys = [*chosen, *unstated]
    for place, currency in enumerate(sorted({key[2] for key in keys}), start=1):
        accounts = [
            _account(told[key], number, source, drawn(key))
            for number, source in enumerate(given.sources, start=1)
            if (key := (source.payload.partner, source.payload.cloud, currency)) in told
        ]
        together = words.together(
            [each.balance for each in accounts], Words(currency, terms.locale)
        )
        every = drawn(*(key for key in keys if key[2] == currency))
        sections.append(Section(place, currency, together, tuple(accounts), every))
    return tuple(sections)


def _account(told: Told, number: int, source: Source, drawn: Drawn) -> Account:
    parts = [words.line(row, told.words) for row in told.parts]
    stated = []
    if told.balance is None:
        stated = [words.unstated_line(told, source.payload.partner)]
    elif not told.is_part:
        stated = [words.line(row, told.words, total=True, first_due=told.first_due)
                  for row in told.stated]  # fmt: skip
    return Account(
        number=number,
        partner=source.payload.partner,
        owner=source.owner,
        name=source.name,
        balance=told.balance,
        glance=glance(told),
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


def latest_rows(shown: Overview) -> pd.DataFrame:
    """Return the rows of the latest payloads with their recency and as-of day."""
    return _with_day(shown.frames.details, shown.as_of)


def every_row(shown: Overview) -> pd.DataFrame:
    """Return the rows of all payloads with recency; earlier payloads are as of their days."""
    summaries, details = shown.frames.summaries, shown.frames.details
    newest = {(row.partner, row.cloud): row.retrieved_at for row in rows_of(details)}
    owners = zip(summaries["partner"], summaries["cloud"], strict=True)
    at = pd.DatetimeIndex([newest.get(owner) for owner in owners], dtype=UTC)
    older = summaries[summaries["retrieved_at"].array != at]
    rounds = [latest_rows(shown)]
    if len(older):
        rounds.append(_with_day(with_recency(older, terms_days=shown.terms_days), None))
    # A stable sort by these keys restores the order of summary_frame.
    keys = ["partner", "cloud", "currency", "invoice_type", "retrieved_at"]
    return pd.concat(rounds).sort_values(keys, kind="stable", ignore_index=True)


def _with_day(rows: pd.DataFrame, as_of: date | None) -> pd.DataFrame:
    """Return rows with their as-of day, and due days as calendar dates."""
    days = [moment.date() if as_of is None else as_of for moment in rows["retrieved_at"]]
    rows = rows.assign(invoice_due_date=rows["invoice_due_date"].dt.date)
    rows.insert(
        list(rows.columns).index("payment_status"),
        "as_of",
        pd.Series(days, index=rows.index, dtype=object),
    )
    return rows
