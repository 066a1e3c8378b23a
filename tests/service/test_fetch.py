"""The call to Partner Center, against a real server on loopback."""

from __future__ import annotations

import errno
import gzip
import json
import signal
import socket
import ssl
import sys
import threading
import time
import tracemalloc
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
import requests

from pcnotebooks import __version__
from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import (
    NetworkError,
    PayloadError,
    ServiceError,
    SignInError,
)
from pcnotebooks.service import client
from pcnotebooks.service.fetch import ask_once, fetch_invoice_summaries
from pcnotebooks.session import transport
from pcnotebooks.session.session import Session
from tests.services.callers import Rotating, failure_of
from tests.services.partner_center import SUMMARIES, Answer
from tests.services.planted import TOKEN, shown

BOM = b"\xef\xbb\xbf"
QUICK = (1, 0.15)


@pytest.fixture
def waits(monkeypatch):
    """Return the seconds that were waited between attempts, none of which pass."""
    seconds = []
    monkeypatch.setattr(client, "sleep", seconds.append)
    return seconds


@pytest.fixture(autouse=True)
def _no_token_is_logged(caplog):
    """Assert after each test that nothing logged the token, at the lowest level."""
    caplog.set_level(1)
    yield
    logged = caplog.get_records("call")
    assert not [record for record in logged if TOKEN in f"{record.getMessage()} {vars(record)}"]


def fetch(service, *, partner="Contoso", **options):
    """Fetch from a service with the planted token."""
    return fetch_invoice_summaries(
        Session.from_token(service.cloud, TOKEN, partner=partner), **options
    )


def failure(service, kind=ServiceError, **options):
    """Return the error of a call, which must not show the token anywhere."""
    cloud = service if isinstance(service, Cloud) else service.cloud
    session = Session.from_token(cloud, TOKEN, partner="Contoso")
    del service, cloud  # what the test itself holds is not what is looked at
    return failed(session, kind, **options)


def failed(session, kind, **options):
    """Return the error of a session's call, which must not show the token anywhere."""
    return failure_of(fetch_invoice_summaries, session, kind, **options)


# --- what is sent, and what comes of an answer


def test_an_answer_becomes_a_payload(partner_center):
    """The bytes are unchanged; cloud, partner and time say whose they are."""
    before = datetime.now(UTC)
    service = partner_center(Answer(BOM + SUMMARIES))
    payload = fetch(service)
    assert payload.body == BOM + SUMMARIES
    assert (payload.cloud, payload.partner) == ("stand-in", "Contoso")
    assert before <= payload.retrieved_at <= datetime.now(UTC)
    assert fetch(service, partner=None).partner == ""


def test_the_request_is_the_documented_one(partner_center):
    """Path and headers are those of the service's documentation; nothing else is sent."""
    service = partner_center()
    fetch(service)
    (request,) = service.requests
    assert (request.method, request.path) == ("GET", "/v1/invoices/summaries")
    sent = dict(request.headers)
    for name in ("MS-RequestId", "MS-CorrelationId"):
        assert str(uuid.UUID(sent[name])) == sent.pop(name)
    del sent["Host"], sent["Connection"], sent["Accept-Encoding"]
    assert sent == {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json",
        "MS-Contract-Version": "v1",
        "MS-PartnerCenter-Application": "pcnotebooks",
        "User-Agent": f"pcnotebooks/{__version__}",
        "ValidateMfa": "true",
        "X-Locale": "en-US",
    }


def test_ids_stay_over_retries_and_change_with_the_call(partner_center, waits):
    """A retried call is the same call to the service; the next one is another."""
    service = partner_center(Answer(status=503), Answer(reset=True))
    fetch(service)
    fetch(service)
    for name in ("MS-RequestId", "MS-CorrelationId"):
        first, second, third, other = (request.headers[name] for request in service.requests)
        assert first == second == third != other
    assert len({request.headers["MS-RequestId"] for request in service.requests}) == 2


def test_ids_are_those_that_the_answer_echoes(partner_center):
    """What the service calls the request is what support can find."""
    theirs = str(uuid.uuid4()).upper()
    service = partner_center(Answer(headers={"MS-RequestId": theirs, "MS-CorrelationId": None}))
    payload = fetch(service)
    assert payload.request_id == theirs
    assert payload.correlation_id == service.requests[0].headers["MS-CorrelationId"]


def test_an_odd_echo_is_not_taken_for_an_id(partner_center):
    """An id that is none is replaced by the one sent."""
    service = partner_center(Answer(headers={"MS-RequestId": f"Bearer {TOKEN}"}))
    assert fetch(service).request_id == service.requests[0].headers["MS-RequestId"]


