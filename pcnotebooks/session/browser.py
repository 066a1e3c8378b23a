"""The address on this machine to which a browser brings back the answer of a sign-in."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

_PAGE = b"<!DOCTYPE html><title>pcnotebooks</title><p>You may close this page."


class Redirect:
    """Listens on loopback alone: msal's own listens on every interface inside a container."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """What Entra knows as http://localhost, with any port."""
        return f"http://localhost:{self._server.server_port}"

    def wait(self, state: str, seconds: float) -> dict[str, str]:
        """Return the answer to the sign-in of that state, or the error that none came in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._server.timeout = min(left, 1)
            self._server.handle_request()
            if self._server.answer.get("state") == state:
                return self._server.answer
        return {"error": "timeout"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.server_close()


class _Server(HTTPServer):
    answer: dict[str, str] = {}  # noqa: RUF012  replaced, never changed


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # a browser that opens a connection ahead of its need holds up nothing

    def do_POST(self) -> None:
        size = min(int(self.headers.get("Content-Length") or 0), 2**16)
        self.server.answer = dict(parse_qsl(self.rfile.read(size).decode("utf-8", "replace")))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in http.server
        """Keep silent: what comes here is a secret."""
