"""The list of invoices, page by page: whole, or an error."""

from __future__ import annotations

import json

import pytest

from pcnotebooks.errors import NetworkError, PayloadError, ServiceError
from pcnotebooks.payload.invoices import invoices_of
from pcnotebooks.service import client, paging
from pcnotebooks.service.fetch import fetch_invoice_summaries, fetch_invoices
from pcnotebooks.session.session import Session
from tests.builders import invoice, listed
from tests.services.callers import Rotating, failure_of
from tests.services.partner_center import INVOICES, SUMMARIES, Answer, pages
from tests.services.planted import TOKEN

CONTINUATION = "MS-ContinuationToken"


@pytest.fixture
def waits(monkeypatch):
    """Return the seconds that were waited between attempts, none of which pass."""
    seconds = []
    monkeypatch.setattr(client, "sleep", seconds.append)
    return seconds


def session_at(service, credential=None):
    """Return a session of a service with the planted token, or with a credential."""
    return Session(service.cloud, credential or Rotating(TOKEN), partner="Contoso")


def failure(service, kind):
    """Return the error of a call for the list, which must not show the token anywhere."""
    return failure_of(fetch_invoices, session_at(service), kind)


def page(*names, uri=None, headers=None, **fields):
    """Return a page of invoices of these ids that links to a uri."""
    links = {"next": {"uri": uri, "method": "GET", "headers": headers}} if uri else {}
    return Answer(listed(*map(invoice, names), **{"links": links} | fields))


def ids(payload):
    """Return the ids of a payload's invoices."""
    return [each.id for each in invoices_of(payload)]


# --- pages that follow each other


def test_a_list_of_one_page(partner_center):
    """It is asked for without parameters, and without what only a user's token has."""
    service = partner_center(page("D1", "D2"))
    payload = fetch_invoices(session_at(service))
    (request,) = service.requests
    assert (request.method, request.path) == ("GET", "/v1/invoices")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["ValidateMfa"] is None
    assert (payload.resource, payload.partner, payload.pages) == ("invoices", "Contoso", ())
    assert payload.request_id == request.headers["MS-RequestId"]
    assert payload.correlation_id == request.headers["MS-CorrelationId"]
    assert ids(payload) == ["D1", "D2"]


def test_every_page_is_fetched(partner_center):
    """Each with the header that its link states, and all with the ids of one call."""
    answers = pages(7, 2)
    service = partner_center(*answers)
    payload = fetch_invoices(session_at(service))
    assert (payload.body, *payload.pages) == tuple(answer.body for answer in answers)
    assert ids(payload) == [f"D{place:06}" for place in range(7)]
    paths = [request.path for request in service.requests]
    assert paths == ["/v1/invoices", *(f"/v1/invoices?size=2&offset={at}" for at in (2, 4, 6))]
    tokens = [request.headers[CONTINUATION] for request in service.requests]
    assert tokens == [None, "token of page 2", "token of page 3", "token of page 4"]
    for name in ("MS-RequestId", "MS-CorrelationId", "Authorization"):
        assert len({request.headers[name] for request in service.requests}) == 1


def test_ten_thousand_invoices(partner_center):
    """Many pages are one payload, saved and read again as it was fetched."""
    payload = fetch_invoices(session_at(partner_center(*pages(10_000, 500, totalCount=10_000))))
    assert len(payload.pages) == 19
    assert len(ids(payload)) == 10_000
    assert sum(each.total_charges for each in invoices_of(payload)) == 12_500


def test_the_documented_example_ends(partner_center):
    """Its next link is there although both of two invoices are shown, whatever that answers."""
    service = partner_center()
    assert fetch_invoices(session_at(service)).pages == (INVOICES,)
    assert [request.path for request in service.requests] == [
        "/v1/invoices",
        "/v1/invoices?size=2&offset=2",
    ]
    empty = fetch_invoices(session_at(partner_center(Answer(INVOICES), page())))
    assert len(ids(empty)) == 3  # with the amendment


