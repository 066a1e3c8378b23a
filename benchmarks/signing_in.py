"""How long a cancelled sign-in still lasts: from Cancel to the error, msal polling all the while.

Against the tests' identity provider on this machine.
"""

from __future__ import annotations

import os
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import trustme

from benchmarks.paired import Row, show
from pcnotebooks import SignInError
from pcnotebooks.session.device_code import begin_sign_in
from pcnotebooks.session.settings import Settings, resolve
from tests.services.identity_provider import CLIENT_ID, TENANT, IdentityProvider

_RUNS = 9


def rows() -> Iterator[Row]:
    """Measure some sign-ins, each cancelled at another moment."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with tempfile.TemporaryDirectory() as folder, IdentityProvider(context) as provider:
        bundle = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
        provider.interval = 5  # as Entra asks for
        settings = resolve(provider.cloud(), client_id=CLIENT_ID, tenant=TENANT)
        taken = [_cancelled_after(settings, run) * 1000 for run in range(_RUNS)]
    yield Row("cancelling a sign-in", taken)


def _cancelled_after(settings: Settings, run: int) -> float:
    started = begin_sign_in(settings)
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.perf_counter())
        started.cancel()

    # At different moments of msal's second-long naps.
    threading.Timer(0.4 + run / _RUNS, press).start()
    try:
        started.wait()
    except SignInError as error:
        if error.code == "cancelled":
            return time.perf_counter() - pressed[0]
    raise SystemExit("the sign-in was not cancelled")


if __name__ == "__main__":
    show(rows())
