"""Invoices by age: open amounts, due dates, and the part of a balance that invoices explain."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from pcnotebooks.amounts import add_exactly, exactly, to_decimal
from pcnotebooks.errors import PcNotebooksWarning
from pcnotebooks.frame.build import totals_frame
from pcnotebooks.frame.days import counted, days_of, due_days
from pcnotebooks.frame.invoices import INVOICE_COLUMNS, VOID_NOTE, invoice_frame
from pcnotebooks.frame.rows import latest_payloads
from pcnotebooks.frame.schema import finish
from pcnotebooks.frame.selection import AsOf, as_of_day, latest, require_terms, split
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.payload import Payload

BANDS = ("1-30", "31-60", "61-90", "over 90")
AGEINGS = ("credit", "void", "paid", "not due", *BANDS, "not stated")
_CREDIT, _VOID, _PAID, _NOT_DUE, *_, _NOT_STATED = range(len(AGEINGS))
_FIRST_DAYS = (1, 31, 61, 91)  # of the bands
# An unallocated payment is money that Microsoft received but has not yet applied to an invoice.
LIKELY_CAUSES = (
    "an unallocated payment, which Microsoft applies within five or six days of receiving it",
    "invoices that the list no longer shows",
)
_DAY = timedelta(days=1)
_REMEDY = "Pass invoice_frame(*payloads)."


def invoice_ageing(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> pd.DataFrame:
    """Return the open amount, the due date and the days overdue of each invoice.

    Only the latest payload of each partner and cloud is used.

    Parameters
    ----------
    frame
        A result of :func:`invoice_frame`.
    as_of
        The day, in UTC, on which the invoices are aged. The default is each row's
        ``retrieved_at``.
    terms_days
        Payment terms in days from the invoice date; Microsoft's are net 60.

    Returns
    -------
    DataFrame
        The columns of `frame`, and ``open_amount`` (dtype as ``total_charges``), ``due_date``
        (datetime64[us, UTC]: the UTC day of the invoice plus the terms), ``days_overdue`` (Int64;
        negative before the due date; missing if nothing is due) and ``ageing`` (ordered category:
        credit, void, paid, not due, 1-30, 31-60, 61-90, over 90, not stated).
        ``attrs["assumptions"]`` lists the assumptions as sentences.

    Warns
    -----
    PcNotebooksWarning
        If the paid amounts of a payload have both signs.

    Raises
    ------
    ConfigurationError
        If `as_of` is not a date, or the terms are negative.

    Notes
    -----
    The service states neither due dates nor open amounts: both are computed. A credit is never
    overdue, and is never set off against an invoice.

    Examples
    --------
    >>> from pcnotebooks import invoice_frame, sample_payload
    >>> aged = invoice_ageing(invoice_frame(sample_payload("invoices")), as_of="2018-04-30")
    >>> aged[["currency", "invoice_id", "open_amount", "days_overdue", "ageing"]]
      currency  invoice_id  open_amount  days_overdue   ageing
    0      CHF  G000024130         0.00          <NA>     void
    1      CHF  G000024131    107661.12            21     1-30
    2      GBP  D02005YFHI     23606.35           404  over 90
    """
    aged = age(frame, as_of=as_of, terms_days=terms_days)
    for sentence in aged.attrs["warnings"]:
        warnings.warn(sentence, PcNotebooksWarning, stacklevel=2)
    return aged


def age(frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60) -> pd.DataFrame:
    """Return :func:`invoice_ageing`, with its warnings as strings in ``attrs["warnings"]``."""
    require_terms(terms_days)
    aged = latest(frame, INVOICE_COLUMNS, remedy=_REMEDY)
    amounts, void, paid, mixed, unknown = opened(aged)
    day = days_of(aged["retrieved_at"])
    if as_of is not None:
        day = np.full(len(aged), as_of_day(as_of), dtype="datetime64[D]")
    due = due_days(days_of(aged["invoice_date"]), terms_days)
    days, sign = (day - due).astype(np.int64), _signs(amounts)
    # Indices in AGEINGS, because NumPy compares numbers ten times as fast as strings.
    label = np.select(
        [void, unknown, sign < 0, sign == 0, np.isnat(due)],
        [_VOID, _NOT_STATED, _CREDIT, _PAID, _NOT_STATED],
        _NOT_DUE + np.searchsorted(_FIRST_DAYS, days, side="right"),
    )
    runs = (label >= _NOT_DUE) & (label < _NOT_STATED)
    overdue = np.where(runs, day - due, np.timedelta64("NaT", "D"))
    aged = aged.assign(
        open_amount=amounts,
        due_date=pd.DatetimeIndex(due.astype("datetime64[us]")).tz_localize("UTC"),
        days_overdue=counted(overdue),
        ageing=pd.Categorical.from_codes(label, pd.Index(AGEINGS), ordered=True),
    )
    aged.attrs["warnings"] = _mixed_in_words(aged[mixed & unknown]) if mixed.any() else []
    aged.attrs["assumptions"] = _assumptions(aged, paid, terms_days)
    return aged


def opened(frame: pd.DataFrame) -> tuple[pd.Series, Any, Any, Any, Any]:
    """Return the open amount of each row, and the facts that it depends on.

    These are: whether the document is void, the sign of its paid amount, whether its payload
    states paid amounts of both signs, and whether the open amount is unknown.
    """
    void = frame["document_type"].isin([VOID_NOTE]).to_numpy()
    paid = _signs(frame["paid_amount"])
    mixed = _of_both_signs(frame, paid)
    unknown = (mixed & (paid != 0) & ~void) | frame["total_charges"].isna().to_numpy()
    return _open_amounts(frame, void, unknown, paid), void, paid, mixed, unknown


def ageing_by_currency(frame: pd.DataFrame) -> pd.DataFrame:
    """Return open amounts by age: one row per currency, one column per label of ageing.

    Only the latest payload of each partner and cloud is used. Within a currency, the amounts of
    partners are added.

    Parameters
    ----------
    frame
        A result of :func:`invoice_ageing`. A result of :func:`invoice_frame` is aged on the day
        on which it was retrieved, with terms of 60 days.

    Returns
    -------
    DataFrame
        Indexed by ``currency``; columns credit, void, paid, not due, 1-30, 31-60, 61-90,
        over 90, not stated: sums of ``open_amount``, exact to the cent (float64, or Decimal if
        `frame` has Decimal). The sum is 0 if there is no such invoice, and missing if such
        invoices exist but none has a known open amount.

    Warns
    -----
    PcNotebooksWarning
        As :func:`invoice_ageing`, if the frame is not aged yet.

    Examples
    --------
    >>> from pcnotebooks import invoice_ageing, invoice_frame, sample_payload
    >>> aged = invoice_ageing(invoice_frame(sample_payload("invoices")), as_of="2018-04-30")
    >>> ageing_by_currency(aged)[["not due", "1-30", "over 90"]]
              not due       1-30   over 90
    currency
    CHF           0.0  107661.12      0.00
    GBP           0.0       0.00  23606.35
    """
    if isinstance(frame, pd.DataFrame) and "ageing" in frame:
        aged = latest(frame, (*INVOICE_COLUMNS, "open_amount"), remedy=_REMEDY)
    else:
        aged = invoice_ageing(frame)
    exact = aged["open_amount"].dtype == object
    nothing = Decimal(0) if exact else 0.0
    cells: dict[str, dict[str, Any]] = {
        code: dict.fromkeys(AGEINGS, nothing) for code in sorted(set(aged["currency"]))
    }
    for (code, label), rows in split(aged, "currency", "ageing").items():
        known = rows["open_amount"].dropna()
        total = add_exactly(known) if len(known) else None
        cells[code][label] = total if exact or total is None else float(total)
    wide = pd.DataFrame.from_dict(cells, orient="index", columns=list(AGEINGS), dtype=object)
    wide = wide.rename_axis(index="currency").astype(object if exact else "float64")
    wide.attrs = dict(aged.attrs)
    return wide


def reconcile_invoices(*payloads: Payload) -> pd.DataFrame:
    """Compare each stated balance with the sum of its open invoices.

    The latest payloads of each partner and cloud are used, if there are some of both resources.

    Parameters
    ----------
    *payloads
        Any number of payloads, of both resources.

    Returns
    -------
    DataFrame
        ``partner``, ``cloud``, ``currency`` (category); ``stated_balance``,
        ``open_by_invoice`` (the sum of all open amounts, including credits), ``credits`` (the
        credits in that sum) and ``not_explained`` (``stated_balance`` minus ``open_by_invoice``):
        Decimal objects in units of the currency, missing if unknown. ``attrs["assumptions"]``
        lists the assumptions, ``attrs["likely_causes"]`` possible causes of a difference, and
        ``attrs["not_compared"]`` payloads that were fetched more than a day apart.

    Warns
    -----
    PcNotebooksWarning
        If payloads were fetched more than a day apart and are therefore not compared, or if the
        paid amounts of a payload have both signs.

    Raises
    ------
    PayloadError
        If a body does not have the form of its resource.

    Examples
    --------
    The two documented examples are of different accounts, so their figures do not match.

    >>> from pcnotebooks import sample_payload
    >>> both = sample_payload(), sample_payload("invoices")
    >>> reconcile_invoices(*both)[["currency", "stated_balance", "not_explained"]]
      currency stated_balance not_explained
    0      CHF        1230.33    -106430.79
    1      EUR        1001.12       1001.12
    2      GBP      751094.39     727488.04
    """
    aged = age(invoice_frame(*latest_payloads(payloads, INVOICES), exact=True))
    frame = explained(aged, totals_frame(*latest_payloads(payloads), exact=True), payloads)
    for sentence in (*frame.attrs["not_compared"], *aged.attrs["warnings"]):
        warnings.warn(sentence, PcNotebooksWarning, stacklevel=2)
    return frame


def explained(
    aged: pd.DataFrame, totals: pd.DataFrame, payloads: Iterable[Payload]
) -> pd.DataFrame:
    """Return :func:`reconcile_invoices` of existing frames, without its warnings.

    `aged` and `totals` are of the latest payloads. `payloads` determine which accounts can be
    compared.
    """
    compared, apart = _pairs(payloads)
    invoices, stated = (split(frame, "partner", "cloud", "currency") for frame in (aged, totals))
    records: list[tuple[Any, ...]] = []
    for account in compared:
        for key in sorted({key for key in (*invoices, *stated) if key[:2] == account}):
            balance = None
            if key in stated:
                balance = add_exactly(stated[key]["balance_amount"])
            records.append((*key, *_figures(balance, invoices.get(key, aged[:0]))))
    columns = ["partner", "cloud", "currency", *_FIGURES]
    frame = finish(
        pd.DataFrame(records, columns=columns, dtype=object),
        dict.fromkeys(columns[:3], "category") | dict.fromkeys(_FIGURES, "object"),
    )
    frame.attrs["assumptions"] = aged.attrs["assumptions"][1:]  # the first is about due dates
    frame.attrs["likely_causes"] = list(LIKELY_CAUSES)
    frame.attrs["not_compared"] = apart
    return frame


_FIGURES = ("stated_balance", "open_by_invoice", "credits", "not_explained")


def _pairs(payloads: Iterable[Payload]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the accounts fetched within a day, and sentences about the other accounts."""
    given = list(payloads)
    lists = {(one.partner, one.cloud): one for one in latest_payloads(given, INVOICES)}
    compared, apart = [], []
    for summaries in latest_payloads(given):
        invoices = lists.get((summaries.partner, summaries.cloud))
        if invoices is None:
            continue
        if abs(invoices.retrieved_at - summaries.retrieved_at) <= _DAY:
            compared.append((summaries.partner, summaries.cloud))
        else:
            apart.append(
                f"{summaries.partner!r}, cloud {summaries.cloud!r}: the balances of"
                f" {summaries.retrieved_at.isoformat()} and the invoices of"
                f" {invoices.retrieved_at.isoformat()} were fetched more than a day apart and"
                " are not compared. Fetch both again."
            )
    return compared, apart


