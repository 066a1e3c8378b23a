"""The resources of Partner Center that are fetched, each as a payload."""

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
# users: the list of invoices, which an app may fetch alone, is asked for without it.
SUMMARIES = Resource(
    decode.SUMMARIES, "/invoices/summaries", headers={"ValidateMfa": "true"}, needs_user=True
)
INVOICES = Resource(decode.INVOICES, "/invoices", remedies=LIST_REMEDIES)


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
        if it states one.
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
    return _fetched(session, SUMMARIES, timeout, _payload)


def fetch_invoices(session: Session, *, timeout: float | tuple[float, float] = (10, 60)) -> Payload:
    """Fetch the list of invoices of a session's partner, every page of it.

    The list is whole or an error: a page that is refused, broken, or beyond 1,000 pages, 256 MiB
    or half an hour fails the whole call. Each page is retried as :func:`fetch_invoice_summaries`
    describes, and the pages have one request id.

    Parameters
    ----------
    session
        Whose invoices, and of which cloud. An app-only credential is enough: a scheduled job can
        fetch the list without a user.
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
    Source: ``GET /v1/invoices``, without parameters. The next page is the one that the service
    links to. Microsoft's SDKs ask for the PDF of an invoice separately; it is not fetched here.

    Examples
    --------
    >>> from pcnotebooks import Session
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> payload = fetch_invoices(session)  # doctest: +SKIP
    >>> payload.save("contoso-invoices.json")  # doctest: +SKIP
    """
    return _fetched(session, INVOICES, timeout, every_page)


# From its first line to its last, a call works with the token.
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

    Nothing is retried, except that after a 401 the credential is asked once more.
    """
    with closing(Client(session, resource, timeout, retries=0)) as client:
        outcome: Payload | PcNotebooksError
        try:
            outcome = _payload(client)
        except PcNotebooksError as error:
            outcome = error.with_traceback(None)  # its frames hold the token
        return outcome, client.mfa_compliant
