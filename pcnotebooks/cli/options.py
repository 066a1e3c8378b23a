"""Define options that several commands share, checked when they are parsed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from pcnotebooks.clouds import SAMPLE, get_cloud
from pcnotebooks.errors import ConfigurationError


def _cloud(name: str | None) -> str | None:
    """Refuse an unknown cloud before any file is read or any call is made."""
    if name is not None:
        try:
            get_cloud(name)
        except ConfigurationError as error:
            raise typer.BadParameter(
                f"{error.message} Choose global, us_government or china."
            ) from None
    return name


def _cloud_of_figures(name: str | None) -> str | None:
    """Do the same, but also accept the sample data's cloud and the custom clouds of profiles."""
    if name is None or name == SAMPLE.name:
        return name
    from pcnotebooks.session.settings import load_profiles

    own = [stored.get("cloud") for stored in load_profiles().values()]
    return (
        name
        if name in [each.get("name") for each in own if isinstance(each, dict)]
        else _cloud(name)
    )


def _day(text: str | None) -> str | None:
    if text is not None:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise typer.BadParameter(
                f"{text!r} is not a day. Write year, month and day as in 2018-03-16."
            ) from None
    return text


def _days(number: int) -> int:
    if not 0 <= number <= 3650:
        raise typer.BadParameter(f"{number} is not a number of days from 0 to 3650.")
    return number


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time. Write it as in 2018-03-16T12:00:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


Cloud = Annotated[
    str | None,
    # Eager, so that a wrong cloud is reported first.
    typer.Option(
        metavar="NAME", is_eager=True, callback=_cloud, help="global, us_government or china."
    ),
]
CloudOfFigures = Annotated[
    str | None,
    typer.Option(
        "--cloud",
        metavar="NAME",
        is_eager=True,
        callback=_cloud_of_figures,
        help="Only this cloud; also the cloud to sign in to, and that of raw answers.",
    ),
]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="A profile of profiles.toml.")]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME", help="A profile of profiles.toml; repeatable."),
]
Sample = Annotated[bool, typer.Option("--sample", help="Use the sample data.")]
Saved = Annotated[
    list[Path] | None,
    typer.Option(
        "--payload",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A saved payload, or a raw answer with --cloud; repeatable.",
    ),
]
MoreSaved = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="More saved payloads."),
]
RetrievedAt = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        callback=_moment,
        help="When raw answers were fetched (ISO 8601, UTC); default: the file's time.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", dir_okay=False, help="The file to write; - prints it."
    ),
]
Location = Annotated[
    str | None, typer.Option("--history", metavar="LOCATION", help="A folder or URL.")
]
Partners = Annotated[
    list[str] | None,
    typer.Option("--partner", metavar="NAME", help="Only this partner; repeatable."),
]
PartnersOfFigures = Annotated[
    list[str] | None,
    typer.Option(
        "--partner",
        metavar="NAME",
        help="Only this partner, repeatable; also the partner of raw answers.",
    ),
]
Currencies = Annotated[
    list[str] | None,
    typer.Option("--currency", metavar="CODE", help="Only this currency; repeatable."),
]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="First day (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Last day (UTC).")]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="DATE",
        callback=_day,
        help="Show the figures known at the end of this day (UTC), from kept payloads.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="DATE",
        callback=_day,
        help="Count days from this day (UTC), as in 2018-03-16; default: the day of retrieval.",
    ),
]
Terms = Annotated[
    int,
    typer.Option(metavar="DAYS", callback=_days, help="Payment terms, in days from the invoice."),
]
Invoices = Annotated[
    bool, typer.Option("--invoices", help="Show new, paid and voided invoices instead of balances.")
]
Unexplained = Annotated[
    bool,
    typer.Option("--unexplained", help="Only unexplained movements; exit code 1 if there are any."),
]
