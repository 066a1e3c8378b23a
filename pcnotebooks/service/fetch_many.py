"""From sessions to frames: where the network half meets the analysis half."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed

import pandas as pd

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.session import Session


def invoice_summaries(session: Session) -> pd.DataFrame:
    """Fetch the invoice summaries of a session's partner; one row per currency and invoice type.

    Parameters
    ----------
    session
        Whose summaries, and of which cloud.

    Returns
    -------
    DataFrame
        As :func:`summary_frame` returns it: amounts in float64, dates in
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
    return summary_frame(fetch_invoice_summaries(session))


def fetch_all(
    sessions: Iterable[Session], *, progress: bool = True
) -> list[Payload | PcNotebooksError]:
    """Fetch the summaries of several sessions at once, each in a thread of its own.

    One partner's failure costs nobody else's answer: it stands in the list in its place.

    Parameters
    ----------
    sessions
        Any number, of any partners and clouds.
    progress
        Show how many have answered, in a notebook or a terminal.

    Returns
    -------
    list of Payload or PcNotebooksError
        In the order asked; what failed as the error that :func:`fetch_invoice_summaries` raises.

    Examples
    --------
    >>> from pcnotebooks import Payload, fetch_all, sign_in
    >>> sessions = [sign_in(profile=name) for name in ("contoso", "fabrikam")]  # doctest: +SKIP
    >>> results = fetch_all(sessions)  # doctest: +SKIP
    >>> payloads = [each for each in results if isinstance(each, Payload)]  # doctest: +SKIP
    """
    asked = list(sessions)
    show = _progress(len(asked)) if progress and asked else None
    pool = ThreadPoolExecutor(max_workers=min(32, len(asked)) or 1)
    try:
        futures = [pool.submit(_fetch, session) for session in asked]
        for done, _ in enumerate(as_completed(futures), start=1):
            if show:
                show(done)
        return [future.result() for future in futures]
    finally:
        # After an interrupt nobody waits for those that are still asking.
        pool.shutdown(wait=False, cancel_futures=True)


def _fetch(session: Session) -> Payload | PcNotebooksError:
    try:
        return fetch_invoice_summaries(session)
    except PcNotebooksError as error:
        return error


def _progress(total: int) -> Callable[[int], None] | None:
    """Return what shows how many are done: a bar in a notebook, a line in a terminal."""
    if "IPython" in sys.modules:
        from IPython import get_ipython  # noqa: PLC0415  a notebook has it, a script need not
        from IPython.display import ProgressBar  # noqa: PLC0415

        if get_ipython() is not None:
            bar = ProgressBar(total)
            bar.display()
            return lambda done: setattr(bar, "progress", done)
    if not sys.stderr.isatty():
        return None

    def line(done: int) -> None:
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} fetched", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return line
