"""Report, notebooks as pages, and JupyterLab."""

from __future__ import annotations

import ast
import webbrowser
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

import pcnotebooks as pc
from pcnotebooks.cli.options import SAVED, Cloud, Files, Location, Output, Profiles
from pcnotebooks.cli.printing import say_error, show
from pcnotebooks.errors import ConfigurationError, PcNotebooksError
from pcnotebooks.text import without_password

if TYPE_CHECKING:
    from pcnotebooks.service.fetch_many import Answer

_DAY = typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Day to count days from (UTC).")
_LOCALE = typer.Option(metavar="NAME", help="Of numbers and dates: de_CH.")
_FOLDER = Path("partner-center")


def report(
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Report on the sample data.")] = False,
    payload: Annotated[Files, typer.Option(**SAVED, help="A saved payload; repeatable.")] = None,
    more: Annotated[Files, typer.Argument(**SAVED, help="More saved payloads.")] = None,
    profile: Profiles = None,
    cloud: Cloud = None,
    history: Location = None,
    output: Output = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF as well.")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="Write a workbook as well.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it when it is written.")] = False,
    as_of: Annotated[datetime | None, _DAY] = None,
    terms_days: Annotated[int, typer.Option(metavar="DAYS", help="Payment terms in days.")] = 60,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Heading.")] = None,
    locale: Annotated[str, _LOCALE] = "en",
) -> None:
    """Write the report: one HTML file that opens anywhere, or a PDF (-o NAME.pdf).

    It has balances, payment recency and due dates, and with a list of invoices what is overdue by
    invoice; several payloads of a partner add trends and changes. Each file that was written is
    named on a line. If a profile's balances cannot be fetched, the report has the others and the
    exit code is 1; without its list of invoices it has the balances, and a note says why.
    """
    from pcnotebooks.overview.build import overview
    from pcnotebooks.report.page import write_page
    from pcnotebooks.service.fetch_many import fetch_profiles

    files = [*(payload or ()), *(more or ())]
    live: list[str | None] = [*(profile or ())] or ([None] if cloud else [])
    if sample == bool(files or live or history):
        raise typer.BadParameter("give --sample, or --payload, --profile, --cloud or --history.")
    output = output or Path("sample-report.html" if sample else "invoice-summaries.html")
    if output.suffix.lower() not in {".html", ".htm", ".pdf"}:
        raise typer.BadParameter(f"{output.name} ends neither in .html nor in .pdf.")
    payloads = [pc.sample_payload()] if sample else [pc.Payload.load(file) for file in files]
    payloads += pc.History(history).payloads() if history else []
    answers = fetch_profiles(live, lambda name: pc.sign_in(cloud, profile=name))
    notes = [note for name, both in answers.items() for note in _notes(name, both)]
    payloads += [one for both in answers.values() for one in both if isinstance(one, pc.Payload)]
    failed = any(_lacks_balances(both) for both in answers.values())
    if failed and not payloads:
        raise typer.Exit(1)
    if history and not payloads:
        raise ConfigurationError(
            f"The history at {without_password(history)} holds no payloads.",
            remedy="Run pcnotebooks snapshot with the same --history, or name another location.",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    days: dict[str, Any] = {"as_of": as_of, "terms_days": terms_days}
    shown = overview(payloads, locale=locale, notes=notes, **days)
    for path in dict.fromkeys([output, output.with_suffix(".pdf") if pdf else output]):
        show(write_page(shown, path, title=title))
    if excel:
        show(pc.write_excel(output.with_suffix(".xlsx"), *payloads, **days))
    if open_:
        webbrowser.open(output.resolve().as_uri())
    raise typer.Exit(failed)


def _lacks_balances(both: tuple[Answer, Answer]) -> bool:
    """Return whether balances failed; an app without a user is not expected to fetch them."""
    from pcnotebooks.service.refusals import NeedsUserError

    balances, invoices = both
    if isinstance(balances, NeedsUserError) and isinstance(invoices, pc.Payload):
        return False
    return isinstance(balances, PcNotebooksError)


def _notes(name: str | None, both: tuple[Answer, Answer]) -> list[str]:
    """Say what could not be fetched of a profile; return notes on it for the page."""
    from pcnotebooks.overview.words import not_fetched

    came = [each for each in both if isinstance(each, pc.Payload)]
    notes = [
        not_fetched(came[0].partner, came[0].cloud, resource, answer)
        for resource, answer in zip(("invoice_summaries", "invoices"), both, strict=True)
        if came and isinstance(answer, PcNotebooksError)
    ]
    if _lacks_balances(both) and isinstance(both[0], PcNotebooksError):
        say_error(both[0], profile=name)
    elif notes:
        show(f"Note: {notes[0]}", err=True)
    return notes


class Pairs(typer.core.TyperCommand):
    """A command whose -p takes a name and a value, while an item of typer's lists is one word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join each pair to one word, name=value, a form that the command line takes as well."""
        words = iter(args)
        joined = []
        for word in words:
            joined.append(word)
            if word in {"-p", "--parameter"} and (name := next(words, None)) is not None:
                value = None if "=" in name else next(words, None)
                joined.append(name if value is None else f"{name}={value}")
        return super().parse_args(ctx, joined)


def render(
    notebook: Annotated[
        Path, typer.Argument(metavar="NOTEBOOK", help="A file, or a bundled one: 02_balances.")
    ],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME VALUE", help="Set it; repeatable."),
    ] = None,
    output: Output = None,
    code: Annotated[bool, typer.Option("--code", help="Show the code as well.")] = False,
) -> None:
    """Run a notebook and write what it shows: one HTML file that opens anywhere.

    It runs in the current folder. A value that Python reads as a number, True, False, None or a
    list is that; any other is text, and so is one in quotes.
    """
    parameters = {}
    for pair in parameter or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"-p {pair} has no value: give -p NAME VALUE.")
        parameters[name] = _value(value)
    output = output or Path(notebook.with_suffix(".html").name)
    output.parent.mkdir(parents=True, exist_ok=True)
    show(pc.render_notebook(notebook, output, parameters=parameters, code=code))


def _value(text: str) -> Any:
    """Return what Python reads a word as, or the word itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return text if isinstance(value, bytes | complex | set) else value


def lab(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", file_okay=False, help="Folder for the notebooks.")
    ] = _FOLDER,
) -> None:
    """Copy the notebooks to DIR and open JupyterLab there.

    A notebook that you have changed stays as it is. Options after DIR are passed on to
    JupyterLab, such as --no-browser.
    """
    from jupyterlab.labapp import LabApp

    from pcnotebooks.report.notebook import bundled_notebooks

    options = context.args
    if str(directory).startswith("-"):  # no DIR: typer took the first option for it
        directory, options = _FOLDER, [str(directory), *options]
    directory.mkdir(parents=True, exist_ok=True)
    for bundled in bundled_notebooks():
        copy = directory / bundled.name
        content = bundled.read_bytes()
        if not copy.exists():
            copy.write_bytes(content)
            show(f"{copy}: new")
        elif copy.read_bytes() != content:
            show(f"{copy}: kept as it is; delete it to get the bundled one")
    LabApp.launch_instance([str(directory / "01_start_here.ipynb"), *options])
