"""The same steps from a shell."""

from __future__ import annotations

import ast
import io
import sys
import warnings
import webbrowser
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

import pcnotebooks as pc
from pcnotebooks.errors import ConfigurationError, NoHistoryError, PayloadError, PcNotebooksError
from pcnotebooks.text import named, shell_line, without_password

if TYPE_CHECKING:
    from pcnotebooks.service.fetch_many import Answer

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
app.add_typer(_history, name="history")

# Options that several commands have
_Cloud = Annotated[str | None, typer.Option(metavar="NAME", help="global, us_government or china.")]
_Profile = Annotated[str | None, typer.Option(metavar="NAME", help="A profile of profiles.toml.")]
_Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME", help="A profile of profiles.toml; repeatable."),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="The file to write."),
]
_Location = Annotated[
    str | None, typer.Option("--history", metavar="LOCATION", help="A folder or URL.")
]
_Partners = Annotated[list[str] | None, typer.Option("--partner", metavar="NAME")]
_Since = Annotated[str | None, typer.Option(metavar="DATE", help="First day (UTC).")]
_Until = Annotated[str | None, typer.Option(metavar="DATE", help="Last day (UTC).")]
_Files = list[Path] | None
_SAVED: dict[str, Any] = {"metavar": "FILE", "exists": True, "dir_okay": False}
_DAY = typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Day to count days from (UTC).")
_LOCALE = typer.Option(metavar="NAME", help="Of numbers and dates: de_CH.")
_DIR = typer.Argument(metavar="DIR", file_okay=False, help="Folder for the files.")
_METHOD = typer.Option(metavar="NAME", help="device_code or browser.")
_FOLDER = Path("partner-center")


def main() -> None:
    """Run the command line: exit code 0 done, 1 an error in words, 2 wrong usage or location."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe on Windows has the 256 letters of a code page; partners' names have others.
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # called by position
            app()
    except (PcNotebooksError, OSError) as error:
        _say(error)
        sys.exit(2 if isinstance(error, NoHistoryError) else 1)


def _show_warning(message: Warning | str, *_: object) -> None:
    """Print only the words: Python adds a path and a line of the package's source."""
    _print(f"Warning: {message}", err=True)


def _print(text: object, *, err: bool = False) -> None:
    """Print one line, made safe: partners' names and the service's words come from outside."""
    typer.echo(shell_line(str(text)), err=err)


def _say(error: PcNotebooksError | OSError, *, profile: str | None = None) -> None:
    """Print what failed, then the remedy and the ids that support asks for, where known."""
    lines = [str(error) or type(error).__name__]
    if isinstance(error, PcNotebooksError):
        lines = [error.message, error.remedy or "", error.ids]
    elif error.errno is not None:  # str() would begin with [Errno 2]
        lines = [f"{error.filename or 'File'}: {error.strerror or error}"]
    lines[0] = f"Error: {f'{profile}: ' if profile else ''}{lines[0]}"
    for line in filter(None, lines):
        _print(" ".join(line.split()), err=True)


def _table(rows: Iterable[Iterable[object]]) -> None:
    """Print rows with their columns aligned."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        _print("  ".join(map(str.ljust, row, widths)).rstrip())


def _show_version(asked: bool) -> None:
    if asked:
        _print(f"pcnotebooks {pc.__version__}")
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


@app.command()
def report(
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Report on the sample data.")] = False,
    payload: Annotated[_Files, typer.Option(**_SAVED, help="A saved payload; repeatable.")] = None,
    more: Annotated[_Files, typer.Argument(**_SAVED, help="More saved payloads.")] = None,
    profile: _Profiles = None,
    cloud: _Cloud = None,
    history: _Location = None,
    output: _Output = None,
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
    failed = any(isinstance(balances, PcNotebooksError) for balances, _ in answers.values())
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
        _print(write_page(shown, path, title=title))
    if excel:
        _print(pc.write_excel(output.with_suffix(".xlsx"), *payloads, **days))
    if open_:
        webbrowser.open(output.resolve().as_uri())
    raise typer.Exit(failed)


def _notes(name: str | None, both: tuple[Answer, Answer]) -> list[str]:
    """Say what could not be fetched of a profile; return notes on it for the page."""
    from pcnotebooks.overview.words import not_fetched

    came = [each for each in both if isinstance(each, pc.Payload)]
    notes = [
        not_fetched(came[0].partner, came[0].cloud, resource, answer)
        for resource, answer in zip(("invoice_summaries", "invoices"), both, strict=True)
        if came and isinstance(answer, PcNotebooksError)
    ]
    if isinstance(both[0], PcNotebooksError):
        _say(both[0], profile=name)
    elif notes:
        _print(f"Note: {notes[0]}", err=True)
    return notes


class _Pairs(typer.core.TyperCommand):
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


@app.command(cls=_Pairs)
def render(
    notebook: Annotated[
        Path, typer.Argument(metavar="NOTEBOOK", help="A file, or a bundled one: 02_balances.")
    ],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME VALUE", help="Set it; repeatable."),
    ] = None,
    output: _Output = None,
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
    _print(pc.render_notebook(notebook, output, parameters=parameters, code=code))


def _value(text: str) -> Any:
    """Return what Python reads a word as, or the word itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return text if isinstance(value, bytes | complex | set) else value


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
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
            _print(f"{copy}: new")
        elif copy.read_bytes() != content:
            _print(f"{copy}: kept as it is; delete it to get the bundled one")
    LabApp.launch_instance([str(directory / "01_start_here.ipynb"), *options])


