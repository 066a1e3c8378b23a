"""Payloads as tidy frames, and the figures that are read off them."""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pcnotebooks.amounts import (
    add_exactly,
    format_amount,
    format_day,
    format_days,
    to_decimal,
)
from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.instants import Instants, NoDateError, in_microseconds
from pcnotebooks.frame.schema import ONE_TIME, RECURRING, category, type_category, type_key, utc
from pcnotebooks.payload.decode import (
    SUMMARIES,
    Figures,
    Item,
    decode,
    items_of,
    stamps,
    wrong_value,
)
from pcnotebooks.payload.payload import Payload

AsOf: TypeAlias = date | datetime | str
Choice: TypeAlias = str | Iterable[str] | None

NOT_STATED = "Not stated"
PAYMENT_STATUSES = ("paid", "never paid", "not stated")
RECENCY_BANDS = ("0-30", "31-60", "61-90", "over 90")
RECENCIES = ("in the future", *RECENCY_BANDS, "never paid", "not stated")

_KEYS = ("partner", "cloud", "currency")
_AMOUNTS = ("balance_amount", "last_payment_amount")
_DATES = (
    "last_payment_date",
    "accounting_date",
    "first_invoice_creation_date",
    "latest_invoice_date",
)
SUMMARY_COLUMNS = (*_KEYS, "currency_symbol", "invoice_type", *_AMOUNTS, *_DATES, "retrieved_at")
TOTALS_COLUMNS = tuple(column for column in SUMMARY_COLUMNS if column != "invoice_type")

_UTC = "datetime64[us, UTC]"
_LAST_DAY = np.datetime64(date.max)  # no calendar has the 29 February 10000


