"""The same steps from a shell."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pcnotebooks.errors import PcNotebooksError

# Anything heavy is imported by the command that needs it, so that --help and --version are quick.

app = typer.Typer(
    name="pcnotebooks",
    help="Microsoft Partner Center invoice summaries as reports and notebooks.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
_PayloadFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--payload",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A saved payload; repeatable.",
    ),
]
_MoreFiles = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="More saved payloads."),
]


_FOLDER = Path("partner-center")
_Cloud = Annotated[str | None, typer.Option(metavar="NAME", help="global, us_government or china.")]
_Profile = Annotated[str | None, typer.Option(metavar="NAME", help="A profile of profiles.toml.")]


def main() -> None:
    """Run the command line: exit code 0 done, 1 an error in words, 2 wrong usage."""
    try:
        app()
    except PcNotebooksError as error:
        _fail(error.message, error.remedy)
    except OSError as error:
        _fail(f"{error.filename or 'File'}: {error.strerror or error}", None)


def _fail(message: str, remedy: str | None) -> None:
    typer.echo(f"Error: {' '.join(message.split())}", err=True)
    if remedy:
        typer.echo(" ".join(remedy.split()), err=True)
    sys.exit(1)


@app.callback(invoke_without_command=True)
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from pcnotebooks import __version__  # noqa: PLC0415

        typer.echo(f"pcnotebooks {__version__}")
        raise typer.Exit


@app.command()
def report(
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Report on the sample data.")] = False,
    payload: _PayloadFile = None,
    more: _MoreFiles = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", dir_okay=False, help="The HTML file to write."
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE", formats=["%Y-%m-%d"], help="Day from which days are counted (UTC)."
        ),
    ] = None,
) -> None:
    """Write the report: one HTML file that opens anywhere.

    It holds balances, payment recency and due dates. Several payloads of a partner give trends
    and changes.
    """
    files = [*(payload or ()), *(more or ())]
    if sample == bool(files):
        raise typer.BadParameter("give either --sample or --payload FILE.")
    from pcnotebooks import Payload, render_report, sample_payload  # noqa: PLC0415

    payloads = [sample_payload()] if sample else [Payload.load(file) for file in files]
    if output is None:
        output = Path("sample-report.html" if sample else "invoice-summaries.html")
    output.parent.mkdir(parents=True, exist_ok=True)
    typer.echo(render_report(payloads, output, as_of=as_of))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", file_okay=False, help="Folder for the notebooks.")
    ] = _FOLDER,
) -> None:
    """Copy the notebooks to DIR and open JupyterLab there.

    A notebook that is there already and differs is yours: it stays as it is. What follows DIR is
    passed on to JupyterLab, such as --no-browser.
    """
    options = context.args
    if str(directory).startswith("-"):  # without DIR the first of the options stands in its place
        directory, options = _FOLDER, [str(directory), *options]
    directory.mkdir(parents=True, exist_ok=True)
    for bundled in _bundled_notebooks():
        copy = directory / bundled.name
        content = bundled.read_bytes()
        if not copy.exists():
            copy.write_bytes(content)
            typer.echo(f"{copy}: new")
        elif copy.read_bytes() != content:
            typer.echo(f"{copy}: kept as it is; delete it to get the bundled one")
    from jupyterlab.labapp import LabApp  # noqa: PLC0415

    LabApp.launch_instance([str(directory / "01_start_here.ipynb"), *options])


@app.command("sign-in")
def sign_in(
    *,
    profile: _Profile = None,
    cloud: _Cloud = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="device_code or browser.")] = (
        "device_code"
    ),
    cache: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="encrypted (unless set elsewhere) or plain."),
    ] = None,
) -> None:
    """Sign in, and keep the sign-in for later.

    Client id and tenant come from the profile or from PCNOTEBOOKS_CLIENT_ID and _TENANT.
    """
    from pcnotebooks import auth, profiles  # noqa: PLC0415

    settings = profiles.resolve(cloud, profile=profile, cache=cache)
    if settings.cache == "memory":  # which would end with this command
        cache = "encrypted"
    session = auth.sign_in(cloud, profile=profile, method=method, cache=cache)
    typer.echo(f"Signed in as {auth.username(session)} at {session.cloud.label}.")


@app.command("sign-out")
def sign_out() -> None:
    """Forget every cached sign-in."""
    from pcnotebooks import auth  # noqa: PLC0415

    auth.sign_out()
    typer.echo("Signed out.")


@app.command()
def accounts() -> None:
    """List the cached sign-ins."""
    from pcnotebooks import auth  # noqa: PLC0415

    found = [vars(account).values() for account in auth.cached_accounts()]
    if not found:
        typer.echo("No sign-in is cached.")
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    for row in found:
        cells = zip(row, widths, strict=True)
        typer.echo("  ".join(cell.ljust(width) for cell, width in cells).rstrip())


@app.command()
def doctor(*, cloud: _Cloud = None, profile: _Profile = None) -> None:
    """Check everything up to the first call.

    Exit code 1 if any check fails. It never asks anybody to sign in, and shows no token.
    """
    from pcnotebooks.doctor import diagnose, line  # noqa: PLC0415

    failed = False
    for finding in diagnose(cloud, profile=profile):
        failed = failed or finding.state == "fail"
        typer.echo(line(finding))
    raise typer.Exit(failed)


def _bundled_notebooks() -> list[Path]:
    """Return the notebooks of the wheel, or in a checkout those beside the package."""
    package = Path(__file__).parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return sorted(folder.glob("*.ipynb"))
    raise PcNotebooksError(
        "This installation has no bundled notebooks.", remedy="Install pcnotebooks again."
    )
