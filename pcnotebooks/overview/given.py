"""Prepare a user's frame for an overview, and name the views that its columns do not allow."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.invoices import INVOICE_COLUMNS
from pcnotebooks.frame.schema import AMOUNTS, DATES, KEYS, SUMMARY_COLUMNS, UTC
from pcnotebooks.frame.selection import require_frame

_NEEDED = (*KEYS, "retrieved_at")  # of any view
_REMEDY = (
    "Pass a frame from summary_frame, totals_frame or invoice_frame; it may have further columns."
)
# The further columns that each view needs; a frame without them is shown without the view.
_VIEWS = {
    "Payment recency": ("last_payment_date", "last_payment_amount"),
    "Due days": ("latest_invoice_date",),
    "The split by invoice type": ("invoice_type",),
}
_MISSING = {
    **dict.fromkeys(DATES, (pd.NaT, UTC)),
    **dict.fromkeys(AMOUNTS, (float("nan"), "float64")),
    "invoice_type": (None, "category"),
    "currency_symbol": (None, "string"),
}


@dataclass(frozen=True)
class GivenFrame:
    """The balances and the invoices of a frame; one of them is empty."""

    summaries: pd.DataFrame
    invoices: pd.DataFrame | None
    recency: bool  # whether payment dates are known
    notes: tuple[str, ...]  # on the views that are left out


def given_frame(frame: pd.DataFrame) -> GivenFrame:
    """Return the balances or invoices that an overview can show of a frame.

    Raises
    ------
    ConfigurationError
        If the frame lacks columns that every view needs.
    """
    require_frame(frame, _NEEDED, remedy=_REMEDY)
    if "balance_amount" not in frame and "total_charges" in frame:
        require_frame(frame, INVOICE_COLUMNS, remedy=_REMEDY)
        said = _left_out("Balances and payment recency", ["balance_amount"])
        return GivenFrame(summary_frame(), frame, recency=False, notes=(said,))
    require_frame(frame, ("balance_amount",), remedy=_REMEDY)
    lacking = {
        view: missing
        for view, columns in _VIEWS.items()
        if (missing := [name for name in columns if name not in frame])
    }
    filled = frame.assign(
        **{
            name: pd.Series(*_MISSING[name][:1], index=frame.index, dtype=_MISSING[name][1])
            for name in SUMMARY_COLUMNS
            if name not in frame
        }
    )
    notes = tuple(_left_out(view, missing) for view, missing in lacking.items())
    return GivenFrame(filled, None, recency="Payment recency" not in lacking, notes=notes)


def _left_out(view: str, missing: list[str]) -> str:
    verb = "are" if view in {"Due days", "Balances and payment recency"} else "is"
    return f"{view} {verb} left out: the frame has no {' and no '.join(missing)}."