@app.command("sign-in")
def sign_in(
    *,
    profile: _Profile = None,
    cloud: _Cloud = None,
    method: Annotated[str, _METHOD] = "device_code",
    cache: Annotated[str | None, typer.Option(metavar="NAME", help="encrypted or plain.")] = None,
) -> None:
    """Sign in, and keep the sign-in for later, encrypted unless set otherwise.

    Client id and tenant come from the profile or from PCNOTEBOOKS_CLIENT_ID and _TENANT.
    """
    from pcnotebooks.session.session import username
    from pcnotebooks.session.settings import load_profile, resolve

    if cache == "memory":
        raise typer.BadParameter("the cache memory would end with this command.")
    usual = resolve(cloud, profile=profile)
    if cache is None:
        cache = "encrypted" if usual.cache == "memory" else usual.cache
    session = pc.sign_in(cloud, profile=profile, method=method, cache=cache)
    _print(f"Signed in as {username(session)} at {session.cloud.label}.")
    if cache == usual.cache:
        return
    where = f"PCNOTEBOOKS_CACHE={cache}"
    if usual.profile and "cache" in load_profile(usual.profile):  # it wins over the variable
        where = f'cache = "{cache}" in the profile {usual.profile!r}'
    _print(
        f"It is in the cache {cache}; notebooks and other commands look in {usual.cache} unless you"
        f" set {where}."
    )


@app.command("sign-out")
def sign_out() -> None:
    """Forget every cached sign-in."""
    pc.sign_out()
    _print("Signed out.")


@app.command()
def accounts() -> None:
    """List the cached sign-ins."""
    from pcnotebooks.session.token_cache import readable_accounts

    readable, unreadable = readable_accounts()
    if not readable and not unreadable:
        _print("No sign-in is cached.")
    _table(vars(account).values() for account in readable)
    for error in unreadable.values():
        _say(error)
    raise typer.Exit(bool(unreadable))


@app.command()
def doctor(*, cloud: _Cloud = None, profile: _Profile = None) -> None:
    """Check everything up to the first call.

    Exit code 1 if any check fails. It never asks for a sign-in, and shows no token.
    """
    from pcnotebooks.doctor import diagnose, line

    failed = False
    for finding in diagnose(cloud, profile=profile):
        failed = failed or finding.state == "fail"
        for words in line(finding).splitlines():
            _print(words)
    raise typer.Exit(failed)


@app.command()
def snapshot(*, profile: _Profiles = None, cloud: _Cloud = None, history: _Location = None) -> None:
    """Fetch the balances and invoices of today, and keep them in the history.

    Meant for cron, Task Scheduler and pipelines: it never asks for a sign-in, and prints a line
    for each partner. If an answer fails, the others are kept and the exit code is 1. The history
    is that of --history, of PCNOTEBOOKS_HISTORY or in the user's data folder.
    """
    from pcnotebooks.service.fetch_many import fetch_profiles
    from pcnotebooks.session.sign_in import unasked

    kept = pc.History(history)
    said = []
    failed: dict[tuple[str | None, str], PcNotebooksError | OSError] = {}
    # Everything is kept before anything is printed: a full disk under a log fails the printing.
    answers = fetch_profiles(profile or [None], lambda name: unasked(cloud, name), progress=False)
    for name, both in answers.items():
        done: list[pc.Payload] = []
        for answer in both:
            try:
                if isinstance(answer, PcNotebooksError):
                    raise answer
                kept.append(answer)
                done.append(answer)
            except (PcNotebooksError, OSError) as error:
                failed.setdefault((name, str(error)), error)  # both may fail for one reason
        for first in done[:1]:
            only = "" if len(done) == 2 else f"{first.resource.replace('_', ' ')} only, "
            at = f"{first.retrieved_at:%Y-%m-%d %H:%M} UTC"
            said.append(f"{first.partner}  {first.cloud}  {at}  {only}kept")
    for (name, _), failure in failed.items():
        _say(failure, profile=name)
    for line in said:
        _print(line)
    raise typer.Exit(bool(failed))


