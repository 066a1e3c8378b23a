"""Write the report as one file."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import (
    AsOf,
    At,
    CloudOfFigures,
    Location,
    MoreSaved,
    Output,
    PartnersOfFigures,
    Profiles,
    RetrievedAt,
    Sample,
    Saved,
    Terms,
)
from pcnotebooks.cli.printing import is_stdout, say_error, show, show_whole
from pcnotebooks.cli.sources import Source
from pcnotebooks.errors import ConfigurationError, PcNotebooksError
from pcnotebooks.text import without_password

if TYPE_CHECKING:
    from pcnotebooks.service.fetch_many import Answer

_LOCALE = typer.Option(metavar="NAME", help="The locale of numbers and dates, such as de_CH.")


def report(
    *,
    sample: Sample = False,
    payload: Saved = None,
    more: MoreSaved = None,
    profile: Profiles = None,
    history: Location = None,
    cloud: CloudOfFigures = None,
    partner: PartnersOfFigures = None,
    retrieved_at: RetrievedAt = None,
    output: Output = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also write a PDF.")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="Also write a workbook.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the report.")] = False,
    at: At = None,
    as_of: AsOf = None,
    terms_days: Terms = 60,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Heading.")] = None,
    locale: Annotated[str, _LOCALE] = "en",
) -> None:
    """Write the report as one HTML file that opens anywhere, or as a PDF (-o NAME.pdf).

    It shows balances, payment recency and due dates. Lists of invoices add overdue amounts by
    invoice, and several payloads of a partner add trends and changes. The path of each file is
    printed. If a profile's balances cannot be fetched, the report shows the others and the exit
    code is 2; if only its list of invoices cannot be fetched, a note says why.
    """
    from pcnotebooks.overview.build import overview
    from pcnotebooks.report.page import page_of, write_page

    source = Source.of(
        sample=sample,
        payload=payload,
        more=more,
        profile=profile,
        history=history,
        cloud=cloud,
        partner=partner,
        retrieved_at=retrieved_at,
        at=at,
    )
    if not source.named or (sample and len(source.named) > 1):
        raise typer.BadParameter("give --sample, or --payload, --profile, --cloud or --history.")
    output = output or Path("sample-report.html" if sample else "invoice-summaries.html")
    printed = is_stdout(output)
    if printed and (pdf or excel or open_):
        raise typer.BadParameter("-o - prints only the page: leave out --pdf, --excel and --open.")
    if not printed and output.suffix.lower() not in {".html", ".htm", ".pdf"}:
        raise typer.BadParameter(f"{output.name} ends neither in .html nor in .pdf.")
    payloads = [pc.sample_payload()] if sample else list(source.saved())
    payloads += pc.History(history).payloads() if history else []
    if history and not payloads:
        raise ConfigurationError(
            f"The history at {without_password(history)} holds no payloads.",
            remedy="Run pcnotebooks snapshot with the same --history, or name another location.",
        )
    answers = source.fetched("invoice_summaries", "invoices")
    notes = [note for name, both in answers.items() for note in _notes(name, both)]
    payloads += [one for both in answers.values() for one in both if isinstance(one, pc.Payload)]
    failed = any(_lacks_balances(both) for both in answers.values())
    payloads = _chosen(source, payloads, failed=failed)
    days: dict[str, Any] = {"as_of": as_of, "terms_days": terms_days}
    shown = overview(payloads, locale=locale, notes=notes, **days)
    if printed:
        show_whole(page_of(shown, title))
        raise typer.Exit(2 * failed)
    output.parent.mkdir(parents=True, exist_ok=True)
    for path in dict.fromkeys([output, output.with_suffix(".pdf") if pdf else output]):
        show(write_page(shown, path, title=title))
    if excel:
        show(pc.write_excel(output.with_suffix(".xlsx"), *payloads, **days))
    if open_:
        webbrowser.open(output.resolve().as_uri())
    raise typer.Exit(2 * failed)


def _lacks_balances(both: tuple[Answer, ...]) -> bool:
    """Return whether balances failed; an app without a user is not expected to fetch them."""
    from pcnotebooks.service.refusals import NeedsUserError

    balances, invoices = both
    if isinstance(balances, NeedsUserError) and isinstance(invoices, pc.Payload):
        return False
    return isinstance(balances, PcNotebooksError)


def _chosen(source: Source, payloads: list[pc.Payload], *, failed: bool) -> list[pc.Payload]:
    """Return the payloads of the chosen partners and cloud; end the command if there are none."""
    chosen = [each for each in payloads if source.chosen(each)]
    if failed and not chosen:
        raise typer.Exit(2)
    if not chosen:
        raise ConfigurationError(
            "No payload matches --partner, --cloud and --at.",
            remedy="Correct --partner, --cloud and --at, or leave them out.",
        )
    return chosen


def _notes(name: str | None, both: tuple[Answer, ...]) -> list[str]:
    """Print the errors of a profile, and return notes on them for the page."""
    from pcnotebooks.overview.words import not_fetched

    came = [each for each in both if isinstance(each, pc.Payload)]
    notes = [
        not_fetched(came[0].partner, came[0].cloud, resource, answer)
        for resource, answer in zip(("invoice_summaries", "invoices"), both, strict=True)
        if came and isinstance(answer, PcNotebooksError)
    ]
    if _lacks_balances(both) and isinstance(both[0], PcNotebooksError):
        say_error(both[0], about=name)
    elif notes:
        show(f"Note: {notes[0]}", err=True)
    return notes
