"""Invoice summaries straight from Partner Center: where fetching and analysis meet."""

from __future__ import annotations

import pandas as pd

from pcnotebooks.api import fetch_invoice_summaries
from pcnotebooks.auth import Session
from pcnotebooks.frames import invoice_frame


def invoice_summaries(session: Session) -> pd.DataFrame:
    """Fetch the invoice summaries of a session's partner; one row per currency and invoice type.

    Parameters
    ----------
    session
        Whose summaries, and of which cloud.

    Returns
    -------
    DataFrame
        As :func:`invoice_frame` returns it: amounts in float64, dates in
        ``datetime64[us, UTC]``, ``retrieved_at`` the time of this call. Fetch the payload
        itself with :func:`fetch_invoice_summaries` to save it, or for exact amounts.

    Raises
    ------
    SignInError, NetworkError, ServiceError, PayloadError
        As :func:`fetch_invoice_summaries`.

    Examples
    --------
    >>> from pcnotebooks import Session
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> frame = invoice_summaries(session)  # doctest: +SKIP
    """
    return invoice_frame(fetch_invoice_summaries(session))
