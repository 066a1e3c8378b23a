"""Give every command -v, exit codes in its help, and a full sentence in the list."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from pcnotebooks.text import shell_line

EXIT_CODES = (
    "Exit codes: 0 success, nothing to report; 1 success, something to report; 2 failure or wrong"
    " usage."
)


class _Line(logging.Formatter):
    """Formats a record as one printable line."""

    def format(self, record: logging.LogRecord) -> str:
        return shell_line(super().format(record))


def _log(asked: bool) -> None:
    """Print the package's log, such as retries and ids, on standard error."""
    if not asked:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("pcnotebooks")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)


_verbose = typer.Typer(add_completion=False)


@_verbose.command()
def _has_verbose(
    *,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", callback=_log, help="Also print retries, waits and ids of calls."
        ),
    ] = False,
) -> None:
    """Do nothing: typer creates options only from functions."""


_VERBOSE = typer.main.get_command(_verbose).params[0]
_VERBOSE.expose_value = False


class Command(typer.core.TyperCommand):
    """A command with -v, whose help shows arguments only by name."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for param in self.params:
            if param.param_type_name == "argument":
                # typer 0.27 and newer would write FILE <list[Path]>.
                vars(param)["display_type_rich"] = lambda ctx: ""  # noqa: ARG005
                if param.required and param.metavar:
                    # It would also write {FILE} in the usage line.
                    usage = f"{param.metavar}{'...' if param.nargs != 1 else ''}"
                    vars(param)["_usage_display_name"] = partial(str, usage)
        self.params.append(_VERBOSE)


class Pairs(Command):
    """A command whose -p takes a name and a value; typer allows only one word per item."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join each pair as name=value, which the command line also accepts."""
        words = iter(args)
        joined = []
        for word in words:
            joined.append(word)
            if word in {"-p", "--parameter"} and (name := next(words, None)) is not None:
                value = None if "=" in name else next(words, None)
                joined.append(name if value is None else f"{name}={value}")
        return super().parse_args(ctx, joined)


class Later(typer.core.TyperCommand):
    """A command in a list; its options are made when it runs, for making all takes a while."""

    def __init__(self, *args: Any, whole: Callable[[], Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self.whole = whole

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Begin the command: typer asks for this first, also for its help and completion."""
        return self.whole().make_context(*args, **options)


def add(
    app: typer.Typer,
    function: Callable[..., None],
    name: str | None = None,
    *,
    cls: type[Command] = Command,
    **settings: Any,
) -> None:
    """Add a command; the list of commands shows the first line of its docstring in full."""
    first = inspect.cleandoc(function.__doc__ or "").partition("\n")[0]
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(cls=cls, epilog=EXIT_CODES, context_settings=settings or None)(function)
    later: Any = partial(Later, whole=lambda: typer.main.get_command(alone))
    app.command(name or function.__name__, cls=later, short_help=first)(lambda: None)