def test_a_compressed_answer_is_decompressed(partner_center):
    """The payload holds the JSON, not gzip."""
    body = gzip.compress(SUMMARIES)
    assert (
        fetch(partner_center(Answer(body, headers={"Content-Encoding": "gzip"}))).body == SUMMARIES
    )


def test_a_chunked_answer_is_put_together(partner_center):
    """An answer in small pieces, slowly sent, is one body."""
    assert fetch(partner_center(Answer(chunks=1000, drip=0.01))).body == SUMMARIES


def test_netrc_does_not_replace_the_token(partner_center, monkeypatch, tmp_path):
    """A ~/.netrc entry for the host, which requests would prefer, is not used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    service = partner_center(
        Answer(), Answer(status=503), Answer(b"", 307, headers={"Location": "/elsewhere"})
    )
    requests.get(service.url, timeout=5)
    assert service.requests[0].headers["Authorization"].startswith("Basic ")
    monkeypatch.setattr(client, "sleep", lambda seconds: None)
    fetch(service)
    assert [r.headers["Authorization"] for r in service.requests[1:]] == [f"Bearer {TOKEN}"] * 3


def test_one_session_serves_many_threads(partner_center):
    """16 threads with one session make 16 calls with ids of their own."""
    service = partner_center(*[Answer(delay=0.05)] * 16)
    session = Session(service.cloud, Rotating(TOKEN), partner="Contoso")
    with ThreadPoolExecutor(16) as pool:
        payloads = list(pool.map(fetch_invoice_summaries, [session] * 16))
    assert {payload.body for payload in payloads} == {SUMMARIES}
    sent = {request.headers["MS-RequestId"] for request in service.requests}
    assert len(sent) == 16
    assert {payload.request_id for payload in payloads} == sent


# --- bodies that are no summaries


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(b""), "empty"),
        (Answer(b"", 204), "empty"),
        (Answer(BOM), "empty"),
        (Answer(b"", 202), "empty"),
        (Answer(b"<html><title>Sign in to the guest network</title></html>"), "HTML"),
        (Answer(SUMMARIES[:1000]), "ends in the middle"),
        (Answer(headers={"Content-Length": None}, stop_after=1000), "ends in the middle"),
        (Answer(SUMMARIES.decode().encode("utf-16")), "not UTF-8"),
    ],
)
def test_a_body_that_is_no_json_is_refused_at_once(partner_center, waits, answer, told):
    """What is no JSON never becomes a payload, and asking again would give it again."""
    service = partner_center(answer)
    error = failure(service, PayloadError)
    assert told in error.message
    assert "Contoso" in error.message
    assert error.request_id == service.requests[0].headers["MS-RequestId"]
    assert waits == []


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip bomb"])
def test_a_huge_body_is_refused(partner_center, compressed):
    """Reading stops at 64 MiB of decoded bytes, however few were sent."""
    body = b" " * (80 * 2**20)
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    service = partner_center(
        Answer(gzip.compress(body, 1) if compressed else body, headers=headers)
    )
    del body
    tracemalloc.start()
    try:
        error = failure(service, PayloadError)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "more than 64 MiB" in error.message
    assert error.remedy == "Partner Center's answers are smaller: check the cloud's api address."
    assert peak < 256 * 2**20


@pytest.mark.parametrize("status", [200, 302, 400])
def test_a_body_without_end_is_left(partner_center, monkeypatch, status):
    """The connection is closed at the limit, not after the last byte."""
    monkeypatch.setattr(transport, "LARGEST_BODY", 100_000)
    headers = {"Location": "https://elsewhere.example"} if status == 302 else {}
    service = partner_center(Answer(b" " * 10**6, status, headers=headers, chunks=20_000, drip=0.1))
    failure(service, PayloadError if status == 200 else ServiceError)
    assert service.sent < 10**6


def test_a_body_of_just_the_limit_is_kept(partner_center, monkeypatch):
    """And one byte more is too much."""
    monkeypatch.setattr(transport, "LARGEST_BODY", len(SUMMARIES))
    assert fetch(partner_center()).body == SUMMARIES
    monkeypatch.setattr(transport, "LARGEST_BODY", len(SUMMARIES) - 1)
    failure(partner_center(), PayloadError)


def test_a_body_with_the_token_is_not_kept(partner_center):
    """An answer that repeats the token would carry it into saved files."""
    body = json.dumps({"items": [], "asked": {"Authorization": f"Bearer {TOKEN}"}}).encode()
    error = failure(partner_center(Answer(body)), PayloadError)
    assert "repeats the access token in its answer for" in error.message
    assert error.remedy == (
        "Partner Center never does this: check the cloud's api address and proxy."
    )


def test_a_token_of_a_few_letters_is_no_repetition(partner_center):
    """A stand-in's short token may stand in the answer by chance."""
    session = Session.from_token(partner_center().cloud, "GBP")
    assert fetch_invoice_summaries(session).body == SUMMARIES


