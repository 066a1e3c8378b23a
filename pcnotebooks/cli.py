"""The same steps from a shell."""

from __future__ import annotations

import ast
import io
import sys
import warnings
import webbrowser
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError
from pcnotebooks.text import printable, without_password

if TYPE_CHECKING:
    from pcnotebooks import Payload, Session

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe under Windows holds 256 letters, and partners have others.
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # called by position
            app()
    except (PcNotebooksError, OSError) as error:
        _say(error)
        sys.exit(1)


def _show_warning(message: Warning | str, *_: object) -> None:
    """Say the words alone: Python adds a path and a line of the package's source."""
    _print(f"Warning: {message}", err=True)


def _message(error: OSError) -> str:
    if error.errno is None:
        return str(error) or type(error).__name__
    return f"{error.filename or 'File'}: {error.strerror or error}"


def _print(text: object, *, err: bool = False) -> None:
    """Print one line: partners' names and the service's words are a stranger's."""
    typer.echo(printable(str(text).replace("\n", " ")), err=err)


def _say(error: PcNotebooksError | OSError, *, profile: str | None = None) -> None:
    """Say what failed, and where they are known what to do and the ids that support asks for."""
    if isinstance(error, PcNotebooksError):
        lines = [error.message, error.remedy, error.ids]
    else:
        lines = [_message(error)]
    lines[0] = f"Error: {f'{profile}: ' if profile else ''}{lines[0]}"
    for line in filter(None, lines):
        _print(" ".join(line.split()), err=True)


def _show_version(asked: bool) -> None:
    if asked:
        from pcnotebooks import __version__  # noqa: PLC0415

        _print(f"pcnotebooks {__version__}")
        raise typer.Exit


# An eager callback of its own: typer loads pydantic as soon as it looks at any other option.
_Version = Annotated[
    bool,
    typer.Option(
        "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
    ),
]


@app.callback(invoke_without_command=True)
def _options(*, version: _Version = False) -> None:
    """Do nothing: typer asks for a place where --version stands."""


