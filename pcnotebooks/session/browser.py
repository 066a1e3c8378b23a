"""Sign in with a browser on this machine, which returns the answer to a loopback address."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import webbrowser
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import parse_qsl

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.session.credential import MsalCredential
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.refusals import no_answer
from pcnotebooks.session.session import Session, session_of
from pcnotebooks.session.settings import Settings
from pcnotebooks.session.transport import checked_timeout

# Set if the kernel runs on another machine than the browser.
_REMOTE = ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "COLAB_RELEASE_TAG")
_MOST_LINES = 16
_PAGE = b"<!DOCTYPE html><title>pcnotebooks</title><p>You may close this page."


@discreet
def sign_in_by_browser(settings: Settings, *, timeout: float | None) -> Session:
    """Return the cached session, else have the user sign in with a browser.

    Raises
    ------
    ConfigurationError
        If no browser can reach this process, or the time-out is not valid.
    SignInError
        If the sign-in is refused, or not answered in time.
    """
    if timeout is not None:
        timeout = checked_timeout(timeout, pair=False)
    credential = MsalCredential(settings)
    if credential.recall():
        return session_of(credential)
    remote = [name for name in _REMOTE if os.environ.get(name)]
    try:
        webbrowser.get()
    except webbrowser.Error:
        remote.append("no browser")
    if remote:
        raise ConfigurationError(
            f"A browser cannot return to this machine ({remote[0]}): it would have to run here.",
            remedy='Use sign_in(method="device_code"), or another credential:'
            " Session(cloud, credential).",
        )

    def browse(app: Any) -> Any:
        flow = app.initiate_auth_code_flow(
            [settings.cloud.scope], redirect_uri=redirect.url, response_mode="form_post"
        )
        # The login service chooses this address, and a browser also opens files and programs.
        if not flow["auth_uri"].startswith("https://") or not flow["auth_uri"].isprintable():
            raise no_answer(settings)
        webbrowser.open(flow["auth_uri"])
        answer = redirect.wait(flow["state"], 300 if timeout is None else timeout)
        if "error" in answer:
            return answer
        return app.acquire_token_by_auth_code_flow(flow, answer)

    with _Redirect() as redirect:
        result = credential.ask(browse)
    credential.accept(result)
    return session_of(credential)


class _Redirect(ThreadingHTTPServer):
    """Listens for the browser, only on 127.0.0.1.

    msal's own listener (AuthCodeReceiver in AzureAD/microsoft-authentication-library-for-python,
    whose issue 422 asked for it) listens on 0.0.0.0 inside a container: any machine that reaches
    the container could then post an answer.

    Any program on this machine can connect; one that sends nothing delays neither the browser nor
    the time-out.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: SimpleQueue[dict[str, str]] = SimpleQueue()
        self._lines: deque[socket.socket] = deque()

    @property
    def url(self) -> str:
        """The address for the login service: Entra accepts http://localhost with any port."""
        return f"http://localhost:{self.server_port}"

    def wait(self, state: str, seconds: float) -> dict[str, str]:
        """Return the answer that has this state, or a time-out error."""
        end = time.monotonic() + seconds
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()
        try:
            while (left := end - time.monotonic()) > 0:
                with suppress(Empty):
                    answer = self.answers.get(timeout=min(left, 1))
                    # An answer with another state is forged, or from an older page.
                    if answer.get("state") == state:
                        return answer
            return {"error": "timeout"}
        finally:
            self.shutdown()
            self._end(0)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; if there are too many connections, close the oldest."""
        self._lines.append(request)
        self._end(_MOST_LINES)
        super().process_request(request, client_address)

    def _end(self, most: int) -> None:
        while len(self._lines) > most:
            with suppress(OSError):  # already closed
                self._lines.popleft().shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    server: _Redirect
    timeout = 5

    # The login service posts a form, which keeps the code out of addresses, logs and histories.
    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,5}", size):
            self.send_error(400)
            return
        form = self.rfile.read(int(size)).decode("utf-8", "replace")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_PAGE)
        self.server.answers.put(dict(parse_qsl(form)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in http.server
        """Log nothing: the request holds a secret."""