# --- refusals


@pytest.mark.parametrize("mark", [b"", BOM], ids=["", "byte order mark"])
@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (
            b'{"code": "2002", "description": "The account is odd.", "data": [], "source": "x"}',
            "2002",
            "409 Conflict for 'Contoso', code 2002: The account is odd.",
        ),
        (b'{"code": 2002, "description": null}', "2002", "for 'Contoso', code 2002."),
        (b'{"statusCode": 409, "message": "Two at once."}', None, "'Contoso': Two at once."),
        (b'{"message": "The request is invalid."}', None, "'Contoso': The request is invalid."),
        (b'{"error": "odd"}', None, """'Contoso': {"error": "odd"}."""),
        (b"[1, 2]", None, "'Contoso': [1, 2]."),
        (b"Not now,\r\n\x1b[31m please", None, "'Contoso': Not now, [31m please."),
        (b"", None, "409 Conflict for 'Contoso'."),
        (
            b"\n<!DOCTYPE html><TITLE lang=en>\n Blocked\n</TITLE><p>secret",
            None,
            "'Contoso': an HTML page titled 'Blocked'.",
        ),
        (b"<html><p>Blocked", None, "'Contoso': an HTML page."),
        (b"\xff\xfe", None, "'Contoso': \ufffd\ufffd."),
        (b"[" * 100_000, None, f"{'[' * 197}..."),
    ],
)
def test_every_shape_of_refusal_is_read(partner_center, mark, body, code, told):
    """Code and description come out of each of the service's shapes, with and without a BOM."""
    service = partner_center(Answer(mark + body, 409))
    error = failure(service)
    assert error.message.startswith("127.0.0.1 answered 409 Conflict for 'Contoso'")
    assert told in error.message
    assert error.status_code == 409
    assert error.code == code
    assert error.retry_after is None
    assert error.request_id == service.requests[0].headers["MS-RequestId"]
    assert error.correlation_id == service.requests[0].headers["MS-CorrelationId"]
    assert len(service.requests) == 1


def test_a_refusal_without_partner(partner_center):
    """Without a partner the message does without one."""
    service = partner_center(Answer(b"Odd.", 409))
    error = failed(Session.from_token(service.cloud, TOKEN), ServiceError)
    assert error.message == "127.0.0.1 answered 409 Conflict: Odd."


@pytest.mark.parametrize(
    "body",
    [
        b"word " * 10_000,
        b"x" * 10_000,
        json.dumps({"code": "x" * 999, "description": "y " * 9999}).encode(),
        b"<title>" + b"z" * 9999,
        b"<title" * 500_000,
    ],
)
def test_a_long_body_is_cut(partner_center, body):
    """A message stays one, whatever the body."""
    assert len(failure(partner_center(Answer(body, 400))).message) < 500


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (401, "900420", "graph.windows.net"),
        (401, "900421", "multi-factor authentication"),
        (401, "900000", "expired"),
        (401, None, "check the cloud"),
        (403, "900329", "Sign in as a user"),
        (403, "900150", "Billing admin"),
        (403, "900308", "Billing admin"),
        (403, "2032", "Billing admin"),
        (403, "900309", "Conditional Access"),
        (403, "900124", "Microsoft Partner Agreement"),
        (403, "800039", "indirect resellers"),
        (403, None, "Admin agent"),
        (404, "1000", "this partner account"),
        (404, None, "this partner account"),
        (407, None, "HTTPS_PROXY"),
        (429, None, "counts against the limit"),
        (500, "800003", "try again later"),
        (500, "900192", "try again later"),
        (502, None, "try again later"),
        (501, None, "try again later"),
        (400, None, "request id and correlation id"),
        (304, None, "a proxy or a sign-in page"),
    ],
)
def test_every_refusal_has_its_remedy(partner_center, waits, status, code, remedy):
    """What to do is told by the code, else by the status."""
    body = b"" if status == 304 else json.dumps({"code": code, "description": "No."}).encode()
    error = failure(partner_center(*[Answer(body, status)] * 4))
    assert (error.status_code, error.code) == (status, code)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", 401, "Unauthorized - MFA required"),
        Answer(b"Unauthorized - MFA required", 401),
        Answer(b'{"code": "1", "description": "Unauthorized - MFA Required"}', 401),
        Answer(b"", 401, headers={"isMfaCompliant": "False"}),
    ],
)
def test_a_lack_of_mfa_is_told_wherever_it_stands(partner_center, answer):
    """The service says so in a code, in a text, in the reason phrase or in a header."""
    assert "multi-factor authentication" in failure(partner_center(answer)).remedy