@app.command()
def report(
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Report on the sample data.")] = False,
    payload: _PayloadFile = None,
    more: _MoreFiles = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Fetch for a profile of profiles.toml; repeatable."),
    ] = None,
    cloud: _Cloud = None,
    history: Annotated[
        str | None, typer.Option(metavar="LOCATION", help="Add the payloads of a history.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", dir_okay=False, help="The .html or .pdf to write."
        ),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF beside it.")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="Write a workbook beside it.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it when it is written.")] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE", formats=["%Y-%m-%d"], help="Day from which days are counted (UTC)."
        ),
    ] = None,
    terms_days: Annotated[
        int, typer.Option(metavar="DAYS", help="Payment terms from the invoice date.")
    ] = 60,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Heading.")] = None,
    locale: Annotated[
        str, typer.Option(metavar="NAME", help="Separators and months, as in de_CH.")
    ] = "en",
) -> None:
    """Write the report: one HTML file that opens anywhere, or a PDF.

    It holds balances, payment recency and due dates. Several payloads of a partner give trends
    and changes. What is written is named on a line each. Where a profile cannot be fetched the
    report is of the others, and the exit code 1.
    """
    files = [*(payload or ()), *(more or ())]
    live: list[str | None] = [*(profile or ())] or ([None] if cloud else [])
    if sample == bool(files or live or history):
        raise typer.BadParameter(
            "give --sample, or where from: --payload FILE, --profile NAME, --cloud NAME or"
            " --history LOCATION."
        )
    output = output or Path("sample-report.html" if sample else "invoice-summaries.html")
    if output.suffix.lower() not in {".html", ".htm", ".pdf"}:
        raise typer.BadParameter(f"{output.name} ends neither in .html nor in .pdf.")
    from pcnotebooks import Payload, render_report, sample_payload, write_excel  # noqa: PLC0415

    payloads = [sample_payload()] if sample else [Payload.load(file) for file in files]
    payloads += _kept(history) if history else []
    fetched, failed = _fetched(live, cloud)
    payloads += fetched
    if failed and not payloads:
        raise typer.Exit(1)
    if history and not payloads:
        raise ConfigurationError(
            f"The history at {without_password(history)} holds no payloads.",
            remedy="Run pcnotebooks snapshot with the same --history, or name another location.",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    written = dict.fromkeys([output, *([output.with_suffix(".pdf")] if pdf else [])])
    for path in written:
        _print(
            render_report(
                payloads, path, as_of=as_of, terms_days=terms_days, title=title, locale=locale
            )
        )
    if excel:
        path = output.with_suffix(".xlsx")
        _print(write_excel(path, *payloads, as_of=as_of, terms_days=terms_days))
    if open_:
        webbrowser.open(output.resolve().as_uri())
    raise typer.Exit(failed)


def _kept(location: str) -> list[Payload]:
    """Return the payloads of a history."""
    from pcnotebooks.history.history import History  # noqa: PLC0415

    return list(History(location).payloads())


def _fetched(names: Sequence[str | None], cloud: str | None) -> tuple[list[Payload], bool]:
    """Return what could be fetched for each profile, and whether anything failed, which is said."""
    if not names:
        return [], False
    from pcnotebooks import Payload, fetch_all, sign_in  # noqa: PLC0415

    sessions, failed = {}, {}
    for name in names:
        try:
            sessions[name] = sign_in(cloud, profile=name)
        except PcNotebooksError as error:
            failed[name] = error
    summaries = fetch_all(sessions.values(), resources=("invoice_summaries",))
    results = dict(zip(sessions, summaries, strict=True))
    failed |= {name: each for name, each in results.items() if not isinstance(each, Payload)}
    for name, failure in failed.items():
        _say(failure, profile=name)
    return [each for each in results.values() if isinstance(each, Payload)], bool(failed)


class _Pairs(typer.core.TyperCommand):
    """A command whose -p takes a name and a value: typer's lists have one word an item."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write each pair as one word, name=value, as which it may be given, too."""
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", dir_okay=False, help="The HTML file to write."
        ),
    ] = None,
    code: Annotated[bool, typer.Option("--code", help="Show the code, too.")] = False,
) -> None:
    """Run a notebook and write what it shows: one HTML file that opens anywhere.

    It runs in the current folder. A value is a number, True, False, None or a list where Python
    reads it so, otherwise text; text in quotes stays text.
    """
    parameters = {}
    for pair in parameter or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"-p {pair} has no value: give -p NAME VALUE.")
        parameters[name] = _value(value)
    from pcnotebooks import render_notebook  # noqa: PLC0415

    output = output or Path(notebook.with_suffix(".html").name)
    output.parent.mkdir(parents=True, exist_ok=True)
    _print(render_notebook(notebook, output, parameters=parameters, code=code))


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

    A notebook that is there already and differs is yours: it stays as it is. What follows DIR is
    passed on to JupyterLab, such as --no-browser.
    """
    options = context.args
    if str(directory).startswith("-"):  # without DIR the first of the options stands in its place
        directory, options = _FOLDER, [str(directory), *options]
    from pcnotebooks.report.notebook import bundled_notebooks  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    for bundled in bundled_notebooks():
        copy = directory / bundled.name
        content = bundled.read_bytes()
        if not copy.exists():
            copy.write_bytes(content)
            _print(f"{copy}: new")
        elif copy.read_bytes() != content:
            _print(f"{copy}: kept as it is; delete it to get the bundled one")
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
    if cache == "memory":
        raise typer.BadParameter("the cache memory would end with this command.")
    from pcnotebooks.session import settings as profiles  # noqa: PLC0415
    from pcnotebooks.session import sign_in as auth  # noqa: PLC0415
    from pcnotebooks.session.session import username  # noqa: PLC0415

    usual = profiles.resolve(cloud, profile=profile)
    if cache is None:
        cache = "encrypted" if usual.cache == "memory" else usual.cache
    session = auth.sign_in(cloud, profile=profile, method=method, cache=cache)
    _print(f"Signed in as {username(session)} at {session.cloud.label}.")
    if cache == usual.cache:
        return
    where = f"PCNOTEBOOKS_CACHE={cache}"
    if usual.profile and "cache" in profiles.load_profile(usual.profile):
        where = f'cache = "{cache}" in the profile {usual.profile!r}'
    _print(
        f"It is in the cache {cache}; notebooks and other commands look in {usual.cache} unless you"
        f" set {where}."
    )


@app.command("sign-out")
def sign_out() -> None:
    """Forget every cached sign-in."""
    from pcnotebooks.session import sign_in as auth  # noqa: PLC0415

    auth.sign_out()
    _print("Signed out.")


@app.command()
def accounts() -> None:
    """List the cached sign-ins."""
    from pcnotebooks.session.token_cache import readable_accounts  # noqa: PLC0415

    readable, unreadable = readable_accounts()
    found = [vars(account).values() for account in readable]
    if not found and not unreadable:
        _print("No sign-in is cached.")
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    for row in found:
        cells = zip(row, widths, strict=True)
        _print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    for error in unreadable.values():
        _say(error)
    raise typer.Exit(bool(unreadable))


@app.command()
def doctor(*, cloud: _Cloud = None, profile: _Profile = None) -> None:
    """Check everything up to the first call.

    Exit code 1 if any check fails. It never asks anybody to sign in, and shows no token.
    """
    from pcnotebooks.doctor import diagnose, line  # noqa: PLC0415

    failed = False
    for finding in diagnose(cloud, profile=profile):
        failed = failed or finding.state == "fail"
        for words in line(finding).splitlines():
            _print(words)
    raise typer.Exit(failed)


# The history

_history = typer.Typer(
    help="What snapshots have kept: balances over time, and what changed.", no_args_is_help=True
)
app.add_typer(_history, name="history")
_Location = Annotated[
    str | None,
    typer.Option(
        "--history",
        metavar="LOCATION",
        help="A folder or URL; unless given PCNOTEBOOKS_HISTORY, or the user's data folder.",
    ),
]
_Partners = Annotated[list[str] | None, typer.Option("--partner", metavar="NAME")]
_Currencies = Annotated[list[str] | None, typer.Option("--currency", metavar="CODE")]
_Since = Annotated[str | None, typer.Option(metavar="DATE", help="First day (UTC).")]
_Until = Annotated[str | None, typer.Option(metavar="DATE", help="Last day (UTC).")]


@app.command()
def snapshot(
    *,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A profile of profiles.toml; repeatable."),
    ] = None,
    cloud: _Cloud = None,
    history: _Location = None,
) -> None:
    """Fetch the balances of today, and keep them in the history.

    Meant for cron, Task Scheduler and pipelines: it never asks anybody to sign in, and prints a
    line for each partner. Where one fails the others are kept, and the exit code is 1.
    """
    from pcnotebooks import History, Payload, fetch_all  # noqa: PLC0415

    kept = History(history)
    sessions, said = {}, []
    failed: list[tuple[str | None, PcNotebooksError | OSError]] = []
    names: list[str | None] = [*(profile or ())] or [None]
    for name in dict.fromkeys(names):
        try:
            sessions[name] = _remembered(cloud, name)
        except PcNotebooksError as error:
            failed.append((name, error))
    # Everything is kept before anything is said: printing may fail, too.
    results = fetch_all(sessions.values(), resources=("invoice_summaries",), progress=False)
    for name, result in zip(sessions, results, strict=True):
        try:
            if not isinstance(result, Payload):
                raise result
            kept.append(result)
        except (PcNotebooksError, OSError) as error:
            failed.append((name, error))
        else:
            at = f"{result.retrieved_at:%Y-%m-%d %H:%M} UTC"
            said.append(f"{result.partner}  {result.cloud}  {at}  kept")
    for name, failure in failed:
        _say(failure, profile=name)
    for line in said:
        _print(line)
    raise typer.Exit(bool(failed))


def _remembered(cloud: str | None, profile: str | None) -> Session:
    """Return the session that is cached; raise where somebody would have to be asked."""
    from pcnotebooks.session import settings as profiles  # noqa: PLC0415
    from pcnotebooks.session import sign_in as auth  # noqa: PLC0415

    settings = profiles.resolve(cloud, profile=profile)
    try:
        return auth.remembered(settings)
    except SignInError as error:
        if error.code:
            raise
    remedy = "Run: pcnotebooks sign-in" + (f" --profile {profile}" if profile else "")
    if settings.cache == "memory":
        remedy += ", and set PCNOTEBOOKS_CACHE=encrypted: memory ends with its process."
    raise SignInError("Nobody is signed in, and a snapshot asks nobody.", remedy=remedy)


@_history.command("list")
def list_kept(*, history: _Location = None) -> None:
    """List the partners, and the payloads kept of each."""
    from pcnotebooks import History  # noqa: PLC0415

    kept = History(history)
    found, damaged = kept._patiently(kept._listed)  # noqa: SLF001  nobody else lists past damage
    days: dict[tuple[str, str], list[str]] = {}
    for partner, cloud, at in found:
        days.setdefault((partner, cloud), []).append(f"{at:%Y-%m-%d}")
    if not (days or damaged):
        _print(f"Nothing is kept in {kept.location} yet.")
    _table([*key, f"{len(of)}", of[0], of[-1]] for key, of in days.items())
    for error in damaged:
        _say(error)
    raise typer.Exit(bool(damaged))


@_history.command()
def changes(
    *,
    history: _Location = None,
    partner: _Partners = None,
    currency: _Currencies = None,
    since: _Since = None,
    until: _Until = None,
    unexplained: Annotated[
        bool, typer.Option("--unexplained", help="Only what moved without cause; exit code 1.")
    ] = False,
) -> None:
    """Say what changed from one payload to the next.

    Each line has the day, the partner, by how much the balance moved, and what explains it.
    """
    from pcnotebooks import History  # noqa: PLC0415
    from pcnotebooks.amounts import format_amount  # noqa: PLC0415
    from pcnotebooks.frame.build import rows_of  # noqa: PLC0415

    found = History(history).changes(partner=partner, currency=currency, since=since, until=until)
    rows = []
    for row in rows_of(found.sort_values("retrieved_at", kind="stable")):
        causes = _causes(row)
        if row.unexplained if unexplained else (row.balance_change or causes):
            moved = format_amount(row.balance_change, row.currency)
            rows.append([f"{row.retrieved_at:%Y-%m-%d}", row.partner, moved, causes])
    _table(rows)
    raise typer.Exit(unexplained and bool(rows))


def _causes(row: Any) -> str:
    """Return in words what explains a change."""
    from pcnotebooks.amounts import format_amount  # noqa: PLC0415

    causes = []
    if row.payment_seen:
        stated = row.payment_amount == row.payment_amount  # NaN: no amount
        amount = f" of {format_amount(row.payment_amount, row.currency)}" if stated else ""
        causes.append(f"payment{amount} on {row.payment_date:%Y-%m-%d}")
    if row.invoice_seen:
        causes.append(f"invoice of {row.invoice_date:%Y-%m-%d}")
    if row.unexplained:
        causes.append("Unexplained movement")
    return ", ".join(causes)


@_history.command()
def compact(*, history: _Location = None) -> None:
    """Merge the small files of closed months, and mend what killed processes have left."""
    from pcnotebooks import History  # noqa: PLC0415

    _print(f"{History(history).compact()} files merged.")


@_history.command()
def verify(*, history: _Location = None) -> None:
    """Check every hash; exit code 1 where anything is damaged."""
    from pcnotebooks import History  # noqa: PLC0415

    damaged = History(history).verify()
    for row in damaged.itertuples():
        _print(f"{row.file} {row.damage}.")
        _print(row.remedy)
    if damaged.empty:
        _print("Nothing is damaged.")
    raise typer.Exit(not damaged.empty)


@_history.command()
def rebuild(*, history: _Location = None) -> None:
    """Derive every table again from the payloads."""
    from pcnotebooks import History  # noqa: PLC0415

    History(history).rebuild()
    _print("Rebuilt.")


@_history.command()
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Folder for the files.")
    ],
    *,
    history: _Location = None,
    partner: _Partners = None,
    since: _Since = None,
    until: _Until = None,
) -> None:
    """Save the payloads as files, one each, that report --payload and Payload.load read."""
    from pcnotebooks import History  # noqa: PLC0415
    from pcnotebooks.history.files import file_of  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    for payload in History(history).payloads(partner=partner, since=since, until=until):
        _print(payload.save(directory / f"{file_of(payload).name}.json"))


def _table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows with their columns aligned."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _print("  ".join(padded).rstrip())
