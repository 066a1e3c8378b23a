"""Fetch the resources of Partner Center, each as a payload."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.payload import decode
from pcnotebooks.payload.decode import require_json
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service.client import Client, Resource
from pcnotebooks.service.paging import every_page, page_of
from pcnotebooks.service.refusals import LIST_REMEDIES
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.session import Session

# With ValidateMfa the service states whether the token carried MFA. That rule covers calls of
# users; the list of invoices, which an app alone may fetch, is requested without it.
SUMMARIES = Resource(
    decode.SUMMARIES, "/invoices/summaries", headers={"ValidateMfa": "true"}, needs_user=True
)
INVOICES = Resource(decode.INVOICES, "/invoices", remedies=LIST_REMEDIES)


def fetch_invoice_summaries(
    session: Session, *, timeout: float | tuple[float, float] = (10, 60)
) -> Payload:
    """Fetch the invoice summaries of a session's partner: one call, no paging.

    Connection errors, broken answers and the statuses 429, 500, 502, 503 and 504 are retried up
    to three times, after the delay that the service requests if it is at most 60 seconds. After a
    401, the credential is asked for another token, once.

    Parameters
    ----------
    session
        The partner's session; it also determines the cloud.
    timeout
        Seconds to wait for a connection and between bytes of the answer; one number for both. The
        answer has to be complete a minute after both.

    Returns
    -------
    Payload
        The answer's bytes, unchanged, with the ids of the call and the session's partner.

    Raises
    ------
    SignInError
        If the credential gives no token.
    NetworkError
        If no complete answer came.
    ServiceError
        If Partner Center refused; with ``status_code``, ``code``, and ``retry_after`` in seconds
        if the service states it.
    PayloadError
        If the answer is not JSON, or larger than 64 MiB.

    Notes
    -----
    Source: ``GET /v1/invoices/summaries``. The token is sent only to the cloud's api host;
    redirects to other hosts are refused. Proxies and ``REQUESTS_CA_BUNDLE`` are honoured.

    Examples
    --------
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> payload = fetch_invoice_summaries(session)  # doctest: +SKIP
    >>> payload.save("contoso.json")  # doctest: +SKIP
    """
    return _fetched(session, SUMMARIES, timeout, _payload)


def fetch_invoices(session: Session, *, timeout: float | tuple[float, float] = (10, 60)) -> Payload:
    """Fetch the complete list of invoices of a session's partner.

    If a page is refused or broken, or the list exceeds 1,000 pages, 256 MiB or half an hour, the
    whole call fails. Each page is retried as :func:`fetch_invoice_summaries` describes, and all
    pages share a request id.

    Parameters
    ----------
    session
        The partner's session. An app-only credential is enough: a scheduled job can fetch the list
        without a user.
    timeout
        As for :func:`fetch_invoice_summaries`, for each page.

    Returns
    -------
    Payload
        The bytes of every page, unchanged, with ``resource="invoices"``.

    Raises
    ------
    SignInError, NetworkError, ServiceError
        As :func:`fetch_invoice_summaries`.
    PayloadError
        If a page is not a list of invoices, with the JSON path; if a page links to another host,
        or the list does not end; if fewer invoices came than the service counts.

    Notes
    -----
    Source: ``GET /v1/invoices``, without parameters. Each page links to the next. For the PDFs of
    invoices, use :func:`save_invoice_pdfs`.

    Examples
    --------
    >>> from pcnotebooks import Session
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> payload = fetch_invoices(session)  # doctest: +SKIP
    >>> payload.save("contoso-invoices.json")  # doctest: +SKIP
    """
    return _fetched(session, INVOICES, timeout, every_page)


# Every line of a call handles the token.
@discreet
def _fetched(
    session: Session,
    resource: Resource,
    timeout: float | tuple[float, float],
    read: Callable[[Client], Payload],
) -> Payload:
    with closing(Client(session, resource, timeout)) as client:
        return read(client)


def _payload(client: Client) -> Payload:
    payload = page_of(client, client.get(client.resource.uri))
    require_json(payload)
    return payload


@discreet
def ask_once(
    session: Session, resource: Resource = SUMMARIES, *, timeout: float | tuple[float, float]
) -> tuple[Payload | PcNotebooksError, str | None]:
    """Return the outcome of one request for a resource, and its header isMfaCompliant.

    Nothing is retried, except that after a 401 the credential is asked for another token, once.
    """
    with closing(Client(session, resource, timeout, retries=0)) as client:
        outcome: Payload | PcNotebooksError
        try:
            outcome = _payload(client)
        except PcNotebooksError as error:
            outcome = error.with_traceback(None)  # its frames hold the token
        return outcome, client.mfa_compliant