def test_a_lack_of_mfa_does_not_explain_a_missing_role(partner_center):
    """The header is also sent beside other refusals."""
    error = failure(partner_center(Answer(b"", 403, headers={"isMfaCompliant": "false"})))
    assert "Billing admin" in error.remedy


def test_a_code_weighs_more_than_the_text(partner_center):
    """A token for the wrong audience stays one, whatever is said of MFA."""
    body = b'{"code": "900420", "description": "MFA required"}'
    assert "graph.windows.net" in failure(partner_center(Answer(body, 401))).remedy


@pytest.mark.parametrize("status", [403, 404])
def test_a_page_in_place_of_a_refusal_is_a_firewalls(partner_center, status):
    """The service refuses in JSON: roles would not help against a page."""
    error = failure(partner_center(Answer(b"<title>Blocked</title>", status)))
    assert "the network's administrator" in error.remedy


def test_a_refusal_does_not_repeat_the_token(partner_center):
    """A token in body, title, code or reason phrase is taken out before the text is cut."""
    bodies = [
        json.dumps({"code": TOKEN, "description": f"Bad token {TOKEN}."}).encode(),
        f"{'x' * 190}{TOKEN}".encode(),
        f"<title>{TOKEN}</title>".encode(),
    ]
    for body in bodies:
        error = failure(partner_center(Answer(body, 403, reason=f"No {TOKEN}")))
        assert TOKEN[:10] not in str(error)
        assert "[token]" in str(error)


# --- retries


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_fault_is_retried_three_times(partner_center, waits, status):
    """Three faults are got over, a fourth is told, after waits that double with a jitter."""
    assert fetch(partner_center(*[Answer(status=status)] * 3)).body == SUMMARIES
    waits.clear()
    service = partner_center(*[Answer(b"", status)] * 4)
    assert failure(service).status_code == status
    assert len(service.requests) == 4
    assert all(low <= wait <= 2 * low for low, wait in zip((0.5, 1, 2), waits, strict=True))


def test_waits_differ(partner_center, waits):
    """Callers that failed together do not come back together."""
    for _ in range(5):
        fetch(partner_center(Answer(status=503)))
    assert len(set(waits)) == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 417, 501])
def test_a_lasting_refusal_is_not_retried(partner_center, waits, status):
    """Asking again would count against the limit and change nothing."""
    service = partner_center(*[Answer(b"", status)] * 2)
    failure(service)
    assert len(service.requests) == 1
    assert waits == []


def test_the_time_asked_for_is_waited(partner_center, waits):
    """Retry-After in seconds is waited to the second, up to a minute."""
    steps = [Answer(status=429, headers={"Retry-After": after}) for after in ("7", " 60 ", "1")]
    fetch(partner_center(*steps))
    assert waits == [7, 60, 1]


def test_a_date_is_waited_for(partner_center, waits):
    """Retry-After as an HTTP date is waited for."""
    after = formatdate(time.time() + 30, usegmt=True)
    fetch(partner_center(Answer(status=503, headers={"Retry-After": after})))
    assert len(waits) == 1
    assert 25 < waits[0] <= 30


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_a_date_counts_from_the_services_own_clock(partner_center, waits, ahead):
    """Where the clock of this machine is wrong, thirty seconds stay thirty."""
    now = time.time() + ahead
    headers = {"Date": formatdate(now, usegmt=True)}
    headers["Retry-After"] = formatdate(now + 30, usegmt=True)
    fetch(partner_center(Answer(status=503, headers=headers)))
    assert waits == [30]


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("61", 61), ("86400", 86400), ("99999999999", 10**9), (None, 7200)],
)
def test_a_long_wait_is_left_to_the_caller(partner_center, waits, after, seconds):
    """More than a minute is not waited for: the error comes at once and says how long."""
    stated = after or formatdate(time.time() + seconds, usegmt=True)
    service = partner_center(Answer(b"Busy", 429, headers={"Retry-After": stated}))
    error = failure(service)
    assert error.retry_after == pytest.approx(seconds, abs=5)
    asked = f"asks to wait {error.retry_after:,.0f} seconds"
    assert error.message == (
        f"127.0.0.1 answered 429 Too Many Requests for 'Contoso': Busy ({asked})."
    )
    assert len(service.requests) == 1
    assert waits == []


@pytest.mark.parametrize(
    "after",
    ["soon", "-5", "1.5", "", "0", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 5000,
     "Wed, 21 Oct 99999999 07:28:00 GMT"],
)  # fmt: skip
def test_an_illegible_or_past_time_means_the_usual_wait(partner_center, waits, after):
    """Garbage, negative numbers and the past do not spend the retries at once."""
    fetch(partner_center(Answer(status=503, headers={"Retry-After": after})))
    assert len(waits) == 1
    assert 0.5 <= waits[0] <= 1