def _figures(stated: Decimal | None, own: pd.DataFrame) -> tuple[Decimal | None, ...]:
    """Return stated balance, open by invoice, credits and the unexplained rest of a currency."""
    credit = add_exactly(own.loc[own["ageing"] == "credit", "open_amount"])
    if own["open_amount"].isna().any():
        return stated, None, credit, None
    by_invoice = add_exactly(own["open_amount"])
    rest = None if stated is None else add_exactly([stated, by_invoice.copy_negate()])
    return stated, by_invoice, credit, rest


def _signs(amounts: pd.Series) -> Any:
    """Return -1, 0 or 1 for each amount; 0 if it is missing."""
    if amounts.dtype != object:
        return np.sign(amounts.fillna(0).to_numpy()).astype(np.int64)
    signs = np.zeros(len(amounts), dtype=np.int64)
    known = amounts.notna().to_numpy()
    signs[known] = [(amount > 0) - (amount < 0) for amount in amounts[known].tolist()]
    return signs


def _of_both_signs(frame: pd.DataFrame, paid: Any) -> Any:
    """Return whether each row is from a payload whose paid amounts have both signs."""
    # In the documentation a payment is negative, in its example it is positive, and in recordings
    # it is 0. Either sign may be the convention, but both signs in one payload have no meaning.
    if not ((paid > 0).any() and (paid < 0).any()):  # nearly always, and grouping takes long
        return np.zeros(len(paid), dtype=bool)
    of = ["partner", "cloud", "retrieved_at"]
    payload = frame.groupby(of, observed=True).ngroup().to_numpy()
    return np.isin(payload, payload[paid > 0]) & np.isin(payload, payload[paid < 0])


