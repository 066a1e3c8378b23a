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
    """Write one HTML file with balances, payment recency and due dates.

    It opens anywhere without network. Several payloads of a partner give trends and changes.
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
    ] = Path("partner-center"),
) -> None:
    """Copy the bundled notebooks to DIR and open JupyterLab there.

    A notebook that is there already and differs is yours: it stays as it is. What follows DIR is
    passed on to JupyterLab, such as --no-browser.
    """
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

    LabApp.launch_instance([str(directory / "01_start_here.ipynb"), *context.args])


def _bundled_notebooks() -> list[Path]:
    """Return the notebooks of the wheel, or in a checkout those beside the package."""
    package = Path(__file__).parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return sorted(folder.glob("*.ipynb"))
    raise PcNotebooksError(
        "This installation has no bundled notebooks.", remedy="Install pcnotebooks again."
    )