def test_the_gateways_sentence_is_read(partner_center, waits):
    """The gateway states the time in its message too; the header weighs more."""
    body = b'{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}'
    fetch(partner_center(Answer(body, 429), Answer(body, 429, headers={"Retry-After": "5"})))
    assert waits == [57, 5]
    error = failure(partner_center(*[Answer(body, 429)] * 4))
    assert error.retry_after == 57
    assert error.message.endswith(": Rate limit is exceeded. Try again in 57 seconds.")


# --- tokens


def test_a_refused_token_is_renewed_once(partner_center):
    """After a 401 the credential is asked again, and another token is tried."""
    service = partner_center(Answer(b"", 401))
    credential = Rotating("stale-token", TOKEN)
    fetch_invoice_summaries(Session(service.cloud, credential))
    sent = [request.headers["Authorization"] for request in service.requests]
    assert sent == ["Bearer stale-token", f"Bearer {TOKEN}"]
    assert len({request.headers["MS-RequestId"] for request in service.requests}) == 1


def test_the_same_token_is_not_sent_twice(partner_center):
    """A credential with nothing new to give ends the call."""
    service = partner_center(Answer(b"", 401))
    credential = Rotating(TOKEN)
    assert (
        failure_of(
            fetch_invoice_summaries, Session(service.cloud, credential), ServiceError
        ).status_code
        == 401
    )
    assert (credential.asked, len(service.requests)) == (2, 1)


def test_a_renewed_token_is_not_renewed_again(partner_center):
    """A second 401 is final, however many tokens there are."""
    service = partner_center(*[Answer(b"", 401)] * 3)
    credential = Rotating("one", "two", TOKEN)
    assert (
        failure_of(
            fetch_invoice_summaries, Session(service.cloud, credential), ServiceError
        ).status_code
        == 401
    )
    assert (credential.asked, len(service.requests)) == (2, 2)


def test_renewing_is_none_of_the_three_retries(partner_center, waits):
    """Three faults and a 401 between them are got over."""
    fault = Answer(status=503)
    service = partner_center(fault, Answer(b"", 401), fault, fault)
    fetch_invoice_summaries(Session(service.cloud, Rotating("one", TOKEN)))
    assert len(service.requests) == 5
    assert len(waits) == 3


def test_a_credential_that_fails_to_renew(partner_center):
    """Its reason is told rather than the 401."""
    service = partner_center(Answer(b"", 401))
    error = failure_of(
        fetch_invoice_summaries,
        Session(service.cloud, Rotating(TOKEN, RuntimeError("AADSTS700082"))),
        SignInError,
    )
    assert "AADSTS700082" in error.message


def test_without_a_token_nothing_is_sent(partner_center):
    """A failing credential ends the call before it begins."""
    service = partner_center()
    failed(Session(service.cloud, Rotating(RuntimeError("no"))), SignInError)
    assert service.requests == []


# --- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_redirect_on_the_same_host_is_followed(partner_center, status, absolute):
    """The token goes along, and the ids stay."""
    service = partner_center()
    location = "/v1/elsewhere?x=1" if not absolute else f"{service.url}/v1/elsewhere?x=1"
    service.steps.append(Answer(b"", status, headers={"Location": location}))
    fetch(service)
    first, second = service.requests
    assert second.path == "/v1/elsewhere?x=1"
    for name in ("Authorization", "MS-RequestId", "MS-CorrelationId"):
        assert first.headers[name] == second.headers[name]


def test_three_redirects_are_followed(partner_center):
    """A fourth is refused: they may go round in circles."""
    onward = Answer(b"", 302, headers={"Location": "/round"})
    assert fetch(partner_center(*[onward] * 3)).body == SUMMARIES
    service = partner_center(*[onward] * 4)
    assert "more than 3 redirects" in failure(service).message
    assert len(service.requests) == 4


def test_a_redirect_without_an_address_is_a_refusal(partner_center):
    """There is nowhere to go."""
    assert failure(partner_center(Answer(b"", 302))).status_code == 302


