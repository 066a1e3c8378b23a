"""List, compare and maintain the history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import (
    CloudOfFigures,
    Currencies,
    Invoices,
    Location,
    Partners,
    RetrievedAt,
    Since,
    Unexplained,
    Until,
)
from pcnotebooks.cli.printing import say_error, show, show_table
from pcnotebooks.cli.sources import Source, accounts_in, require_known
from pcnotebooks.errors import ConfigurationError, PayloadError, PcNotebooksError
from pcnotebooks.text import named

if TYPE_CHECKING:
    import pandas as pd

_DIR = typer.Argument(metavar="DIR", file_okay=False, help="Folder for the files.")


def _opened(location: str | None) -> pc.History:
    """Open a history, and report if it is empty."""
    kept = pc.History(location)
    if kept.is_empty:
        next(kept.payloads(), None)  # raises if it does not exist
        show(f"Nothing is kept in {kept.location} yet.")
    return kept


def list_kept(*, history: Location = None) -> None:
    """List the partners, each with the number and the dates of its payloads."""
    kept = _opened(history)
    found = kept.index()
    whole = found["damage"].isna()
    by = ["partner", "cloud", found["resource"].str.replace("_", " ")]
    groups = found[whole].groupby(by, observed=True)["retrieved_at"]
    days = (([named(str(partner)), *of], at) for (partner, *of), at in groups)
    show_table([*of, len(at), f"{at.min():%Y-%m-%d}", f"{at.max():%Y-%m-%d}"] for of, at in days)
    for row in found[~whole].itertuples():
        say_error(
            PayloadError(f"{row.file} in {kept.location} {row.damage}.", remedy=str(row.remedy))
        )
    raise typer.Exit(not whole.all())


def changes(
    *,
    history: Location = None,
    partner: Partners = None,
    currency: Currencies = None,
    since: Since = None,
    until: Until = None,
    invoices: Invoices = False,
    unexplained: Unexplained = False,
) -> None:
    """Describe each change from one payload to the next in a line.

    It has the day, the partner, the change of the balance and its causes; with --invoices, the
    document, and whether it is new, paid or voided. For a table, JSON or CSV, run pcnotebooks
    changes.
    """
    if invoices and unexplained:
        raise typer.BadParameter("--unexplained applies only to balances: leave out --invoices.")
    kept = _opened(history)
    if partner:
        require_known(accounts_in(kept), partner, None)
    found = kept.changes(
        partner=partner,
        since=since,
        until=until,
        resource="invoices" if invoices else "invoice_summaries",
        exact=True,
    )
    found = pc.select(found, currency=currency)  # warns of a misspelt currency
    steps = found.sort_values("retrieved_at", kind="stable")
    rows = _documents(steps) if invoices else _movements(steps, unexplained=unexplained)
    show_table(rows)
    raise typer.Exit(unexplained and bool(rows))


def _movements(steps: pd.DataFrame, *, unexplained: bool) -> list[list[object]]:
    """Return a row for each balance that moved: day, partner, change and causes."""
    from pcnotebooks.amounts import format_amount

    rows: list[list[object]] = []
    row: Any
    for row in steps.itertuples():
        causes = []
        if row.payment_seen:
            paid = row.payment_amount  # None if the service states no amount
            amount = "" if paid is None else f" of {format_amount(paid, row.currency)}"
            causes.append(f"payment{amount} on {row.payment_date:%Y-%m-%d}")
        if row.invoice_seen:
            causes.append(f"invoice of {row.invoice_date:%Y-%m-%d}")
        if row.unexplained:
            causes.append("Unexplained movement")
        if row.unexplained if unexplained else (row.balance_change or causes):
            moved = format_amount(row.balance_change, row.currency)
            rows.append([row.retrieved_at.date(), named(row.partner), moved, ", ".join(causes)])
    return rows


def _documents(steps: pd.DataFrame) -> list[list[object]]:
    """Return a row for each document that changed: day, partner, id, change, open amounts."""
    from pcnotebooks.amounts import format_amount

    rows: list[list[object]] = []
    row: Any
    for row in steps.itertuples():
        amounts = [
            f"{format_amount(amount, row.currency)} {what}"
            for amount, what in (
                (row.previous_open_amount, "open before"), (row.open_amount, "open now"),
            )
            if amount is not None
        ]  # fmt: skip
        whose = [row.retrieved_at.date(), named(row.partner)]
        rows.append([*whose, row.invoice_id, row.change, ", ".join(amounts)])
    return rows


def add_files(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Saved payloads."),
    ],
    *,
    history: Location = None,
    cloud: CloudOfFigures = None,
    partner: Annotated[
        str | None, typer.Option(metavar="NAME", help="The partner of raw answers.")
    ] = None,
    retrieved_at: RetrievedAt = None,
    sample: Annotated[bool, typer.Option("--sample", help="Also keep sample data.")] = False,
) -> None:
    """Add payloads from files to the history, such as those written by export.

    A payload that the history already has is not added again. For a raw answer, which is a file
    not written by Payload.save, give --cloud, --partner and --retrieved-at. If a file fails, the
    others are kept and the exit code is 2.
    """
    kept = pc.History(history)
    failed = False
    partners = () if partner is None else (partner,)
    for file in files:
        source = Source(files=[file], cloud=cloud, partners=partners, retrieved_at=retrieved_at)
        try:
            (payload,) = source.saved()
            if payload.is_sample and not sample:
                raise ConfigurationError("This is sample data.", remedy="Give --sample to keep it.")
            is_new = kept.append(payload, sample=sample)
        except (PcNotebooksError, OSError) as error:
            failed = True
            say_error(error, about=file)
        else:
            show(f"{file}: {'kept' if is_new else 'already kept'}")
    raise typer.Exit(2 * failed)


def compact(*, history: Location = None) -> None:
    """Merge the small files of past months, and repair leftovers of interrupted processes."""
    show(f"{_opened(history).compact()} files merged.")


def verify(*, history: Location = None) -> None:
    """Check every hash; exit code 1 if any file is damaged."""
    kept = _opened(history)
    damaged = kept.verify()
    for row in damaged.itertuples():
        show(f"{row.file} {row.damage}.")
        show(row.remedy)
    if damaged.empty and not kept.is_empty:
        show("Nothing is damaged.")
    raise typer.Exit(not damaged.empty)


def rebuild(*, history: Location = None) -> None:
    """Rebuild all tables from the payloads."""
    _opened(history).rebuild()
    show("Rebuilt.")


def export(
    directory: Annotated[Path, _DIR],
    *,
    history: Location = None,
    partner: Partners = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Save each payload as a file that report --payload and Payload.load read."""
    from pcnotebooks.history.files import file_of

    kept = _opened(history)
    if partner:
        require_known(accounts_in(kept), partner, None)
    directory.mkdir(parents=True, exist_ok=True)
    for payload in kept.payloads(partner=partner, since=since, until=until):
        show(payload.save(directory / f"{file_of(payload).name}.json"))
