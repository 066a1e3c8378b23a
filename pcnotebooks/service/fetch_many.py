"""Fetch several sessions or profiles at once, and turn answers into frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

import pandas as pd

from pcnotebooks.errors import ConfigurationError, PcNotebooksError
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.payload.decode import INVOICES, SUMMARIES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service.fetch import fetch_invoice_summaries, fetch_invoices
from pcnotebooks.service.progress import shown_progress
from pcnotebooks.session.session import Session

Answer: TypeAlias = Payload | PcNotebooksError


def invoice_summaries(session: Session) -> pd.DataFrame:
    """Fetch the invoice summaries of a session's partner; one row per currency and invoice type.

    Parameters
    ----------
    session
        The partner's session; it also determines the cloud.

    Returns
    -------
    DataFrame
        As from :func:`summary_frame`: amounts in float64, dates in ``datetime64[us, UTC]``, and
        the time of this call as ``retrieved_at``. To save the payload, or for exact amounts, use
        :func:`fetch_invoice_summaries`.

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


def invoices(session: Session) -> pd.DataFrame:
    """Fetch the list of invoices of a session's partner; one row per invoice.

    Parameters
    ----------
    session
        The partner's session; an app-only credential is enough.

    Returns
    -------
    DataFrame
        As from :func:`invoice_frame`; amendments are separate rows. To save the payload, or for
        exact amounts, use :func:`fetch_invoices`.

    Raises
    ------
    SignInError, NetworkError, ServiceError, PayloadError
        As :func:`fetch_invoices`.

    Examples
    --------
    >>> from pcnotebooks import Session
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> frame = invoices(session)  # doctest: +SKIP
    """
    return invoice_frame(fetch_invoices(session))


def fetch_all(
    sessions: Iterable[Session],
    *,
    resources: Sequence[str] = (SUMMARIES, INVOICES),
    progress: bool = True,
) -> list[Answer]:
    """Fetch resources of several sessions at once, each in a separate thread.

    A failure does not affect other answers: the error takes the place of the payload in the list.

    Parameters
    ----------
    sessions
        Any number, of any partners and clouds.
    resources
        The resources to fetch for each session: "invoice_summaries", "invoices".
    progress
        Show the number of answers so far, in a notebook or a terminal.

    Returns
    -------
    list of Payload or PcNotebooksError
        Session by session, resource by resource, in the order given; for each failure the error
        that :func:`fetch_invoice_summaries` or :func:`fetch_invoices` raises.

    Raises
    ------
    ConfigurationError
        For an unknown resource.

    Examples
    --------
    >>> from pcnotebooks import Payload, fetch_all, sign_in
    >>> sessions = [sign_in(profile=name) for name in ("contoso", "fabrikam")]  # doctest: +SKIP
    >>> results = fetch_all(sessions)  # doctest: +SKIP
    >>> payloads = [each for each in results if isinstance(each, Payload)]  # doctest: +SKIP
    """
    known = {SUMMARIES: fetch_invoice_summaries, INVOICES: fetch_invoices}
    names = [resources] if isinstance(resources, str) else list(resources)
    if unknown := [name for name in names if name not in known]:
        raise ConfigurationError(
            f"There is no resource {unknown[0]!r}.", remedy=f"Choose from {', '.join(known)}."
        )
    asked = [(known[name], session) for session in sessions for name in names]
    show = shown_progress(len(asked)) if progress and asked else None
    waiting = deque(enumerate(asked))
    answered: SimpleQueue[tuple[int, Answer | BaseException]] = SimpleQueue()

    def work() -> None:
        with suppress(IndexError):
            while True:
                place, (fetch, session) = waiting.popleft()
                answered.put((place, _outcome(fetch, session)))

    # Not a pool: Python joins a pool's threads at exit, and after an interrupt they would retry
    # for minutes.
    for _ in range(min(32, len(asked))):
        Thread(target=work, daemon=True).start()
    outcomes: dict[int, Answer | BaseException] = {}
    try:
        while len(outcomes) < len(asked):
            place, outcome = answered.get()
            outcomes[place] = outcome
            if show:
                show(len(outcomes))
    finally:
        waiting.clear()
    answers = []
    for _, outcome in sorted(outcomes.items(), key=lambda pair: pair[0]):
        if not isinstance(outcome, Payload | PcNotebooksError):
            raise outcome
        answers.append(outcome)
    return answers


def fetch_profiles(
    names: Iterable[str | None],
    session_of: Callable[[str | None], Session],
    *,
    resources: Sequence[str] = (SUMMARIES, INVOICES),
    progress: bool = True,
) -> Mapping[str | None, tuple[Answer, ...]]:
    """Return the answers of each profile, one for each resource: payloads or errors.

    A profile that cannot sign in does not affect the others.
    """
    answers: dict[str | None, tuple[Answer, ...]] = {}
    sessions = {}
    for name in dict.fromkeys(names):
        try:
            sessions[name] = session_of(name)
        except PcNotebooksError as error:
            answers[name] = (error,) * len(resources)
    fetched = iter(fetch_all(sessions.values(), resources=resources, progress=progress))
    return answers | {name: tuple(islice(fetched, len(resources))) for name in sessions}


def _outcome(fetch: Callable[[Session], Payload], session: Session) -> Answer | BaseException:
    try:
        return fetch(session)
    except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
        return error
