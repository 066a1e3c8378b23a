"""The history: what is kept, what changed, and its upkeep."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import Location, Partners, Since, Until
from pcnotebooks.cli.printing import say_error, show, show_table
from pcnotebooks.errors import PayloadError
from pcnotebooks.text import named

_DIR = typer.Argument(metavar="DIR", file_okay=False, help="Folder for the files.")


def _opened(location: str | None) -> pc.History:
    """Return a history, and say if nothing is kept in it."""
    kept = pc.History(location)
    if kept.is_empty:
        next(kept.payloads(), None)  # an error if it is not there
        show(f"Nothing is kept in {kept.location} yet.")
    return kept


def list_kept(*, history: Location = None) -> None:
    """List the partners, and the payloads of summaries and of invoices kept of each."""
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
    currency: Annotated[list[str] | None, typer.Option(metavar="CODE")] = None,
    since: Since = None,
    until: Until = None,
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
    show_table(rows)
    raise typer.Exit(unexplained and bool(rows))


def compact(*, history: Location = None) -> None:
    """Merge the small files of closed months, and mend what killed processes left behind."""
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
    """Derive every table again from the payloads."""
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
    directory.mkdir(parents=True, exist_ok=True)
    for payload in kept.payloads(partner=partner, since=since, until=until):
        show(payload.save(directory / f"{file_of(payload).name}.json"))
