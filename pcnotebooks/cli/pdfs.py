"""Save the PDFs of invoices to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import Cloud, Profile
from pcnotebooks.cli.sources import signed_in
from pcnotebooks.cli.tables import AsCsv, AsJson, form_of, write
from pcnotebooks.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

_Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", file_okay=False, help="Folder for the PDFs.")
]
_List = Annotated[
    Path | None,
    typer.Option(
        "--payload",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A saved list of invoices; fetched unless given.",
    ),
]
_Ids = Annotated[
    list[str] | None,
    typer.Option("--invoice", metavar="ID", help="Only this invoice; repeatable."),
]
_HEADINGS = {"invoice_id": "invoice", "status": "status", "path": "file", "reason": "reason"}


def invoice_pdfs(
    folder: _Folder,
    *,
    profile: Profile = None,
    cloud: Cloud = None,
    payload: _List = None,
    invoice: _Ids = None,
    json_: AsJson = False,
    csv_: AsCsv = False,
) -> None:
    """Save the PDF of each invoice to FOLDER; existing PDFs are not fetched again.

    If no sign-in is cached, you are asked to sign in. A row is printed for each PDF. If one fails,
    the others are saved and the exit code is 2: run the command again to fetch the rest.
    """
    form = form_of(json_=json_, csv_=csv_, output=None)
    given = None if payload is None else pc.Payload.load(payload)
    session = signed_in(cloud, profile)
    given = given or pc.fetch_invoices(session)
    wanted: pc.Payload | pd.DataFrame = given
    if invoice:
        rows = pc.invoice_frame(given)
        if unknown := sorted(set(invoice) - set(rows["invoice_id"])):
            raise ConfigurationError(
                f"The list has no invoice {unknown[0]}.",
                remedy="Run pcnotebooks invoices to see the ids.",
            )
        wanted = rows[rows["invoice_id"].isin(invoice)]
    saved = pc.save_invoice_pdfs(session, wanted, folder)
    write(saved, _HEADINGS, form=form, output=None, empty="The list has no invoices.")
    raise typer.Exit(2 * bool((saved["status"] == "failed").any()))
