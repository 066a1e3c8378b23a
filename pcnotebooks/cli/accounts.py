"""Sign in and out, list cached sign-ins, and check the setup."""

from __future__ import annotations

from typing import Annotated

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import Cloud, Profile
from pcnotebooks.cli.printing import say_error, show, show_table

_METHOD = typer.Option(
    metavar="NAME", help="device_code, browser, client_secret, certificate or workload_identity."
)


def sign_in(
    *,
    profile: Profile = None,
    cloud: Cloud = None,
    method: Annotated[str | None, _METHOD] = None,
    cache: Annotated[str | None, typer.Option(metavar="NAME", help="encrypted or plain.")] = None,
) -> None:
    """Sign in and cache the sign-in, encrypted unless configured otherwise.

    The client id and the tenant come from the profile, or from PCNOTEBOOKS_CLIENT_ID and
    PCNOTEBOOKS_TENANT.
    """
    from pcnotebooks.session.session import username
    from pcnotebooks.session.settings import load_profile, resolve

    if cache == "memory":
        raise typer.BadParameter(
            "the cache memory would end with this command: give encrypted or plain."
        )
    usual = resolve(cloud, profile=profile, method=method)
    if usual.is_app:
        session = pc.sign_in(cloud, profile=profile, method=method)
        show(f"The app {usual.client_id} can sign in at {session.cloud.label} without a user.")
        show("Nothing is cached: each command signs in again.")
        return
    if cache is None:
        cache = "encrypted" if usual.cache == "memory" else usual.cache
    session = pc.sign_in(cloud, profile=profile, method=method, cache=cache)
    show(f"Signed in as {username(session)} at {session.cloud.label}.")
    if cache == usual.cache:
        return
    where = f"PCNOTEBOOKS_CACHE={cache}"
    if usual.profile and "cache" in load_profile(usual.profile):  # it wins over the variable
        where = f'cache = "{cache}" in the profile {usual.profile!r}'
    show(
        f"The sign-in is in the cache {cache}. Notebooks and other commands use the cache"
        f" {usual.cache} unless you set {where}."
    )


def sign_out() -> None:
    """Delete all cached sign-ins."""
    pc.sign_out()
    show("Signed out.")


def accounts() -> None:
    """List the cached sign-ins.

    If a cache cannot be read, the others are listed and the exit code is 2.
    """
    from pcnotebooks.session.token_cache import readable_accounts

    readable, unreadable = readable_accounts()
    if not readable and not unreadable:
        show("No sign-in is cached.")
    show_table(vars(account).values() for account in readable)
    for error in unreadable.values():
        say_error(error)
    raise typer.Exit(2 * bool(unreadable))


def doctor(*, cloud: Cloud = None, profile: Profile = None) -> None:
    """Check the setup step by step, up to the first call.

    The exit code is 1 if a check fails. This never asks for a sign-in, and never shows a token.
    """
    from pcnotebooks.doctor import diagnose, line

    failed = False
    for finding in diagnose(cloud, profile=profile):
        failed = failed or finding.state == "fail"
        for words in line(finding).splitlines():
            show(words)
    raise typer.Exit(failed)