def _open_amounts(frame: pd.DataFrame, void: Any, unknown: Any, paid: Any) -> pd.Series:
    exact = frame["total_charges"].dtype == object
    amounts = frame["total_charges"].to_numpy(copy=True)
    payments = frame["paid_amount"].to_numpy()
    rows = (paid != 0) & (_signs(frame["total_charges"]) >= 0)
    if not exact:
        # Count in whole ten-thousandths, which floats represent exactly up to 15 digits: ten times
        # as fast for 10,000 invoices. All other amounts are subtracted below, as decimals.
        total, payment = np.rint(amounts * 1e4), np.rint(np.abs(payments) * 1e4)
        whole = (total / 1e4 == amounts) & (payment / 1e4 == np.abs(payments))
        whole &= (np.abs(total) < 1e15) & (payment < 1e15) & rows
        amounts[whole] = (total[whole] - payment[whole]) / 1e4
        rows &= ~whole
    with exactly():
        for row in np.flatnonzero(rows):
            left = to_decimal(amounts[row]) - abs(to_decimal(payments[row]))
            amounts[row] = left if exact else float(left)
    for row in np.flatnonzero(void):
        amounts[row] = Decimal(0) if exact else 0.0
    for row in np.flatnonzero(unknown & ~void):
        amounts[row] = None
    return pd.Series(amounts, index=frame.index, dtype=object if exact else "float64")