@pytest.mark.parametrize(
    "last",
    [
        page("D1", "D2", uri="/invoices?offset=9"),
        page(uri="/invoices?offset=9"),
        page("D9", uri="/invoices?offset=2"),
        page("D9", uri="/invoices"),
        page("D9", links=None),
        page("D9", links={"next": None}),
        page("D9", links=...),
    ],
    ids=["no new id", "empty", "same link", "first link", "no links", "next is null", "none"],
)
def test_the_ends_of_a_list(partner_center, last):
    """A page without anything new, a link that was followed, or none: no request follows."""
    service = partner_center(page("D1", "D2", uri="/invoices?offset=2"), last)
    payload = fetch_invoices(session_at(service))
    assert payload.pages == (last.body,)
    assert len(service.requests) == 2


def test_a_link_is_another_with_another_token(partner_center):
    """The address alone does not tell pages apart."""
    tokens = [[{"key": CONTINUATION, "value": value}] for value in ("a", "b", "b")]
    service = partner_center(
        *(page(name, uri="/invoices", headers=it) for name, it in zip("xyz", tokens, strict=True))
    )
    assert ids(fetch_invoices(session_at(service))) == ["x", "y", "z"]
    assert [each.headers[CONTINUATION] for each in service.requests] == [None, "a", "b"]


@pytest.mark.parametrize(
    "form",
    ["/invoices?a=b:c", "invoices?a=b:c", "/v1/invoices?a=b:c", "{url}/v1/invoices?a=b:c"],
)
def test_the_forms_of_a_link(partner_center, form):
    """It is relative to the api's version; with it, or as a whole address, it is the same."""
    service = partner_center()
    service.steps.extend([page("D1", uri=form.format(url=service.url)), page("D2")])
    assert ids(fetch_invoices(session_at(service))) == ["D1", "D2"]
    assert service.requests[1].path == "/v1/invoices?a=b:c"


# --- links that must not be followed


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("http://127.0.0.1:{other}/v1/invoices", "http://127.0.0.1:{other}"),
        ("HTTP://127.0.0.1:{other}/v1/invoices", "http://127.0.0.1:{other}"),
        ("//127.0.0.1:{other}/", "http://127.0.0.1:{other}"),
        ("http://localhost:{here}/", "http://localhost:{here}"),
        ("https://127.0.0.1:{here}/", "https://127.0.0.1:{here}"),
        ("http://127.0.0.1:{here}@127.0.0.1:{other}/", "http://127.0.0.1:{other}"),
        ("https://evil.example/{token}", "https://evil.example"),
        ("file:///etc/passwd", "file://"),
        ("http://[::1/", "a malformed address"),
    ],
)
def test_a_link_to_another_host_is_an_error(partner_center, form, named):
    """The host is named, and gets neither token nor request."""
    service, other = partner_center(), partner_center()
    at = {"here": service.port, "other": other.port, "token": "secret"}
    service.steps.append(page("D1", uri=form.format(**at)))
    error = failure(service, PayloadError)
    assert error.message.startswith(f"127.0.0.1 links to {named.format(**at)}")
    assert "for 'Contoso'" in error.message
    assert len(service.requests) == 1
    assert other.requests == []


@pytest.mark.parametrize("uri", ["\\\\evil.example/x", "/\\evil.example", "@evil.example", "../x"])
def test_an_odd_link_stays_at_the_host(partner_center, uri):
    """Whatever another parser makes of it, it is a path of the api."""
    service = partner_center(page("D1", uri=uri), page("D2"))
    fetch_invoices(session_at(service))
    assert len(service.requests) == 2


def test_hostile_headers_of_a_link_are_not_sent(partner_center):
    """Only continuation tokens and the like are; the call's own stay as they are."""
    hostile = {
        "Authorization": "Bearer of-another",
        "host": "evil.example",
        "Cookie": "a=b",
        "ms-requestid": "00000000-0000-4000-8000-000000000000",
        "MS-CorrelationId": "00000000-0000-4000-8000-000000000000",
        "MS-Contract-Version": "v0",
        "MS-PartnerCenter-Application": "another",
        "Content-Length": "5",
        "Transfer-Encoding": "chunked",
        "Proxy-Authorization": "Basic x",
        "MS-Split\r\nX-Injected": "yes",
        "MS-Injected": "a\r\nX-Injected: yes",
        "MS-Long": "x" * 9000,
        "MS-Empty": "",
        CONTINUATION: "a b+c/d==",
    }
    headers = [{"key": key, "value": value} for key, value in hostile.items()]
    service = partner_center(page("D1", uri="/invoices?page=2", headers=headers), page("D2"))
    fetch_invoices(session_at(service))
    first, second = (dict(request.headers) for request in service.requests)
    assert second.pop(CONTINUATION) == "a b+c/d=="
    assert second == first


