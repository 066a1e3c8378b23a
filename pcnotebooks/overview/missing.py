"""Write notes on balances that payloads do not state, or no longer state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pcnotebooks.amounts import add_exactly, format_amount, format_day
from pcnotebooks.overview.model import Rows, Source
from pcnotebooks.overview.words import owner_name
from pcnotebooks.payload.decode import INVOICES


def no_longer_stated(history: Rows, sources: Sequence[Source], locale: str) -> Iterable[str]:
    """Yield a note on each partner and currency that the latest payload no longer states."""
    for source in sources:
        payload = source.payload
        if payload.resource == INVOICES:
            continue  # a list of invoices says nothing about balances
        own = {
            currency: rows[-1]
            for (partner, cloud, currency), rows in sorted(history.items())
            if (partner, cloud) == (payload.partner, payload.cloud)
        }
        gone = [row for row in own.values() if row.retrieved_at != payload.retrieved_at]
        if len(gone) == len(own):
            yield f"{source.owner}: no balances are stated, as for an account without invoices."
        for row in gone:
            amount = format_amount(row.balance_amount, row.currency, locale=locale)
            day = format_day(row.retrieved_at.date(), locale=locale)
            yield f"{source.owner}: {row.currency} is no longer stated; on {day} it was {amount}."


def without_balance(
    rows: Mapping[str, Rows], sources: Sequence[Source], locale: str
) -> Iterable[str]:
    """Yield a note on open invoices in each currency whose balance is not stated."""
    alone = [each for each in sources if each.payload.resource == INVOICES]
    for source in alone:
        own = (source.payload.partner, source.payload.cloud)
        if not any(key[:2] == own for key in rows["invoices"]):
            yield f"{source.owner}: no invoice is listed, and no balance is stated."
    for (partner, cloud, currency), invoices in sorted(rows["invoices"].items()):
        if (partner, cloud) in {(each.payload.partner, each.payload.cloud) for each in alone}:
            continue
        known = [row.open_amount for row in invoices if not pd.isna(row.open_amount)]
        if (partner, cloud, currency) not in rows["totals"] and any(known):
            amount = format_amount(add_exactly(known), currency, locale=locale)
            yield (
                f"{owner_name(partner, cloud)}: {amount} is open by invoice, and no balance is"
                f" stated in {currency}."
            )