def _opened(location: str | None) -> pc.History:
    """Return a history, and say if nothing is kept in it."""
    kept = pc.History(location)
    if kept.is_empty:
        next(kept.payloads(), None)  # an error if it is not there
        _print(f"Nothing is kept in {kept.location} yet.")
    return kept


@_history.command("list")
def list_kept(*, history: _Location = None) -> None:
    """List the partners, and the payloads of summaries and of invoices kept of each."""
    kept = _opened(history)
    found = kept.index()
    whole = found["damage"].isna()
    by = ["partner", "cloud", found["resource"].str.replace("_", " ")]
    groups = found[whole].groupby(by, observed=True)["retrieved_at"]
    days = (([named(str(partner)), *of], at) for (partner, *of), at in groups)
    _table([*of, len(at), f"{at.min():%Y-%m-%d}", f"{at.max():%Y-%m-%d}"] for of, at in days)
    for row in found[~whole].itertuples():
        _say(PayloadError(f"{row.file} in {kept.location} {row.damage}.", remedy=str(row.remedy)))
    raise typer.Exit(not whole.all())


@_history.command()
def changes(
    *,
    history: _Location = None,
    partner: _Partners = None,
    currency: Annotated[list[str] | None, typer.Option(metavar="CODE")] = None,
    since: _Since = None,
    until: _Until = None,
    unexplained: Annotated[
        bool, typer.Option("--unexplained", help="Only what moved without cause; exit code 1.")
    ] = False,
) -> None:
    """Say what changed from one payload to the next.

    Each line has the day, the partner, by how much the balance moved, and what explains it.
    """
    from pcnotebooks.amounts import format_amount

    kept = _opened(history)
    found = kept.changes(partner=partner, currency=currency, since=since, until=until)
    rows = []
    steps: Iterable[Any] = found.sort_values("retrieved_at", kind="stable").itertuples()
    for row in steps:
        causes = []
        if row.payment_seen:
            stated = row.payment_amount == row.payment_amount  # NaN: the service states none
            amount = f" of {format_amount(row.payment_amount, row.currency)}" if stated else ""
            causes.append(f"payment{amount} on {row.payment_date:%Y-%m-%d}")
        if row.invoice_seen:
            causes.append(f"invoice of {row.invoice_date:%Y-%m-%d}")
        if row.unexplained:
            causes.append("Unexplained movement")
        if row.unexplained if unexplained else (row.balance_change or causes):
            moved = format_amount(row.balance_change, row.currency)
            rows.append([row.retrieved_at.date(), named(row.partner), moved, ", ".join(causes)])
    _table(rows)
    raise typer.Exit(unexplained and bool(rows))


@_history.command()
def compact(*, history: _Location = None) -> None:
    """Merge the small files of closed months, and mend what killed processes left behind."""
    _print(f"{_opened(history).compact()} files merged.")


@_history.command()
def verify(*, history: _Location = None) -> None:
    """Check every hash; exit code 1 if any file is damaged."""
    kept = _opened(history)
    damaged = kept.verify()
    for row in damaged.itertuples():
        _print(f"{row.file} {row.damage}.")
        _print(row.remedy)
    if damaged.empty and not kept.is_empty:
        _print("Nothing is damaged.")
    raise typer.Exit(not damaged.empty)


@_history.command()
def rebuild(*, history: _Location = None) -> None:
    """Derive every table again from the payloads."""
    _opened(history).rebuild()
    _print("Rebuilt.")


@_history.command()
def export(
    directory: Annotated[Path, _DIR],
    *,
    history: _Location = None,
    partner: _Partners = None,
    since: _Since = None,
    until: _Until = None,
) -> None:
    """Save each payload as a file that report --payload and Payload.load read."""
    from pcnotebooks.history.files import file_of

    kept = _opened(history)
    directory.mkdir(parents=True, exist_ok=True)
    for payload in kept.payloads(partner=partner, since=since, until=until):
        _print(payload.save(directory / f"{file_of(payload).name}.json"))