def _mixed_in_words(rows: pd.DataFrame) -> list[str]:
    return [
        f"{partner!r}, cloud {cloud!r}: the list states both positive and negative paid amounts,"
        " so their meaning is unknown. The open amount is not stated for"
        f" {_counted_invoices(len(own))}."
        for (partner, cloud), own in split(rows, "partner", "cloud").items()
    ]


def _assumptions(aged: pd.DataFrame, paid: Any, terms_days: int) -> list[str]:
    """Return sentences about the assumptions where the service's list is ambiguous."""
    ageing = aged["ageing"]
    undated = ((ageing == "not stated") & aged["open_amount"].notna()).sum()
    unpaid = (aged["paid_amount"].isna() & (ageing != "void")).sum()
    due = (
        f"Due dates are computed: the UTC day of the invoice plus {terms_days} days. The PDF of"
        " an invoice states its authoritative due date."
    )
    found = [due]
    if ((paid != 0) & aged["open_amount"].notna() & (ageing != "void")).any():
        found.append(
            "A paid amount reduces the open amount, regardless of its sign: the service documents"
            " it as negative, but its example states a positive one."
        )
    if unpaid:
        found.append(
            f"No paid amount is stated for {_counted_invoices(unpaid)}: they count as unpaid."
        )
    found += aged.attrs["warnings"]
    if (ageing == "void").any():
        found.append(
            "The open amount of a void document is 0, and its amendments count like invoices: the"
            " service does not document which of them counts."
        )
    if (ageing == "credit").any():
        found.append("A credit is never overdue, and is not set off against an invoice.")
    if undated:
        found.append(
            f"No due date can be computed for {_counted_invoices(undated)}: they are open, but"
            " do not count as overdue."
        )
    return found


def _counted_invoices(count: int) -> str:
    return f"{count:,} invoice{'' if count == 1 else 's'}"