# --- pages that fail


def test_a_token_that_expires_on_the_way_is_renewed(partner_center):
    """A 401 on page two has the credential asked again; the list goes on with its other token."""
    first, second = pages(4, 2)
    service = partner_center(first, Answer(b"", 401), second)
    payload = fetch_invoices(session_at(service, Rotating("the-first-token", TOKEN)))
    assert len(ids(payload)) == 4
    sent = [request.headers["Authorization"] for request in service.requests]
    assert sent == ["Bearer the-first-token"] * 2 + [f"Bearer {TOKEN}"]
    assert service.requests[2].headers[CONTINUATION] == "token of page 2"


def test_a_page_that_is_throttled_is_asked_again(partner_center, waits):
    """As any call, with the time that the service states."""
    first, second = pages(4, 2)
    busy = Answer(b"", 429, headers={"Retry-After": "7"})
    service = partner_center(first, busy, Answer(reset=True), second)
    assert len(ids(fetch_invoices(session_at(service)))) == 4
    assert waits[0] == 7
    assert len({request.headers["MS-RequestId"] for request in service.requests}) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (Answer(b"", 401), ServiceError, "answered 401 Unauthorized"),
        (Answer(b'{"code": "2032"}', 403), ServiceError, "answered 403 Forbidden"),
        (Answer(b"", 429), ServiceError, "answered 429 Too Many Requests"),
        (Answer(b"", 429, headers={"Retry-After": "999"}), ServiceError, "asks to wait 999"),
        (Answer(reset=True), NetworkError, "the connection broke off"),
        (Answer(b"", 302, headers={"Location": "https://x.example"}), ServiceError, "redirect to"),
    ],
)
def test_a_second_page_that_is_refused_fails_the_list(partner_center, waits, answer, kind, told):
    """The first page alone is no answer: the reason is told, with the page."""
    service = partner_center(pages(4, 2)[0], *[answer] * 4)
    error = failure(service, kind)
    assert told in error.message
    assert "for 'Contoso' (invoices, page 2)" in error.message
    assert error.request_id == service.requests[0].headers["MS-RequestId"]


@pytest.mark.parametrize(
    ("body", "path", "told"),
    [
        (b"", None, "empty"),
        (b"<html>", None, "HTML"),
        (b'{"items": [{"id"', None, "ends in the middle"),
        (b"[]", "$", ""),
        (b"{}", "$.items", "missing"),
        (b'{"items": null}', "$.items", "null"),
        (listed(invoice("D3", id=5)), "$.items[0].id", "5"),
        (listed(invoice("D3"), invoice("D4", totalCharges=...)), "$.items[1].totalCharges", ""),
        (SUMMARIES, "$.items[0].id", "missing"),
        (listed(links={"next": {"uri": 5}}), "$.links.next.uri", "5"),
        (listed(links={"next": "/invoices"}), "$.links.next", "/invoices"),
        (listed(links={"next": {"uri": "/x", "headers": [{"key": "a"}]}}),
         "$.links.next.headers[0].value", "missing"),
        (json.dumps({"items": [], "asked": TOKEN}).encode(), None, "repeats the access token"),
    ],
)  # fmt: skip
def test_a_second_page_that_is_no_list_fails_the_list(partner_center, body, path, told):
    """What is wrong with it is told by page and JSON path."""
    error = failure(partner_center(pages(4, 2)[0], Answer(body)), PayloadError)
    assert error.path == path
    assert told in error.message
    assert "page 2" in error.message


