"""The command line: every command by its name, and how it ends."""

from __future__ import annotations

import io
import sys
import warnings
from typing import Annotated

import typer

import pcnotebooks as pc
from pcnotebooks.cli import accounts, history, report, snapshot
from pcnotebooks.cli.printing import say_error, show
from pcnotebooks.errors import NoHistoryError, PcNotebooksError, needing_libraries

# A public name loads its module, and with it pandas or msal, when it is first used; --help and
# --version use none. What has no public name is imported in the command that needs it: a lazily
# loaded module of a package is never set on it, so "pcnotebooks.doctor" would fail elsewhere.

app = typer.Typer(
    help="Microsoft Partner Center invoice summaries as reports and notebooks.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
_history = typer.Typer(help="What snapshots have kept, and what changed.", no_args_is_help=True)

app.command()(report.report)
app.command(cls=report.Pairs)(report.render)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(report.lab)
app.command("sign-in")(accounts.sign_in)
app.command("sign-out")(accounts.sign_out)
app.command()(accounts.accounts)
app.command()(accounts.doctor)
app.command()(snapshot.snapshot)
app.add_typer(_history, name="history")
_history.command("list")(history.list_kept)
_history.command()(history.changes)
_history.command()(history.compact)
_history.command()(history.verify)
_history.command()(history.rebuild)
_history.command()(history.export)


def main() -> None:
    """Run the command line: exit code 0 done, 1 an error in words, 2 wrong usage or location."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe on Windows has the 256 letters of a code page; partners' names have others.
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings(), needing_libraries("This command"):
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # called by position
            app()
    except (PcNotebooksError, OSError) as error:
        say_error(error)
        sys.exit(2 if isinstance(error, NoHistoryError) else 1)


def _show_warning(message: Warning | str, *_: object) -> None:
    """Print only the words: Python adds a path and a line of the package's source."""
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
        bool, typer.Option("--version", help="Show it.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Do nothing: typer takes options without a command from a callback only."""
