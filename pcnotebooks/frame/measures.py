"""Measures of the frames: balances by type, payment recency, changes and differences."""

from __future__ import annotations

import warnings
from decimal import Decimal
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import pandas as pd

from pcnotebooks.amounts import add_exactly, format_amount, format_day, format_days, to_decimal
from pcnotebooks.errors import PcNotebooksWarning
from pcnotebooks.frame.build import totals_of
from pcnotebooks.frame.days import counted, days_of, due_days
from pcnotebooks.frame.rows import Columns, Flat, flatten
from pcnotebooks.frame.schema import (
    KEYS,
    NOT_STATED,
    SUMMARY_COLUMNS,
    TOTALS_COLUMNS,
    UTC,
    exactly_typed,
    finish,
)
from pcnotebooks.frame.selection import (
    AsOf,
    as_of_day,
    invoice_types,
    latest,
    require_frame,
    require_terms,
    rows_of,
)
from pcnotebooks.payload.payload import Payload

PAYMENT_STATUSES = ("paid", "never paid", "not stated")
RECENCY_BANDS = ("0-30", "31-60", "61-90", "over 90")
RECENCIES = ("in the future", *RECENCY_BANDS, "never paid", "not stated")


def balances_by_type(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the current balances: one row per currency, one column per invoice type.

    Only the latest payload of each partner and cloud is used. Within a currency, the balances of
    partners are added.

    Parameters
    ----------
    frame
        A result of :func:`summary_frame`.

    Returns
    -------
    DataFrame
        Indexed by ``currency``; columns Recurring, OneTime, then any other type, and
        "Not stated" if a currency is stated without details. Balances that are not stated are
        missing. Amounts are exact to the cent: float64, or Decimal if `frame` has Decimal.

    Notes
    -----
    For a readable table, create `frame` with ``exact=True``: pandas prints floats of very
    different sizes, such as yen and dinars, as 1.5e+07.

    Examples
    --------
    >>> from pcnotebooks import sample_payload, summary_frame
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


def payment_recency(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> pd.DataFrame:
    """Return the days since each balance was last paid, and until its latest invoice falls due.

    Only the latest payload of each partner and cloud is used.

    Parameters
    ----------
    frame
        A result of :func:`summary_frame` or :func:`totals_frame`.
    as_of
        The day, in UTC, up to which days are counted. The default is each row's ``retrieved_at``.
    terms_days
        Payment terms in days from the invoice date; Microsoft's are net 60.

    Returns
    -------
    DataFrame
        The columns of `frame`, and ``payment_status`` (category: paid, never paid, not stated),
        ``days_since_payment`` (Int64; negative for a payment after the as-of day),
        ``recency`` (ordered category: in the future, 0-30, 31-60, 61-90, over 90, never paid,
        not stated), ``days_since_invoice`` (Int64), ``invoice_due_date``
        (datetime64[us, UTC]; missing if nothing is owed) and ``days_until_due`` (Int64;
        negative after that day).
        Days are differences of UTC calendar dates.

    Warns
    -----
    PcNotebooksWarning
        If a payment is dated after the as-of day.

    Raises
    ------
    ConfigurationError
        If `as_of` is not a date, or the terms are negative.

    Notes
    -----
    The summaries state no due dates and no amounts by invoice: this is recency, not ageing. For
    ageing by invoice, use :func:`invoice_ageing`. The latest invoice of a total is the newest one
    of all types and may hide an overdue type: to see what is overdue, pass
    :func:`summary_frame`.

    Examples
    --------
    >>> from pcnotebooks import sample_payload, summary_frame
    >>> recency = payment_recency(summary_frame(sample_payload()), as_of="2018-03-16")
    >>> recency[["currency", "invoice_type", "payment_status", "days_since_payment"]]
      currency invoice_type payment_status  days_since_payment
    0      CHF      OneTime     never paid                <NA>
    1      EUR      OneTime     never paid                <NA>
    2      GBP    Recurring           paid                 439
    3      GBP      OneTime     never paid                <NA>
    """
    require_frame(frame, TOTALS_COLUMNS)
    recency = with_recency(latest(frame), as_of=as_of, terms_days=terms_days)
    for row in rows_of(recency[recency["recency"] == RECENCIES[0]]):
        warnings.warn(future_payment_sentence(row), PcNotebooksWarning, stacklevel=2)
    return recency


def future_payment_sentence(row: Any, *, locale: str = "en") -> str:
    """Return the sentence about a payment after the as-of day in :func:`payment_recency`."""
    day = format_day(row.last_payment_date, locale=locale)
    count = format_days(-row.days_since_payment, locale=locale)
    return f"{row.currency}: the last payment, of {day}, is {count} after the as-of day."


def with_recency(
    rows: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> pd.DataFrame:
    """Return any rows, not only the latest, with the columns of :func:`payment_recency`."""
    require_terms(terms_days)
    day = days_of(rows["retrieved_at"])
    if as_of is not None:
        day = np.full(len(rows), as_of_day(as_of), dtype="datetime64[D]")
    paid_on, invoiced = map(days_of, (rows["last_payment_date"], rows["latest_invoice_date"]))
    paid, days = ~np.isnat(paid_on), (day - paid_on).astype(np.int64)
    nothing = np.array([amount == 0 for amount in rows["last_payment_amount"]], dtype=bool)
    status = np.select([paid, nothing], ["paid", "never paid"], "not stated")
    bands = [paid & (days < 0), *(paid & (days <= last) for last in (30, 60, 90)), paid]
    due = due_days(invoiced, terms_days)
    # A zero balance or a credit never falls due.
    owed = np.array([amount > 0 for amount in rows["balance_amount"]], dtype=bool)
    due[~owed] = np.datetime64("NaT", "D")
    return rows.assign(
        payment_status=pd.Categorical(status, categories=PAYMENT_STATUSES),
        days_since_payment=counted(day - paid_on),
        recency=pd.Categorical(
            np.select(bands, RECENCIES[:5], status), categories=RECENCIES, ordered=True
        ),
        days_since_invoice=counted(day - invoiced),
        invoice_due_date=pd.DatetimeIndex(due.astype("datetime64[us]")).tz_localize("UTC"),
        days_until_due=counted(due - day),
    )


def due_by_part(totals: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Return totals with the due day of the part that falls due first.

    Both are results of :func:`payment_recency`. The total's latest invoice would hide an overdue
    part behind a newer invoice of another type.
    """
    dated = parts[parts["days_until_due"].notna()]
    first = {key: min(own, key=lambda row: row.days_until_due)
             for key, own in groupby(rows_of(dated), key=attrgetter(*KEYS))}  # fmt: skip
    due = [first.get(tuple(getattr(row, name) for name in KEYS), row) for row in rows_of(totals)]
    return totals.assign(
        invoice_due_date=pd.Series([row.invoice_due_date for row in due], totals.index, UTC),
        days_until_due=pd.array([row.days_until_due for row in due], dtype="Int64"),
    )


def balance_changes(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return the changes from each balance of a partner, cloud and currency to the next.

    Parameters
    ----------
    *payloads
        As for :func:`summary_frame`. A partner needs at least two payloads.
    exact
        Return amounts as `decimal.Decimal` objects instead of float64.

    Returns
    -------
    DataFrame
        ``partner``, ``cloud``, ``currency``, ``previous_retrieved_at``, ``retrieved_at``,
        ``previous_balance_amount``, ``balance_amount``, ``balance_change`` (float64, exact to
        the cent), ``payment_seen`` (bool) with ``payment_date`` and ``payment_amount``: the last
        payment is newer than before, ``invoice_seen`` (bool) with ``invoice_date``: the latest
        invoice is newer than before, and ``unexplained`` (bool): the balance changed, but the
        latest invoice date, last payment date and last payment amount did not.

    Notes
    -----
    A payload may omit a currency. The next payload that states it is then compared with the last
    payload that did; ``previous_retrieved_at`` is the time of that payload.

    Examples
    --------
    >>> from pcnotebooks import sample_history
    >>> changes = balance_changes(*sample_history())
    >>> changes.loc[changes["unexplained"], ["currency", "retrieved_at", "balance_change"]]
      currency              retrieved_at  balance_change
    33      EUR 2025-06-05 06:00:00+00:00       -18240.65
    34      EUR 2025-07-05 06:00:00+00:00        18240.65
    """
    return changes_of(totals_of(flatten(payloads, details=False), exact=True), exact=exact)


def changes_of(frame: pd.DataFrame, *, exact: bool = False) -> pd.DataFrame:
    """Return the :func:`balance_changes` of a frame; invoice types are added per payload.

    If `exact`, the amounts of the frame must be Decimal.
    """
    after = _at_once(frame)
    before = after.groupby(list(KEYS), observed=True).shift()
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
    # A last payment on the same day as before, but of another amount, is a second payment.
    second = (paid_on == before["last_payment_date"]) & amount_changed
    payment_seen = _newer(paid_on, before["last_payment_date"]) | (
        second & paid.notna() & paid_before.notna()
    )
    invoice_seen = _newer(invoiced, before["latest_invoice_date"])
    return finish(
        pd.DataFrame(
            {
                **{key: after[key] for key in KEYS},
                "previous_retrieved_at": before["retrieved_at"],
                "retrieved_at": after["retrieved_at"],
                "previous_balance_amount": before["balance_amount"],
                "balance_amount": after["balance_amount"],
                "balance_change": pd.Series(moves, index=after.index, dtype=object),
                "payment_seen": payment_seen,
                "payment_date": paid_on.where(payment_seen),
                "payment_amount": paid.where(payment_seen, None),
                "invoice_seen": invoice_seen,
                "invoice_date": invoiced.where(invoice_seen),
                "unexplained": moved & ~payment_changed & ~invoice_changed,
            }
        ),
        exactly_typed(_CHANGE_DTYPES) if exact else _CHANGE_DTYPES,
    )


_CHANGE_DTYPES = {
    **dict.fromkeys(KEYS, "category"),
    "previous_retrieved_at": UTC,
    "retrieved_at": UTC,
    "previous_balance_amount": "float64",
    "balance_amount": "float64",
    "balance_change": "float64",
    "payment_seen": "bool",
    "payment_date": UTC,
    "payment_amount": "float64",
    "invoice_seen": "bool",
    "invoice_date": UTC,
    "unexplained": "bool",
}


def reconcile(*payloads: Payload) -> pd.DataFrame:
    """Compare each stated balance with the sum of its parts.

    Only the latest payload of each partner and cloud is used.

    Parameters
    ----------
    *payloads
        As for :func:`summary_frame`.

    Returns
    -------
    DataFrame
        ``partner``, ``cloud``, ``currency`` (category), ``stated``, ``summed`` and
        ``difference`` (``stated`` minus ``summed``): Decimal objects in units of the currency.
        ``summed`` and ``difference`` are missing if the service states no parts.

    Warns
    -----
    PcNotebooksWarning
        If the parts of a currency do not add up to its stated balance.

    Raises
    ------
    PayloadError
        If a body does not have the form of invoice summaries.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> reconcile(sample_payload())[["currency", "stated", "summed", "difference"]]
      currency     stated     summed difference
    0      CHF    1230.33    1230.33       0.00
    1      EUR    1001.12    1001.12       0.00
    2      GBP  751094.39  751094.39       0.00
    """
    compared = differences_of(flatten(payloads))
    for row in rows_of(compared):
        if row.difference:
            warnings.warn(difference_sentence(row), PcNotebooksWarning, stacklevel=2)
    return compared


def differences_of(flat: Flat) -> pd.DataFrame:
    """Return the result of :func:`reconcile` for flattened payloads."""
    # Payloads are oldest first, so the last index of an account is its latest payload.
    newest = {(each.partner, each.cloud): place for place, each in enumerate(flat.payloads)}
    stated, parts = (
        _sums(columns, set(newest.values())) for columns in (flat.totals, flat.details)
    )
    records: list[tuple[Any, ...]] = []
    for (place, currency), total in stated.items():
        payload = flat.payloads[place]
        summed = difference = None
        if (place, currency) not in flat.undivided:
            summed = parts[place, currency]
            difference = add_exactly([total, summed.copy_negate()])
        records.append((payload.partner, payload.cloud, currency, total, summed, difference))
    columns = [*KEYS, "stated", "summed", "difference"]
    records.sort(key=itemgetter(0, 1, 2))
    frame = pd.DataFrame(records, columns=columns, dtype=object)
    return finish(frame, dict.fromkeys(KEYS, "category") | dict.fromkeys(columns[3:], "object"))


def _sums(columns: Columns, places: set[int]) -> dict[tuple[int, str], Decimal]:
    """Return the balance of each currency in the payloads with these indices."""
    amounts: dict[tuple[int, str], list[Decimal]] = {}
    for place, currency, amount in zip(
        columns.places, columns.currencies, columns.amounts[0], strict=True
    ):
        if place in places:
            amounts.setdefault((place, currency), []).append(amount)
    return {key: add_exactly(each) for key, each in amounts.items()}


def difference_sentence(row: Any, *, locale: str = "en") -> str:
    """Return the sentence about a difference in a row of :func:`reconcile`."""
    stated, summed, difference = (
        format_amount(amount, row.currency, locale=locale)
        for amount in (row.stated, row.summed, row.difference)
    )
    return (
        f"{row.currency}: the stated balance is {stated} and the sum of its parts {summed};"
        f" the difference is {difference}."
    )


def _at_once(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per partner, cloud, currency and retrieved_at, balances as Decimal."""
    keys = [*KEYS, "retrieved_at"]
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
        # The row that is kept of each group is the one with the newest payment.
        ordered = ordered[~again].reset_index(drop=True)
        ordered["balance_amount"] = sums.to_numpy()
        ordered["latest_invoice_date"] = invoiced.array
    return ordered


def _differ(after: pd.Series, before: pd.Series) -> pd.Series:
    return (after != before) & ~(after.isna() & before.isna())


def _newer(after: pd.Series, before: pd.Series) -> pd.Series:
    return after.notna() & (before.isna() | (after > before))
