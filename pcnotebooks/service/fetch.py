"""The resources of Partner Center that are fetched, each as a payload."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.payload.decode import require_json
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service.client import Client
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.session import Session


def fetch_invoice_summaries(
    session: Session, *, timeout: float | tuple[float, float] = (10, 60)
) -> Payload:
    """Fetch the invoice summaries of a session's partner: one call, no paging.

    Connection errors, broken answers and the statuses 429, 500, 502, 503 and 504 are retried up
    to three times, after the time that the service asks for if that is at most 60 seconds. After
    a 401 the credential is asked once more.

    Parameters
    ----------
    session
        Whose summaries, and of which cloud.
    timeout
        Seconds to wait for a connection and between bytes of the answer; one number for both. The
        answer has to be whole a minute after both.

    Returns
    -------
    Payload
        The answer's bytes, unchanged, with the ids of the call and the session's partner.

    Raises
    ------
    SignInError
        If the credential gives no token.
    NetworkError
        If no whole answer came.
    ServiceError
        If Partner Center refused; with ``status_code``, ``code``, and ``retry_after`` in seconds
        where it states one.
    PayloadError
        If the answer is not JSON, or larger than 64 MiB.

    Notes
    -----
    Source: ``GET /v1/invoices/summaries``. The token goes to the cloud's api host alone;
    redirects elsewhere are refused. Proxies and ``REQUESTS_CA_BUNDLE`` are honoured.

    Examples
    --------
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> payload = fetch_invoice_summaries(session)  # doctest: +SKIP
    >>> payload.save("contoso.json")  # doctest: +SKIP
    """
    with closing(Client(session, timeout)) as client:
        return _summaries(client)


@discreet
def _summaries(client: Client) -> Payload:
    reply = client.get("/v1/invoices/summaries")
    payload = Payload(
        reply.body, client.session.cloud.name, client.partner, datetime.now(UTC), **reply.ids
    )
    require_json(payload)
    return payload


def ask_once(
    session: Session, *, timeout: float | tuple[float, float]
) -> tuple[Payload | PcNotebooksError, str | None]:
    """Return what one call comes to, and what its answer states in isMfaCompliant.

    Nothing is retried, except that after a 401 the credential is asked once more.
    """
    with closing(Client(session, timeout, retries=0)) as client:
        outcome: Payload | PcNotebooksError
        try:
            outcome = _summaries(client)
        except PcNotebooksError as error:
            outcome = error
        return outcome, client.mfa_compliant
