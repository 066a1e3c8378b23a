"""Changes from one list of invoices to the next: new, paid and voided documents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import pandas as pd

from pcnotebooks.amounts import add_exactly
from pcnotebooks.frame.ageing import opened
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.rows import in_order
from pcnotebooks.frame.schema import UTC, exactly_typed, finish
from pcnotebooks.frame.selection import rows_with
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.payload import Payload

CHANGES = ("new", "paid", "voided")
_DTYPES = {
    **dict.fromkeys(["partner", "cloud", "currency"], "category"),
    "invoice_id": "string",
    "invoice_type": "category",
    "document_type": "category",
    "invoice_date": UTC,
    "previous_retrieved_at": UTC,
    "retrieved_at": UTC,
    "change": "category",
    "total_charges": "float64",
    "previous_open_amount": "float64",
    "open_amount": "float64",
}


def invoice_changes(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return the changes from each list of invoices of a partner and cloud to the next.

    Parameters
    ----------
    *payloads
        Any number of payloads, of any partners, clouds and times. Only lists of invoices are used;
        a partner needs at least two.
    exact
        Return amounts as `decimal.Decimal` objects instead of float64.

    Returns
    -------
    DataFrame
        One row for each document that changed: ``partner``, ``cloud``, ``currency`` (category),
        ``invoice_id`` (string), ``invoice_type``, ``document_type`` (category),
        ``invoice_date``, ``previous_retrieved_at``, ``retrieved_at`` (datetime64[us, UTC]),
        ``change`` (category: new, paid, voided), ``total_charges``, ``previous_open_amount``
        (missing if new) and ``open_amount`` (float64). Sorted by partner, cloud, currency,
        retrieved_at, invoice_date and invoice_id.

    See Also
    --------
    balance_changes : The changes of the balances.

    Notes
    -----
    Each invoice is compared with the previous list that contains it. New: no earlier list contains
    it. Paid: more of it is paid than before; ``open_amount`` is the rest. Voided: it was not a void
    note before. The first list of a partner gives no rows. An invoice that a later list omits gives
    no row either, because the service does not state the reason. An amendment is a separate
    document.

    Examples
    --------
    >>> from pcnotebooks import sample_history
    >>> changes = invoice_changes(*sample_history())
    >>> voided = changes[changes["change"] == "voided"]
    >>> voided[["currency", "invoice_id", "retrieved_at", "previous_open_amount"]]
       currency  invoice_id              retrieved_at  previous_open_amount
    56      GBP  G010000020 2025-06-05 06:00:00+00:00               61340.0
    """
    lists = in_order(payloads, INVOICES)
    moments = [(each.partner, each.cloud, each.retrieved_at) for each in lists]
    return changes_between(invoice_frame(*lists, exact=True), moments, exact=exact)


def changes_between(
    frame: pd.DataFrame, moments: Iterable[tuple[str, str, datetime]], *, exact: bool
) -> pd.DataFrame:
    """Return the :func:`invoice_changes` of an exact frame.

    `moments` are the partner, cloud and time of each list, including lists without invoices, which
    have no row in the frame.
    """
    rows = frame.sort_values("retrieved_at", kind="stable", ignore_index=True)
    own = list(zip(rows["partner"], rows["cloud"], rows["retrieved_at"], strict=True))
    before = {now: old for old, now in pairwise(sorted({*moments, *own})) if old[:2] == now[:2]}
    amounts, void, *_ = opened(rows)
    opens, totals = amounts.tolist(), rows["total_charges"].tolist()
    latest: dict[tuple[str, str, str], int] = {}
    found = []
    for row, name in enumerate(rows["invoice_id"].tolist()):
        old = latest.get((*own[row][:2], name))
        latest[*own[row][:2], name] = row
        change = None
        if old is None:
            change = "new" if own[row] in before else None
        elif void[row]:
            change = None if void[old] else "voided"
        elif not void[old] and opens[row] is not None and opens[old] is not None:
            paid, paid_before = (
                add_exactly([totals[each], opens[each].copy_negate()]) for each in (row, old)
            )
            change = "paid" if paid > paid_before else None
        if change:
            then = before[own[row]][2] if old is None else own[old][2]
            found.append((row, change, then, None if old is None else opens[old]))
    at, changes, times, old_opens = zip(*found, strict=True) if found else ((), (), (), ())
    table = rows.assign(open_amount=amounts).take(list(at))
    table["change"] = pd.Categorical(changes, categories=list(CHANGES))
    table["previous_retrieved_at"] = pd.Series(times, dtype=UTC).array
    table["previous_open_amount"] = pd.Series(old_opens, index=table.index, dtype=object)
    order = ["partner", "cloud", "currency", "retrieved_at", "invoice_date", "invoice_id"]
    dtypes = exactly_typed(_DTYPES) if exact else _DTYPES
    return rows_with(finish(table[list(dtypes)].sort_values(order, kind="stable"), dtypes))