@pytest.mark.parametrize(
    "form",
    [
        "http://127.0.0.1:{other}/v1/invoices/summaries",
        "//127.0.0.1:{other}/",
        "http://localhost:{here}/",
        "https://127.0.0.1:{here}/",
        "http://127.0.0.1:{here}@127.0.0.1:{other}/",
        "http://127.0.0.1:{other}\\@127.0.0.1:{here}/",
        "http://login.example/{token}?{token}",
        "http://{token}.example/",
        "http://127.0.0.1:{other}x/",
        "http://[::1/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_elsewhere_is_refused(partner_center, waits, form):
    """The token goes to no other scheme, host or port, however the address is written."""
    service, other = partner_center(), partner_center()
    location = form.format(here=service.port, other=other.port, token=TOKEN)
    service.steps.append(Answer(b"", 302, headers={"Location": location}))
    error = failure(service)
    assert "which was not followed" in error.message
    assert error.status_code == 302
    assert "api address" in error.remedy
    assert TOKEN.lower() not in str(error).lower()  # a host is compared in lower case
    assert len(service.requests) == 1
    assert other.requests == []


def test_the_host_of_a_refused_redirect_is_named(partner_center):
    """Which page stands between is what the network's people need to know."""
    location = "https://guest.example:8443/login?session=1"
    error = failure(partner_center(Answer(b"", 302, headers={"Location": location})))
    assert "a redirect to https://guest.example:8443, which" in error.message


# --- the network


@pytest.mark.parametrize(
    "answer",
    [
        Answer(reset=True),
        Answer(stop_after=0),
        Answer(stop_after=1000),
        Answer(chunks=500, stop_after=1000),
        Answer(b"", 429, headers={"Content-Length": "9"}, stop_after=0),
    ],
    ids=["reset", "no body", "half a body", "half the chunks", "half a refusal"],
)
def test_a_broken_answer_is_retried(partner_center, waits, answer):
    """An answer that breaks off is asked for again, three times."""
    assert fetch(partner_center(*[answer] * 3)).body == SUMMARIES
    service = partner_center(*[answer] * 4)
    error = failure(service, NetworkError)
    assert "No answer from 127.0.0.1 for 'Contoso': the connection broke off" in error.message
    assert error.request_id == service.requests[0].headers["MS-RequestId"]
    assert error.status_code is None
    assert len(service.requests) == 4
    assert len(waits) == 6


def test_a_network_failure_without_partner(waits):
    """Without a partner the message does without one."""
    cloud = Cloud("own", "Own", "https://localhost", f"http://127.0.0.1:{unused_port()}")
    error = failed(Session.from_token(cloud, TOKEN), NetworkError)
    assert error.message.startswith("No answer from 127.0.0.1: ")


@pytest.mark.parametrize("chunks", [None, 100], ids=["stalled", "stalled between chunks"])
def test_a_stalled_answer_times_out(partner_center, waits, chunks):
    """Waiting ends after the read time-out, and is retried."""
    stalled = Answer(delay=30) if chunks is None else Answer(chunks=chunks, drip=30)
    assert fetch(partner_center(stalled), timeout=QUICK).body == SUMMARIES
    error = failure(partner_center(*[stalled] * 4), NetworkError, timeout=QUICK)
    assert "reading timed out with timeout=(1, 0.15)" in error.message
    assert "allow more seconds" in error.remedy


def test_one_timeout_serves_for_both(partner_center, waits):
    """A single number is the connect and the read time-out."""
    error = failure(partner_center(*[Answer(delay=30)] * 4), NetworkError, timeout=0.15)
    assert "timeout=0.15" in error.message


def test_garbage_in_place_of_gzip_is_retried(partner_center, waits):
    """A body that cannot be decompressed is a broken one."""
    damaged = Answer(headers={"Content-Encoding": "gzip"})
    assert fetch(partner_center(damaged)).body == SUMMARIES
    error = failure(partner_center(*[damaged] * 4), NetworkError)
    assert "could not be decompressed" in error.message


def test_an_answer_that_contradicts_itself(partner_center, waits):
    """What has no name of its own is told by the kind of the error."""
    service = partner_center(Answer(headers={"Content-Length": "5, 6"}))
    error = failure(service, NetworkError)
    assert (
        error.message
        == "No answer from 127.0.0.1 for 'Contoso': the request failed (InvalidHeader)."
    )
    assert waits == []


def unused_port():
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_refused_connection(waits):
    """Nobody listening is told with the host, after three retries."""
    cloud = Cloud("own", "Own", "https://localhost", f"http://127.0.0.1:{unused_port()}")
    error = failure(cloud, NetworkError)
    assert "the connection was refused" in error.message
    assert len(waits) == 3


def test_a_name_that_does_not_resolve(monkeypatch, waits):
    """A host without an address is named, with the resolver's word for it."""

    def unresolved(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    cloud = Cloud("own", "Own", "https://localhost", "https://api.partner.test")
    error = failure(cloud, NetworkError)
    assert error.message == (
        "No answer from api.partner.test for 'Contoso': its name could not be resolved"
        " (Name or service not known)."
    )
    assert len(waits) == 3


def test_an_unreachable_network(monkeypatch, waits):
    """Whatever else the system says is passed on."""

    def unreachable(*_args, **_options):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    cloud = Cloud("own", "Own", "https://localhost", "https://api.partner.test")
    error = failure(cloud, NetworkError)
    assert "the connection failed (Network is unreachable)" in error.message


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog drops connections on Linux")
def test_a_connection_that_is_not_accepted(waits):
    """Connecting times out by itself, and is told apart from reading."""
    with ExitStack() as open_sockets:
        server = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = open_sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        port = server.getsockname()[1]
        cloud = Cloud("own", "Own", "https://localhost", f"http://127.0.0.1:{port}")
        error = failure(cloud, NetworkError, timeout=(0.1, 5))
    assert "connecting timed out with timeout=(0.1, 5)" in error.message
    assert len(waits) == 3


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs a signal to a thread")
def test_an_interrupt_while_waiting_shows_no_token(partner_center):
    """Stopping the cell leaves no frame behind that holds the token."""
    main = threading.main_thread().ident

    def interrupt():
        signal.pthread_kill(main, signal.SIGINT)

    service = partner_center(Answer(before=interrupt, delay=30))
    failure(service, KeyboardInterrupt)


# --- TLS and proxies


def test_an_authority_named_in_the_environment_is_trusted(
    partner_center, tls, authority_file, monkeypatch
):
    """REQUESTS_CA_BUNDLE lets a company's own certificate authority be trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))
    service = partner_center(tls=tls)
    assert service.cloud.api.startswith("https:")
    assert fetch(service).body == SUMMARIES


def test_an_unknown_authority_is_refused_at_once(partner_center, tls, waits):
    """The token is not sent past a certificate that is not trusted, and nothing is retried."""
    service = partner_center(tls=tls)
    error = failure(service, NetworkError)
    assert "its certificate is not trusted (unable to get local issuer" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.remedy
    assert service.requests == []
    assert waits == []


def test_a_certificate_of_another_host_is_refused(
    partner_center, authority, authority_file, monkeypatch
):
    """A trusted certificate for another name is no better."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))
    elsewhere = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.test").configure_cert(elsewhere)
    service = partner_center(tls=elsewhere)
    error = failure(service, NetworkError)
    assert "its certificate is not trusted" in error.message
    assert service.requests == []


@pytest.mark.parametrize("content", [None, "not a certificate"], ids=["missing", "garbage"])
def test_a_bundle_that_cannot_be_read(partner_center, tls, tmp_path, monkeypatch, waits, content):
    """A wrong REQUESTS_CA_BUNDLE is told, and not retried."""
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    error = failure(partner_center(tls=tls), NetworkError)
    assert "REQUESTS_CA_BUNDLE" in error.remedy
    assert waits == []


def test_https_asked_of_a_plain_server(partner_center, waits):
    """A server that does not speak TLS is told at once."""
    cloud = Cloud("own", "Own", "https://localhost", f"https://127.0.0.1:{partner_center().port}")
    error = failure(cloud, NetworkError)
    assert "TLS could not be set up" in error.message
    assert waits == []


def test_a_handshake_that_breaks_off_is_retried(waits):
    """A connection closed during the TLS handshake may be better the next time."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            for _ in range(4):
                with server.accept()[0] as connection:
                    connection.recv(10_000)

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = server.getsockname()[1]
        error = failure(
            Cloud("own", "Own", "https://localhost", f"https://127.0.0.1:{port}"), NetworkError
        )
        thread.join(5)
    assert "the connection broke off" in error.message
    assert len(waits) == 3


def test_a_redirect_from_https_to_http_is_refused(partner_center, tls, authority_file, monkeypatch):
    """The token is not sent in the clear, not even to the same host and port."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))
    service = partner_center(tls=tls)
    location = f"http://127.0.0.1:{service.port}/v1/invoices/summaries"
    service.steps.append(Answer(b"", 301, headers={"Location": location}))
    assert "a redirect to http://127.0.0.1" in failure(service).message
    assert len(service.requests) == 1


def test_a_proxy_is_used_and_not_told_the_token(partner_center, tls, authority_file, monkeypatch):
    """HTTPS_PROXY is honoured: the proxy is asked for the host, and TLS goes through it."""
    onward = Answer(b"", 302, headers={"Location": "https://api.partner.test:443/onward"})
    proxy = partner_center(Answer(), onward, tls=tls)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    cloud = Cloud("own", "Own", "https://localhost", "https://api.partner.test")
    session = Session.from_token(cloud, TOKEN)
    assert fetch_invoice_summaries(session).body == SUMMARIES
    connect, get, same_port = proxy.requests
    assert (connect.method, connect.path) == ("CONNECT", "api.partner.test:443")
    assert TOKEN not in str(connect.headers)
    assert get.headers["Authorization"] == f"Bearer {TOKEN}"
    assert same_port.path == "/onward"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_plain_http_goes_to_no_proxy(partner_center, monkeypatch, variable, scheme):
    """To this machine the token travels in the clear, so it does not leave it."""
    service, proxy = partner_center(), partner_center()
    monkeypatch.setenv(variable, proxy.url)
    cloud = Cloud("own", "Own", "https://localhost", f"{scheme}://127.0.0.1:{service.port}")
    fetch_invoice_summaries(Session.from_token(cloud, TOKEN))
    assert len(service.requests) == 1
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        (
            "http://127.0.0.1:{refusing}",
            "the proxy cannot be reached or refused to connect (Tunnel connection failed: 407",
        ),
        ("http://127.0.0.1:{unused}", "the proxy cannot be reached or refused to connect"),
        ("socks5://127.0.0.1:{unused}", "the proxy that the environment names cannot be used"),
        ("ftp://127.0.0.1:{unused}", "the proxy that the environment names cannot be used"),
        ("http://:1", "the proxy that the environment names cannot be used"),
    ],
)
def test_a_failing_proxy_is_told(partner_center, monkeypatch, waits, proxy, told):
    """The proxy, not the service, is named as what failed."""
    refusing = partner_center(*[Answer(status=407)] * 4)
    address = proxy.format(refusing=refusing.port, unused=unused_port())
    monkeypatch.setenv("HTTPS_PROXY", address)
    cloud = Cloud("own", "Own", "https://localhost", "https://api.partner.test")
    error = failure(cloud, NetworkError)
    assert told in error.message
    assert "HTTPS_PROXY" in error.remedy
    assert len(waits) == (0 if "cannot be used" in told else 3)


# --- the sweep itself


def test_the_sweep_would_find_a_token(partner_center):
    """What requests raises by itself does show the token: in a frame, and in its request."""
    service = partner_center(Answer(reset=True))
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get(service.url, headers={"Authorization": TOKEN}, timeout=5)
    assert TOKEN in shown(caught.value)
    with pytest.raises(ServiceError) as told:
        raise ServiceError("Told.") from caught.value.with_traceback(None)
    assert TOKEN in shown(told.value)


# --- the token, escaped


def escaped(text: str, form: str) -> str:
    """Return a text as JSON may escape it."""
    hexadecimal = {
        "all": lambda number, each: f"\\u{ord(each):04x}",
        "capitals": lambda number, each: f"\\u{ord(each):04X}",
        "every second": lambda number, each: f"\\u{ord(each):04x}" if number % 2 else each,
        "twice": lambda number, each: f"\\\\u{ord(each):04x}",
        "punctuation": lambda number, each: f"\\{each}" if each in "/." else each,
    }[form]
    return "".join(hexadecimal(number, each) for number, each in enumerate(text))


FORMS = ["all", "capitals", "every second", "twice", "punctuation"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "body",
    [
        '{{"code": "1", "description": "{}"}}',
        '{{"code": "{}", "description": "no"}}',
        '{{"message": "before {} and {plain} after"}}',
        '{{"error": {{"inner": "{}"}}}}',
        '["{}"]',
        "no JSON: {}",
        "<html><title>{}</title>",
    ],
)
def test_a_refusal_repeats_no_escaped_token(partner_center, waits, form, body):
    """Hidden after decoding, and before it is cut."""
    content = body.format(escaped(TOKEN, form), plain=TOKEN).encode()
    error = failure(partner_center(*[Answer(content, 403)] * 4))
    shown_text = str(error) + repr(vars(error))
    assert TOKEN not in shown_text
    assert escaped(TOKEN, form)[:60] not in shown_text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("field", ["currencySymbol", "currencyCode", "invoiceType", "unknown"])
def test_a_body_with_an_escaped_token_is_not_kept(partner_center, form, field):
    """It would be decoded into a frame, a report, a file."""
    body = f'{{"items": [{{"currencyCode": "EUR", "{field}": "a\\n{escaped(TOKEN, form)}"}}]}}'
    error = failure(partner_center(Answer(body.encode())), PayloadError)
    assert "repeats the access token" in error.message


def test_escapes_without_a_token_are_kept(partner_center):
    """A currency's symbol is often escaped, and stays as it was sent."""
    body = b'{"items": [{"currencyCode": "EUR", "currencySymbol": "\\u20ac\\/\\u0041"}]}'
    assert fetch(partner_center(Answer(body))).body == body


def test_a_token_in_another_header_is_not_shown(partner_center):
    """What the service says of MFA is printed by doctor."""
    service = partner_center(Answer(headers={"isMfaCompliant": TOKEN}))
    _, compliant = ask_once(Session.from_token(service.cloud, TOKEN), timeout=5)
    assert compliant == "[token]"