def test_a_first_page_that_is_no_list(partner_center):
    """Summaries in its place are refused as such."""
    error = failure(partner_center(Answer(SUMMARIES)), PayloadError)
    assert error.message.startswith("Not invoices (Contoso): $.items[0].id is missing")


@pytest.mark.parametrize("counted", [[5, 5], [2, 5]])
def test_fewer_invoices_than_the_service_counts_are_an_error(partner_center, counted):
    """A list that ends too early is not taken for the whole."""
    answers = [
        page("D1", "D2", uri="/invoices?offset=2", totalCount=counted[0]),
        page("D3", totalCount=counted[1]),
    ]
    error = failure(partner_center(*answers), PayloadError)
    assert error.message == (
        "The list of invoices of 127.0.0.1 for 'Contoso' is incomplete: 3 of 5 came."
    )
    assert "support" in error.remedy


@pytest.mark.parametrize("counted", [[2, 1], [3, 3], [None, 0]])
def test_a_count_of_a_page_or_of_the_whole_is_right(partner_center, counted):
    """What the service counts is not documented: both are accepted."""
    answers = [
        page("D1", "D2", uri="/invoices?offset=2", totalCount=counted[0]),
        page("D3", totalCount=counted[1]),
    ]
    assert len(ids(fetch_invoices(session_at(partner_center(*answers))))) == 3


# --- lists without end


def endless(request):
    """Answer with a page that has a new id and links to another, for ever."""
    number = int(request.path.partition("page=")[2] or 0)
    return page(f"D{number}", uri=f"/invoices?page={number + 1}")


@pytest.mark.parametrize(
    ("bound", "value", "told", "most"),
    [
        ("MOST_PAGES", 5, "5 pages", 6),
        ("MOST_BYTES", 2 * 2**10, "0 MiB", 5),
        ("MOST_SECONDS", 0, "0 minutes", 1),
    ],
)
def test_a_list_without_end_is_given_up(partner_center, monkeypatch, bound, value, told, most):
    """At a bound of pages, bytes or time the whole is an error."""
    monkeypatch.setattr(paging, bound, value)
    service = partner_center(*[endless] * 20)
    error = failure(service, PayloadError)
    assert f"does not end: it was given up after {told}" in error.message
    assert "The list of invoices of 127.0.0.1 for 'Contoso'" in error.message
    assert 1 <= len(service.requests) <= most


def test_a_list_within_its_bounds(partner_center, monkeypatch):
    """As many pages and bytes as are allowed are no fault."""
    answers = pages(10, 2)
    monkeypatch.setattr(paging, "MOST_PAGES", 5)
    monkeypatch.setattr(paging, "MOST_BYTES", sum(len(answer.body) for answer in answers))
    assert len(ids(fetch_invoices(session_at(partner_center(*answers))))) == 10


# --- apps without a user


def of_app(request):
    """Answer as the service does to an app-only token: the list is allowed, the rest is not."""
    if request.path == "/v1/invoices":
        return page("D1")
    return Answer(b'{"code": "900329", "description": "App-only is not supported."}', 403)


def test_an_app_without_a_user_fetches_the_list(partner_center):
    """Its credential is asked for the default scope; the summaries say what it can have."""
    service = partner_center(of_app, of_app)
    credential = Rotating(TOKEN)
    session = session_at(service, credential)
    assert ids(fetch_invoices(session)) == ["D1"]
    assert credential.scopes == [(f"{service.url}/.default",)]
    error = failure_of(fetch_invoice_summaries, session, ServiceError)
    assert error.code == "900329"
    assert "Sign in as a user" in error.remedy
    assert "fetch_invoices" in error.remedy


@pytest.mark.parametrize("code", [None, "900150", "900308", "900329", "2032"])
def test_a_refused_list_names_role_and_registration(partner_center, code):
    """Signing in as a user is not the only way here."""
    body = json.dumps({"code": code, "description": "No."}).encode()
    error = failure(partner_center(Answer(body, 403)), ServiceError)
    assert "Billing admin" in error.remedy
    assert "web app that is registered" in error.remedy
    assert "(invoices)" in error.message
