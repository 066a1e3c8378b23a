"""List, add and remove profiles."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from pcnotebooks.cli.options import Cloud
from pcnotebooks.cli.printing import show, show_table

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


def list_profiles() -> None:
    """List the profiles: name, cloud, tenant, client id, partner, cache and sign-in method."""
    from pcnotebooks.session.settings import load_profiles, profiles_file

    rows = []
    for name, stored in load_profiles().items():
        cloud = stored.get("cloud", "")
        cloud = cloud.get("name", "") if isinstance(cloud, dict) else cloud
        rows.append([name, cloud, *(stored.get(key, "") for key in _KEYS)])
    if not rows:
        show(f"There is no profile in {profiles_file()} yet. Add one: pcnotebooks profile add")
        return
    show_table([["name", "cloud", *(key.replace("_", " ") for key in _KEYS)], *rows])


_KEYS = ("tenant", "client_id", "partner", "cache", "method")


def add_profile(
    name: _Name,
    *,
    client_id: Annotated[
        str, typer.Option(metavar="ID", help="The application id of your app registration.")
    ],
    tenant: Annotated[
        str, typer.Option(metavar="TENANT", help="The partner's directory id or domain.")
    ],
    cloud: Cloud = None,
    partner: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The partner's name in all output.")
    ] = None,
    cache: Annotated[
        str | None, typer.Option(metavar="NAME", help="encrypted, plain or memory.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How to sign in, such as browser or client_secret."),
    ] = None,
) -> None:
    """Add a profile to profiles.toml; the rest of that file is kept, comments included.

    Profiles hold no secrets; for an app without a user, a profile can name where the secret is.
    """
    from pcnotebooks.session.profiles import add

    given = {"client_id": client_id, "tenant": tenant, "cloud": cloud, "partner": partner}
    given |= {"cache": cache, "method": method}
    path = add(name, **{key: value for key, value in given.items() if value})
    show(f"Added {name} to {path}.")
    show(f"Sign in: pcnotebooks sign-in --profile {shlex.quote(name)}")


def remove_profile(name: _Name) -> None:
    """Remove a profile from profiles.toml; its cached sign-in is kept until sign-out."""
    from pcnotebooks.session.profiles import remove

    show(f"Removed {name} from {remove(name)}.")


def path() -> None:
    """Print the path of profiles.toml, even if there is no such file yet."""
    from pcnotebooks.session.settings import profiles_file

    show(profiles_file())
