"""Define the command line: its commands, its error output and its exit codes."""

from __future__ import annotations

import io
import sys
import traceback
import warnings
from typing import Annotated

import typer

import pcnotebooks as pc
from pcnotebooks.cli import (
    accounts,
    figures,
    history,
    notebooks,
    pdfs,
    profiles,
    report,
    snapshot,
)
from pcnotebooks.cli.commands import EXIT_CODES, Pairs, add
from pcnotebooks.cli.printing import say_error, show
from pcnotebooks.errors import PcNotebooksError, needing_libraries

# A public name loads its module, and with it pandas or msal, on first use; --help and --version
# use none. Modules without a public name are imported inside the command that needs them: the lazy
# loader does not set modules as attributes, so `pcnotebooks.doctor` would fail.

app = typer.Typer(
    help="Microsoft Partner Center balances and invoices as figures, reports and notebooks.",
    epilog=EXIT_CODES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add(app, figures.balances)
add(app, figures.invoices)
add(app, figures.ageing)
add(app, figures.changes)
add(app, report.report)
add(app, notebooks.render, cls=Pairs)
add(app, notebooks.lab, allow_extra_args=True, ignore_unknown_options=True)
add(app, accounts.sign_in, "sign-in")
add(app, accounts.sign_out, "sign-out")
add(app, accounts.accounts)
add(app, accounts.doctor)
add(app, snapshot.fetch)
add(app, pdfs.invoice_pdfs, "invoice-pdfs")
add(app, snapshot.snapshot)

_history = typer.Typer(
    help="View and maintain the history that snapshots keep.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
app.add_typer(_history, name="history")
add(_history, history.list_kept, "list")
add(_history, history.changes)
add(_history, history.add_files, "add")
add(_history, history.export)
add(_history, history.compact)
add(_history, history.verify)
add(_history, history.rebuild)

_profile = typer.Typer(
    help="List, add and remove profiles, which hold sign-in settings.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
app.add_typer(_profile, name="profile")
add(_profile, profiles.list_profiles, "list")
add(_profile, profiles.add_profile, "add")
add(_profile, profiles.remove_profile, "remove")
add(_profile, profiles.path)


def main() -> None:
    """Run the command line; the exit code is 0 on success, 1 with a finding, 2 on failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # On Windows, pipes use a code page of 256 characters; partner names may have others.
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings(), needing_libraries("This command"):
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # called by position
            app()
    except (PcNotebooksError, OSError) as error:
        say_error(error)
        sys.exit(2)
    except Exception:  # noqa: BLE001  Python's exit code 1 would report a finding
        traceback.print_exc()
        sys.exit(2)


def _show_warning(message: Warning | str, *_: object) -> None:
    """Print only the text: Python would add a path and a line of the package's source."""
    show(f"Warning: {message}", err=True)


def _show_version(asked: bool) -> None:
    if asked:
        show(f"pcnotebooks {pc.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    *,
    version: Annotated[
        # Eager, so that it runs first: typer loads pydantic as soon as it reads any other option.
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Do nothing: typer reads options without a command only from a callback."""