def summary_frame(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return one row per partner, cloud, currency and invoice type.

    Parameters
    ----------
    *payloads
        Any number, of any partners, clouds and times. A payload given twice counts once.
    exact
        Amounts as `decimal.Decimal` objects instead of float64.

    Returns
    -------
    DataFrame
        Columns, in this order: ``partner``, ``cloud``, ``currency`` (category),
        ``currency_symbol`` (string), ``invoice_type`` (category: Recurring, OneTime, then any
        other; missing for a currency stated without details), ``balance_amount`` and
        ``last_payment_amount`` (float64, in units of the currency; a balance is what the
        partner owes, a negative one is a credit), ``last_payment_date``, ``accounting_date``,
        ``first_invoice_creation_date``, ``latest_invoice_date`` and ``retrieved_at``
        (datetime64[us, UTC]; NaT where the service states none). Sorted by partner, cloud,
        currency, invoice type and retrieved_at.

    Raises
    ------
    PayloadError
        For a body that is not what the service states invoice summaries in.

    See Also
    --------
    totals_frame : The balances as the service states them, one row a currency.

    Notes
    -----
    Source: ``GET /v1/invoices/summaries``. Balances of different ``retrieved_at`` are the same
    debt seen again, never to be added; nor are different currencies.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> summary_frame(sample_payload())[["currency", "invoice_type", "balance_amount"]]
      currency invoice_type  balance_amount
    0      CHF      OneTime         1230.33
    1      EUR      OneTime         1001.12
    2      GBP    Recurring       202955.87
    3      GBP      OneTime       548138.52
    """
    return _frame(payloads, exact=exact, by_type=True)


def totals_frame(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return one row per partner, cloud and currency, with the totals as the service states them.

    Parameters
    ----------
    *payloads, exact
        As for :func:`summary_frame`.

    Returns
    -------
    DataFrame
        The columns of :func:`summary_frame` less ``invoice_type``.

    Raises
    ------
    PayloadError
        For a body that is not what the service states invoice summaries in.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> totals_frame(sample_payload())[["currency", "balance_amount", "last_payment_amount"]]
      currency  balance_amount  last_payment_amount
    0      CHF         1230.33                  0.0
    1      EUR         1001.12                  0.0
    2      GBP       751094.39               1000.0
    """
    return _frame(payloads, exact=exact, by_type=False)


def balances_by_type(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is owed now: one row a currency, one column an invoice type.

    Takes the latest payload of each partner and cloud; partners are added within a currency.

    Parameters
    ----------
    frame
        As :func:`summary_frame` returns it.

    Returns
    -------
    DataFrame
        Indexed by ``currency``; columns Recurring, OneTime, then any other type, and
        "Not stated" where a currency came without details. Missing where nothing is stated.
        Amounts exact to the cent: float64, or Decimal where `frame` has Decimal.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> balances_by_type(summary_frame(sample_payload()))
              Recurring    OneTime
    currency
    CHF             NaN    1230.33
    EUR             NaN    1001.12
    GBP       202955.87  548138.52
    """
    require_frame(frame, SUMMARY_COLUMNS)
    now = latest(frame)
    exact = now["balance_amount"].dtype == object
    labels = now["invoice_type"].astype(object).where(now["invoice_type"].notna(), NOT_STATED)
    groups = now.groupby([now["currency"].astype(object), labels])["balance_amount"]
    wide = (
        groups.agg(add_exactly).unstack()
        if len(now)
        else pd.DataFrame(index=pd.Index([], dtype=object))
    )
    columns = list(dict.fromkeys([*invoice_types(now), *labels]))
    wide = wide.reindex(columns=pd.Index(columns)).rename_axis(index="currency", columns=None)
    return wide.astype(object if exact else "float64")


def select(
    frame: pd.DataFrame,
    *,
    partner: Choice = None,
    cloud: str | Cloud | Iterable[str | Cloud] | None = None,
    currency: Choice = None,
    invoice_type: Choice = None,
) -> pd.DataFrame:
    """Return the rows of some partners, clouds, currencies and invoice types.

    Parameters
    ----------
    frame
        Any frame with these columns.
    partner, cloud, currency, invoice_type
        One value or several; None for all. Currencies are compared without case, invoice types
        without case and underscore, as the service writes them both ways; "Not stated" is the
        missing invoice type.

    Returns
    -------
    DataFrame
        The same columns, with an index from 0; empty where nothing fits.

    Warns
    -----
    UserWarning
        For a value that occurs nowhere in its column, such as a misspelt currency.

    Notes
    -----
    Whether a payload is the latest is told from the rows at hand. A currency that the newest
    payload no longer states is found in an older one: select after asking, or look at
    ``retrieved_at``.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> frame = summary_frame(sample_payload())
    >>> select(frame, currency="GBP", invoice_type="one_time")["balance_amount"].item()
    548138.52
    """
    require_frame(frame, _KEYS)
    given = {
        "partner": partner,
        "cloud": cloud,
        "currency": currency,
        "invoice_type": invoice_type,
    }
    choices = {column: _values(chosen) for column, chosen in given.items() if chosen is not None}
    require_frame(frame, list(choices))
    for column, chosen in choices.items():
        have = {_key(column, value) for value in frame[column].unique()}
        for value in chosen:
            if have and _key(column, value) not in have:
                shown = ", ".join(sorted(str(value) for value in frame[column].dropna().unique()))
                warnings.warn(
                    f"No row has the {column} {value!r}; there are {shown}.",
                    UserWarning,
                    stacklevel=2,
                )
    return rows_with(frame, **choices)


def rows_with(frame: pd.DataFrame, **choices: Any) -> pd.DataFrame:
    """Return :func:`select` without its warning, for choices that need not fit."""
    kept = np.ones(len(frame), dtype=bool)
    for column, chosen in choices.items():
        if chosen is not None:
            wanted = {_key(column, value) for value in _values(chosen)}
            numbers, values = pd.factorize(frame[column], use_na_sentinel=False)
            fitting = np.array([_key(column, value) in wanted for value in values], dtype=bool)
            kept &= fitting[numbers]
    selected = frame.loc[kept].reset_index(drop=True)
    for column in _KEYS:
        if isinstance(selected[column].dtype, pd.CategoricalDtype):
            selected[column] = selected[column].cat.remove_unused_categories()
    return selected


def _values(chosen: Any) -> list[Any]:
    return [chosen] if isinstance(chosen, str | Cloud) else list(chosen)


def _key(column: str, value: Any) -> str:
    """Return what values of a column are compared by."""
    if isinstance(value, Cloud):
        return value.name
    if pd.isna(value):
        value = NOT_STATED
    if column == "currency":
        return str(value).upper()
    return type_key(value) if column == "invoice_type" else str(value)


def payment_recency(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> pd.DataFrame:
    """Return how long ago each balance was last paid, and when its latest invoice falls due.

    Takes the latest payload of each partner and cloud.

    Parameters
    ----------
    frame
        As :func:`summary_frame` or :func:`totals_frame` returns it.
    as_of
        Day from which the days are counted, in UTC; each row's ``retrieved_at`` unless given.
    terms_days
        Payment terms in days from the invoice date; Microsoft's are net 60.

    Returns
    -------
    DataFrame
        `frame`'s columns and: ``payment_status`` (category: paid, never paid, not stated),
        ``days_since_payment`` (Int64; negative for a payment after the as-of day),
        ``recency`` (ordered category: in the future, 0-30, 31-60, 61-90, over 90, never paid,
        not stated), ``days_since_invoice`` (Int64), ``invoice_due_date``
        (datetime64[us, UTC]), ``days_until_due`` (Int64; negative once that day has
        passed, also where nothing is owed).
        Days are differences of UTC calendar dates.

    Warns
    -----
    UserWarning
        For a payment dated after the as-of day.

    Raises
    ------
    ConfigurationError
        For an `as_of` that is no date, or negative terms.

    Notes
    -----
    The service states no due dates and no amounts by invoice: this is recency, not ageing.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> recency = payment_recency(summary_frame(sample_payload()), as_of="2018-03-16")
    >>> recency[["currency", "invoice_type", "payment_status", "days_since_payment"]]
      currency invoice_type payment_status  days_since_payment
    0      CHF      OneTime     never paid                <NA>
    1      EUR      OneTime     never paid                <NA>
    2      GBP    Recurring           paid                 439
    3      GBP      OneTime     never paid                <NA>
    """
    recency = recency_of(frame, as_of=as_of, terms_days=terms_days)
    for row in rows_of(recency[recency["recency"] == RECENCIES[0]]):
        warnings.warn(future_payment_sentence(row), UserWarning, stacklevel=2)
    return recency


def future_payment_sentence(row: Any, *, locale: str = "en") -> str:
    """Return in words that a row of :func:`payment_recency` was paid after the as-of day."""
    day = format_day(row.last_payment_date, locale=locale)
    count = format_days(-row.days_since_payment, locale=locale)
    return f"{row.currency}: the last payment, of {day}, is {count} after the as-of day."


def recency_of(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> pd.DataFrame:
    """Return :func:`payment_recency` without its warning, for those who show such a payment."""
    require_terms(terms_days)
    recency = latest(frame)
    day = days_of(recency["retrieved_at"])
    if as_of is not None:
        day = np.full(len(recency), as_of_day(as_of), dtype="datetime64[D]")
    paid_on, invoiced = map(days_of, (recency["last_payment_date"], recency["latest_invoice_date"]))
    paid, days = ~np.isnat(paid_on), (day - paid_on).astype(np.int64)
    nothing = np.array([amount == 0 for amount in recency["last_payment_amount"]], dtype=bool)
    status = np.select([paid, nothing], ["paid", "never paid"], "not stated")
    bands = [paid & (days < 0), *(paid & (days <= last) for last in (30, 60, 90)), paid]
    due = due_days(invoiced, terms_days)
    return recency.assign(
        payment_status=pd.Categorical(status, categories=PAYMENT_STATUSES),
        days_since_payment=counted(day - paid_on),
        recency=pd.Categorical(
            np.select(bands, RECENCIES[:5], status), categories=RECENCIES, ordered=True
        ),
        days_since_invoice=counted(day - invoiced),
        invoice_due_date=pd.DatetimeIndex(due.astype("datetime64[us]")).tz_localize("UTC"),
        days_until_due=counted(due - day),
    )


def balance_changes(*payloads: Payload) -> pd.DataFrame:
    """Return what changed from one balance of a partner, cloud and currency to the next.

    Parameters
    ----------
    *payloads
        As for :func:`summary_frame`; two or more of a partner give rows.

    Returns
    -------
    DataFrame
        ``partner``, ``cloud``, ``currency``, ``previous_retrieved_at``, ``retrieved_at``,
        ``previous_balance_amount``, ``balance_amount``, ``balance_change`` (float64, exact to
        the cent), ``payment_seen`` (bool) with ``payment_date`` and ``payment_amount``: a last
        payment newer than the one before, ``invoice_seen`` (bool) with ``invoice_date``: a newer
        latest invoice, and ``unexplained`` (bool): the balance moved while latest invoice date,
        last payment date and last payment amount all stayed.

    Notes
    -----
    A payload that leaves a currency out says nothing of its balance: the next that states it is
    compared with the last that did, and ``previous_retrieved_at`` tells which that was.

    Examples
    --------
    >>> from pcnotebooks import sample_history
    >>> changes = balance_changes(*sample_history())
    >>> changes.loc[changes["unexplained"], ["currency", "retrieved_at", "balance_change"]]
      currency              retrieved_at  balance_change
    33      EUR 2025-06-05 06:00:00+00:00       -18240.65
    34      EUR 2025-07-05 06:00:00+00:00        18240.65
    """
    return changes_of(totals_frame(*payloads, exact=True))


def changes_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`balance_changes` of a frame; invoice types are added within a payload."""
    after = _at_once(frame)
    before = after.groupby(list(_KEYS), observed=True).shift()
    compared = before["retrieved_at"].notna()
    after, before = after[compared], before[compared]
    moves = [
        add_exactly([new, old.copy_negate()])
        for new, old in zip(after["balance_amount"], before["balance_amount"], strict=True)
    ]
    moved = np.array([bool(move) for move in moves], dtype=bool)
    paid_on, paid = after["last_payment_date"], after["last_payment_amount"]
    paid_before, invoiced = before["last_payment_amount"], after["latest_invoice_date"]
    amount_changed = _differ(paid, paid_before)
    payment_changed = _differ(paid_on, before["last_payment_date"]) | amount_changed
    invoice_changed = _differ(invoiced, before["latest_invoice_date"])
    # A last payment of another amount on the day of the one before is a second one of that day.
    second = (paid_on == before["last_payment_date"]) & amount_changed
    payment_seen = _newer(paid_on, before["last_payment_date"]) | (
        second & paid.notna() & paid_before.notna()
    )
    invoice_seen = _newer(invoiced, before["latest_invoice_date"])
    return finish(
        pd.DataFrame(
            {
                **{key: after[key] for key in _KEYS},
                "previous_retrieved_at": before["retrieved_at"],
                "retrieved_at": after["retrieved_at"],
                "previous_balance_amount": before["balance_amount"],
                "balance_amount": after["balance_amount"],
                "balance_change": pd.Series(moves, index=after.index, dtype=object),
                "payment_seen": payment_seen,
                "payment_date": paid_on.where(payment_seen),
                "payment_amount": paid.where(payment_seen),
                "invoice_seen": invoice_seen,
                "invoice_date": invoiced.where(invoice_seen),
                "unexplained": moved & ~payment_changed & ~invoice_changed,
            }
        ),
        _CHANGE_DTYPES,
    )


_CHANGE_DTYPES = {
    **dict.fromkeys(_KEYS, "category"),
    "previous_retrieved_at": _UTC,
    "retrieved_at": _UTC,
    "previous_balance_amount": "float64",
    "balance_amount": "float64",
    "balance_change": "float64",
    "payment_seen": "bool",
    "payment_date": _UTC,
    "payment_amount": "float64",
    "invoice_seen": "bool",
    "invoice_date": _UTC,
    "unexplained": "bool",
}


def reconcile(*payloads: Payload) -> pd.DataFrame:
    """Compare each stated balance with the sum of its parts.

    Takes the latest payload of each partner and cloud.

    Parameters
    ----------
    *payloads
        As for :func:`summary_frame`.

    Returns
    -------
    DataFrame
        ``partner``, ``cloud``, ``currency`` (category), ``stated``, ``summed`` and
        ``difference`` (stated less summed): Decimal objects in units of the currency; summed
        and difference are missing where the service states no parts.

    Warns
    -----
    UserWarning
        For a currency whose parts do not add up.

    Raises
    ------
    PayloadError
        For a body that is not what the service states invoice summaries in.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> reconcile(sample_payload())[["currency", "stated", "summed", "difference"]]
      currency     stated     summed difference
    0      CHF    1230.33    1230.33       0.00
    1      EUR    1001.12    1001.12       0.00
    2      GBP  751094.39  751094.39       0.00
    """
    compared = differences(*payloads)
    for row in rows_of(compared):
        if row.difference:
            warnings.warn(difference_sentence(row), UserWarning, stacklevel=2)
    return compared


def differences(*payloads: Payload) -> pd.DataFrame:
    """Return :func:`reconcile` without its warning, for those who show the difference."""
    stated: dict[tuple[str, str, str], list[Decimal]] = {}
    parts: dict[tuple[str, str, str], list[Decimal | None]] = {}
    for payload, item in _items(latest_payloads(payloads)):
        key = (payload.partner, payload.cloud, item.currency_code)
        stated.setdefault(key, []).append(item.balance_amount)
        amounts = [detail.summary.balance_amount for detail in item.details or ()]
        parts.setdefault(key, []).extend(amounts or [None])
    records = []
    for key in sorted(stated):
        total = add_exactly(stated[key])
        known = [amount for amount in parts[key] if amount is not None]
        summed = add_exactly(known) if len(known) == len(parts[key]) else None
        difference = None if summed is None else add_exactly([total, summed.copy_negate()])
        records.append((*key, total, summed, difference))
    columns = [*_KEYS, "stated", "summed", "difference"]
    frame = pd.DataFrame(records, columns=columns, dtype=object)
    return finish(frame, dict.fromkeys(_KEYS, "category") | dict.fromkeys(columns[3:], "object"))


def difference_sentence(row: Any, *, locale: str = "en") -> str:
    """Return in words that a row of :func:`reconcile` does not add up."""
    stated, summed, difference = (
        format_amount(amount, row.currency, locale=locale)
        for amount in (row.stated, row.summed, row.difference)
    )
    return (
        f"{row.currency}: the stated balance is {stated} and the sum of its parts {summed};"
        f" the difference is {difference}."
    )


def require_terms(terms_days: object) -> None:
    """Raise for terms that are not a number of days."""
    if not isinstance(terms_days, int | np.integer) or not 0 <= terms_days <= 3650:
        raise ConfigurationError(
            f"terms_days is {terms_days!r}.",
            remedy="Give whole days from the invoice date, up to 3650.",
        )


def require_frame(frame: object, columns: Sequence[str], *, remedy: str | None = None) -> None:
    """Raise for an object that is not a frame, or that has not these columns."""
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        raise ConfigurationError(
            f"Expected a frame, got {kind}.",
            remedy=remedy or "Pass summary_frame(*payloads), or totals_frame(*payloads).",
        )
    missing = [name for name in columns if name not in frame]
    if missing:
        raise ConfigurationError(
            f"The frame has no {', '.join(missing)}.",
            remedy=remedy
            or "Pass a frame as summary_frame returns it; totals_frame has no invoice types.",
        )
    if "retrieved_at" in frame and not isinstance(frame["retrieved_at"].dtype, pd.DatetimeTZDtype):
        raise ConfigurationError(
            "The frame's dates are no dates with a time zone.",
            remedy="A file such as CSV keeps no dtypes: load the payload, and make the frame anew.",
        )


def latest(
    frame: pd.DataFrame, columns: Sequence[str] = TOTALS_COLUMNS, *, remedy: str | None = None
) -> pd.DataFrame:
    """Return the rows of the latest payload of each partner and cloud, as a new frame."""
    require_frame(frame, columns, remedy=remedy)
    retrieved = frame["retrieved_at"]
    if retrieved.nunique() < 2:  # so it is nearly always, and grouping takes its time
        return frame.reset_index(drop=True)
    newest = frame.groupby(["partner", "cloud"], observed=True)["retrieved_at"].transform("max")
    return frame[retrieved == newest].reset_index(drop=True)


def latest_payloads(payloads: Iterable[Payload], resource: str = SUMMARIES) -> list[Payload]:
    """Return the latest payload of each partner and cloud, also where it states nothing."""
    newest: dict[tuple[str, str], Payload] = {}
    for payload in in_order(payloads, resource):
        newest[payload.partner, payload.cloud] = payload
    return [newest[key] for key in sorted(newest)]


def split(frame: pd.DataFrame, *by: str) -> dict[Any, pd.DataFrame]:
    """Return the rows of each value of a column, or of each tuple of values of several."""
    places = frame.groupby(list(by) if len(by) > 1 else by[0], observed=True, sort=False).indices
    return {key: frame.iloc[rows].reset_index(drop=True) for key, rows in places.items()}


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield what `itertuples` does, in a tenth of the time where rows are few."""
    if frame.empty:
        return iter(())
    columns = [frame.index, *(_cells(frame[column]) for column in frame.columns)]
    return map(_row_type(tuple(frame.columns))._make, zip(*columns, strict=True))


@lru_cache(maxsize=32)
def _row_type(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", ("Index", *columns))  # noqa: PYI024  (as pandas does)


def _cells(column: pd.Series) -> list[Any]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.tolist()
    names = [*column.dtype.categories.tolist(), np.nan]  # where missing, the code is -1
    return [names[code] for code in column.cat.codes.tolist()]


def invoice_types(frame: pd.DataFrame) -> list[str]:
    """Return Recurring, OneTime, then the other invoice types of a frame in alphabetical order."""
    others = set(frame["invoice_type"].dropna()) - {RECURRING, ONE_TIME}
    return [RECURRING, ONE_TIME, *sorted(others)]


def as_of_day(as_of: AsOf) -> date:
    """Return the UTC calendar day that an as-of value means; a naive time is in UTC."""
    try:
        moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
        if isinstance(moment, datetime) and moment.tzinfo:
            moment = moment.astimezone(UTC)
        return date(moment.year, moment.month, moment.day)  # TypeError: NaT has NaN for a year
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ConfigurationError(
            f"as_of {as_of!r} is no date.", remedy="Write it as in '2018-03-16'."
        ) from None


def in_order(payloads: Iterable[Payload], resource: str = SUMMARIES) -> list[Payload]:
    """Return the distinct payloads of a resource, oldest first, whatever the caller's order."""
    distinct: dict[tuple[Any, ...], Payload] = {}
    for payload in payloads:
        if not isinstance(payload, Payload):
            raise TypeError(
                f"expected payloads, got {type(payload).__name__}; pass several as"
                " summary_frame(*payloads), and a file as Payload.load(path)"
            )
        if payload.resource != resource:
            continue
        # The same answer under other ids is still one answer.
        pages = (payload.body, *payload.pages)
        distinct.setdefault((payload.retrieved_at, payload.partner, payload.cloud, pages), payload)
    order = sorted(distinct)
    for (at, partner, cloud, _), following in pairwise(order):
        if following[:3] == (at, partner, cloud):
            raise two_answers(
                partner,
                cloud,
                at,
                remedy="Give each account a partner label of its own, and each answer its time,"
                " as in Payload.load(path, partner=..., retrieved_at=...).",
            )
    return [distinct[key] for key in order]


def two_answers(partner: str, cloud: str, at: datetime, *, remedy: str) -> ConfigurationError:
    """Return the error of two different answers of one moment, whose balances cannot be added."""
    return ConfigurationError(
        f"Two different answers are both of {partner!r}, cloud {cloud!r}, retrieved at"
        f" {at.isoformat()}: their balances are one debt or two, and nothing tells which.",
        remedy=remedy,
    )


def _items(payloads: Iterable[Payload]) -> Iterator[tuple[Payload, Item]]:
    for payload in in_order(payloads):
        for item in items_of(payload):
            yield payload, item


def _frame(payloads: Iterable[Payload], *, exact: bool, by_type: bool) -> pd.DataFrame:
    """Build every column once, with the dtype that the schema declares for it."""
    ordered = in_order(payloads)
    rows = _read(ordered, by_type=by_type)
    places = np.array(rows.places, dtype=np.int64)
    columns: dict[str, Any] = {
        # Not of the payloads: one that states nothing would leave its name without a row.
        "partner": category([ordered[place].partner for place in rows.places]),
        "cloud": category([ordered[place].cloud for place in rows.places]),
        "currency": category(rows.currencies),
        "currency_symbol": pd.array(rows.symbols, dtype="string"),
    }
    if by_type:
        columns["invoice_type"] = type_category(rows.types)
    for name, amounts in zip(_AMOUNTS, rows.amounts, strict=True):
        # np.array would look into each Decimal; a Series of objects keeps them as they are.
        columns[name] = pd.Series(amounts, dtype=object if exact else "float64")
    for name, dates in zip(_DATES, rows.dates, strict=True):
        columns[name] = utc(dates)
    retrieved = utc([in_microseconds(payload.retrieved_at) for payload in ordered])
    columns["retrieved_at"] = retrieved.take(places)
    frame = pd.DataFrame(columns)
    # By codes, for categories are in order: for a few rows sort_values takes as long as all else.
    # The payloads are in order of time; a missing type, whose code is -1, comes last.
    types = columns["invoice_type"].codes.astype(np.uint64) if by_type else places
    order = np.lexsort((places, types, *(columns[name].codes for name in reversed(_KEYS))))
    if (order[1:] < order[:-1]).any():
        frame = frame.take(order)
        frame.index = pd.RangeIndex(len(frame))
    return frame


class _Rows:
    """The rows to be, field by field: of a hundred thousand, an object each takes its time."""

    def __init__(self) -> None:
        self.places: list[int] = []  # of the payload
        self.currencies: list[str] = []
        self.symbols: list[str | None] = []
        self.types: list[str | None] = []
        self.amounts: tuple[list[Decimal], list[Decimal | None]] = ([], [])
        self.dates: tuple[list[int], ...] = ([], [], [], [])
        self._instants = Instants()

    def add(self, place: int, item: Item, invoice_type: str | None, own: Figures) -> None:
        """Add what an item states, or a part of it."""
        symbol = item.currency_symbol if own.currency_symbol is None else own.currency_symbol
        self.places.append(place)
        self.currencies.append(item.currency_code)
        self.symbols.append(symbol)
        self.types.append(invoice_type)
        balances, payments = self.amounts
        balances.append(own.balance_amount)
        payments.append(own.last_payment_amount)
        instants, (paid, accounted, first, latest) = self._instants, self.dates
        paid.append(instants[own.last_payment_date])
        accounted.append(instants[own.accounting_date])
        first.append(instants[own.first_invoice_creation_date])
        latest.append(instants[own.latest_invoice_date])


def _read(payloads: Sequence[Payload], *, by_type: bool) -> _Rows:
    rows = _Rows()
    for place, payload in enumerate(payloads):
        try:
            for item in items_of(payload):
                if not (by_type and item.details):
                    rows.add(place, item, None, item)
                    continue
                for detail in item.details:
                    rows.add(place, item, detail.invoice_type, detail.summary)
        except NoDateError as error:
            raise _wrong_stamp(payload, str(error)) from None
    return rows


def _wrong_stamp(payload: Payload, text: str) -> Exception:
    path = next(path for path, stamp in stamps(decode(payload)) if stamp == text)
    return wrong_value(payload, path, text, "a date")


def finish(frame: pd.DataFrame, dtypes: dict[str, str]) -> pd.DataFrame:
    """Fix every dtype, so that frames of 0, 1 and n rows are alike on every pandas."""
    return frame.astype(dtypes).reset_index(drop=True)


def _at_once(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per partner, cloud, currency and retrieved_at, balances as Decimal."""
    keys = [*_KEYS, "retrieved_at"]
    figures = ["balance_amount", "last_payment_date", "last_payment_amount", "latest_invoice_date"]
    ordered = frame[keys + figures].sort_values(
        [*keys, "last_payment_date"], na_position="first", kind="stable", ignore_index=True
    )
    ordered["balance_amount"] = ordered["balance_amount"].map(to_decimal).astype(object)
    again = ordered.duplicated(keys, keep="last")
    if again.any():
        groups = ordered.groupby(keys, observed=True, sort=True)
        sums = groups["balance_amount"].agg(add_exactly)
        invoiced = groups["latest_invoice_date"].max()
        # The row kept of each group is that of the newest payment.
        ordered = ordered[~again].reset_index(drop=True)
        ordered["balance_amount"] = sums.to_numpy()
        ordered["latest_invoice_date"] = invoiced.array
    return ordered


def _differ(after: pd.Series, before: pd.Series) -> pd.Series:
    return (after != before) & ~(after.isna() & before.isna())


def _newer(after: pd.Series, before: pd.Series) -> pd.Series:
    return after.notna() & (before.isna() | (after > before))


def due_days(invoiced: Any, terms_days: int) -> Any:
    """Return the days on which invoices of some days fall due; missing after the year 9999."""
    due = invoiced + np.timedelta64(terms_days, "D")
    due[due > _LAST_DAY] = np.datetime64("NaT", "D")
    return due


def days_of(stamps: pd.Series) -> Any:
    """Return the UTC calendar day of each stamp, as NumPy has it."""
    return stamps.to_numpy("datetime64[us]").astype("datetime64[D]")


def counted(days: Any) -> pd.arrays.IntegerArray:
    """Return differences of days as Int64."""
    return pd.arrays.IntegerArray(days.astype(np.int64), np.isnat(days))
