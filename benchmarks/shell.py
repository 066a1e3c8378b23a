"""Commands as whole processes: figures, profiles, and the snapshots of a scheduler."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from unittest.mock import patch

import trustme

from benchmarks.paired import PYTHON, Goal, Row, code, paired, process, show
from pcnotebooks import sign_in
from pcnotebooks.session.settings import profiles_file
from tests.services.browser import visit
from tests.services.identity_provider import CLIENT_ID, TENANT, IdentityProvider, signing_key
from tests.services.partner_center import INVOICES, SUMMARIES, Answer, PartnerCenter

_COMMAND = Path(PYTHON).with_name("pcnotebooks")
_PROFILES = 20
_LATENCY = 0.3
_ANSWERS = (_PROFILES + 1) * 9  # of each resource, for nine rounds at most
# What a command cannot go without: typer itself loads more when a command has an option.
_EMPTY = """
import {}
import typer
app = typer.Typer(pretty_exceptions_enable=False)
@app.command()
def empty(name: str = ""):
    pass
app()
"""
_LISTS, _FIGURES = "platformdirs, tomllib", "pandas, msgspec, babel.numbers, babel.dates"


def rows() -> Iterator[Row]:
    """Measure commands against what they cannot go without."""
    yield paired(
        "pcnotebooks balances --sample", process(_COMMAND, "balances", "--sample"),
        f"an empty command of typer, import {_FIGURES}", code(_EMPTY.format(_FIGURES)),
        goal=Goal("ratio", 1.2),
    )  # fmt: skip
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        names = _profiles(folder, running)
        yield paired(
            f"pcnotebooks profile list, {_PROFILES} profiles", process(_COMMAND, "profile", "list"),
            f"an empty command of typer, import {_LISTS}", code(_EMPTY.format(_LISTS)),
            goal=Goal("ratio", 1.2), rounds=11,
        )  # fmt: skip
        runs = count()

        def snapshot(*profiles: str) -> None:
            options = [part for name in profiles for part in ("--profile", name)]
            process(_COMMAND, "snapshot", *options, "--history", folder / f"{next(runs)}")()

        yield paired(
            f"pcnotebooks snapshot of {_PROFILES} profiles, {_LATENCY * 1000:.0f} ms of latency",
            lambda: snapshot(*names), "of one profile", lambda: snapshot(names[0]), rounds=5,
        )  # fmt: skip


def _profiles(folder: Path, running: ExitStack) -> list[str]:
    """Store profiles of services on this machine, sign in, and return their names."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    settings = {
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "PCNOTEBOOKS_CACHE": "plain",
        "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
    }
    running.enter_context(patch.dict(os.environ, settings))
    provider = running.enter_context(IdentityProvider(context))
    answers, lists = ([Answer(body, delay=_LATENCY)] * _ANSWERS for body in (SUMMARIES, INVOICES))
    service = running.enter_context(
        PartnerCenter(*answers, lists=lists, tls=context, key=signing_key())
    )
    names = [f"partner{number}" for number in range(_PROFILES)]
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        "".join(
            f'[{name}]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\npartner = "{name}"\n'
            f'cloud = {{name = "own", authority = "{provider.url}", api = "{service.url}"}}\n'
            for name in names
        ),
        "utf-8",
    )
    sign_in(
        profile=names[0], prompt=lambda shown: visit(shown.url, "approve", user_code=shown.code)
    )
    return names


if __name__ == "__main__":
    show(rows())
