"""A Partner Center on loopback that answers what it is told to, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from pcnotebooks.clouds import Cloud
from pcnotebooks.payload.sample import sample_payload
from tests.builders import invoice, listed

SUMMARIES = sample_payload().body
INVOICES = sample_payload("invoices").body


def pdf(text: str = "Invoice") -> bytes:
    """Return a PDF of one page with a line of text."""
    content = f"BT /F 24 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<</Type /Catalog /Pages 2 0 R>>",
        "<</Type /Pages /Kids [3 0 R] /Count 1>>",
        "<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 5 0 R>>",
        f"<</Length {len(content)}>>\nstream\n{content}\nendstream",
        "<</Font <</F <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>>>>>",
    ]
    written, places = "%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(f"{len(written):010} 00000 n \n")
        written += f"{number} 0 obj\n{each}\nendobj\n"
    table = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{''.join(places)}"
    trailer = f"trailer\n<</Size {len(places) + 1} /Root 1 0 R>>\nstartxref\n{len(written)}\n"
    return f"{written}{table}{trailer}%%EOF\n".encode()


@dataclass(frozen=True)
class Request:
    """What was asked. Header names are found in any case."""

    method: str
    path: str
    headers: Message


@dataclass(frozen=True)
class Answer:
    """What to answer: by itself the documented example, as the service sends it.

    Parameters
    ----------
    body, status, reason, headers
        The answer; None leaves out a header that stands by default: ``Content-Length`` and the
        two echoed ids.
    delay
        Seconds between head and body.
    chunks
        Send the body chunked, so many bytes at a time.
    drip
        Seconds between these chunks.
    stop_after
        Close the connection after so many bytes of the body (or of its chunked form).
    reset
        Close the connection without any answer, with RST.
    before
        Called before anything is sent.
    """

    body: bytes = SUMMARIES
    status: int = 200
    reason: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    delay: float = 0
    chunks: int | None = None
    drip: float = 0
    stop_after: int | None = None
    reset: bool = False
    before: Callable[[], object] | None = None


Step = Answer | Callable[[Request], Answer]


def pages(count: int, size: int, **fields: Any) -> list[Answer]:
    """Return a list of so many invoices in pages, each of which links to the next.

    The links have the two forms that are known: an offset, and a header with a token.
    """
    starts = list(range(0, count, size))
    answers = []
    for number, start in enumerate(starts, 1):
        items = [invoice(f"D{place:06}", 1.25) for place in range(start, min(start + size, count))]
        headers = [{"key": "MS-ContinuationToken", "value": f"token of page {number + 1}"}]
        link = {"uri": f"/invoices?size={size}&offset={start + size}", "method": "GET"}
        links = {} if start == starts[-1] else {"next": {**link, "headers": headers}}
        answers.append(Answer(listed(*items, links=links, **fields)))
    return answers


class PartnerCenter:
    """The running service; a context manager.

    Parameters
    ----------
    *steps
        One for each request: an answer, or a function from the request to an answer. After the
        last one every answer is the documented example of the resource that is asked for.
    lists
        The steps of requests for the list of invoices; these take none of `steps` then. Two
        resources that are asked for at once come in no certain order.
    pdfs
        The same for requests for a PDF of an invoice or of a receipt. By itself the answer is a
        PDF that is called JSON, as the documentation has it.
    tls
        Context of a server certificate; plain http without. With one, the service is also a
        proxy for https that answers in place of whatever host is asked for.
    key
        The public key of an identity provider. With one, a request takes its step only with a
        bearer that this key signed, for this service and not expired; any other gets a 401.
    """

    def __init__(
        self,
        *steps: Step,
        lists: Iterable[Step] | None = None,
        pdfs: Iterable[Step] | None = None,
        tls: ssl.SSLContext | None = None,
        key: RSAKey | None = None,
    ) -> None:
        self.steps = deque(steps)
        self.lists = None if lists is None else deque(lists)
        self.pdfs = None if pdfs is None else deque(pdfs)
        self.key = key
        self.requests: list[Request] = []
        self.sent = 0  # bytes of bodies
        self.closing = threading.Event()
        self.tls = tls
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        """The port that the system chose."""
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def cloud(self) -> Cloud:
        """A cloud whose api it is."""
        return Cloud("stand-in", "Stand-in", "https://localhost", self.url)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()  # ends the waiting of stalled answers
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_answer(self, request: Request) -> Answer:
        """Remember a request and take the next step."""
        self.requests.append(request)
        if self.key and (wrong := self._wrong_with(request.headers["Authorization"] or "")):
            return Answer(json.dumps({"message": wrong}).encode(), status=401)
        path = request.path.partition("?")[0]
        own, usual = None, Answer()
        if path == "/v1/invoices":
            own, usual = self.lists, Answer(INVOICES)
        elif path.endswith("/documents/statement"):
            own, usual = self.pdfs, Answer(pdf(path))
        steps = self.steps if own is None else own
        step = steps.popleft() if steps else usual
        return step if isinstance(step, Answer) else step(request)

    def _wrong_with(self, authorization: str) -> str | None:
        """Return what is wrong with a bearer, as the service would see it."""
        rules = jwt.JWTClaimsRegistry(
            aud={"essential": True, "value": self.url}, exp={"essential": True}
        )
        try:
            token = jwt.decode(authorization.removeprefix("Bearer "), self.key, ["RS256"])
            rules.validate(token.claims)
        except (JoseError, ValueError) as error:
            return f"Unauthorized: {error}"
        return None


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def __init__(self, service: PartnerCenter) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client that goes away go; anything else is a fault of the stand-in."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    connection: socket.socket

    def setup(self) -> None:
        self._upgrade()
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # the socket under TLS is not the one that the server closes

    def do_GET(self) -> None:
        request = Request(self.command, self.path, self.headers)
        answer = self.server.service.next_answer(request)
        if answer.before:
            answer.before()
        if answer.reset:
            self._reset()
            return
        body = answer.body
        if answer.chunks:
            size = answer.chunks
            pieces = [body[start : start + size] for start in range(0, len(body), size)]
            parts = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""]]
        else:
            parts = [body]
        self._send_head(answer)
        self.server.service.closing.wait(answer.delay)
        left = len(body) * 9 if answer.stop_after is None else answer.stop_after
        for part in parts:
            self.wfile.write(part[:left])
            self.server.service.sent += len(part[:left])
            left -= len(part)
            self.server.service.closing.wait(answer.drip)

    def do_CONNECT(self) -> None:
        answer = self.server.service.next_answer(Request(self.command, self.path, self.headers))
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.close_connection = False  # http.client asks in HTTP/1.0
        self._upgrade()
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def _send_head(self, answer: Answer) -> None:
        framing = (
            {"Transfer-Encoding": "chunked"}
            if answer.chunks
            else {"Content-Length": str(len(answer.body))}
        )
        echoed = {name: self.headers[name] for name in ("MS-RequestId", "MS-CorrelationId")}
        headers = {"Content-Type": "application/json", **framing, **echoed, **answer.headers}
        self.send_response_only(answer.status, answer.reason)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if answer.stop_after is not None or headers.get("Content-Length", "") is None:
            self.close_connection = True

    def _upgrade(self) -> None:
        """Speak TLS where the client does, from its first byte or after CONNECT."""
        tls = self.server.service.tls
        if tls and self.request.recv(1, socket.MSG_PEEK) == b"\x16":
            self.request = self.connection = tls.wrap_socket(self.request, server_side=True)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in http.server
        """Keep silent."""
