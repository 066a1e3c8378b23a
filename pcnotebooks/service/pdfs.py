"""Save the PDFs of invoices to a folder; a failure is a row with the reason."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from pcnotebooks.errors import (
    ConfigurationError,
    NetworkError,
    PayloadError,
    PcNotebooksError,
    SignInError,
)
from pcnotebooks.files import write_whole
from pcnotebooks.payload.decode import INVOICES, in_words
from pcnotebooks.payload.invoices import invoices_of
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service.client import Client, Resource
from pcnotebooks.service.progress import shown_progress
from pcnotebooks.service.refusals import NeedsUserError
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.session import Session
from pcnotebooks.text import is_blank, one_line

_log = logging.getLogger("pcnotebooks")
# Microsoft's documentation also requests application/json here, and gets a PDF.
PDFS = Resource("PDFs_of_invoices", "/invoices/{id}/documents/statement", needs_user=True)
_TIMEOUT = (10.0, 60.0)
SAVED, THERE, FAILED, NOT_STATED = "saved", "was there", "failed", "not stated"
_COLUMNS = ("partner", "cloud", "invoice_id", "pdf_path")
_TEXTS = ("invoice_id", "receipt_id", "path", "reason", "remedy", "request_id")
# A PDF ends with this mark and at most a few blanks; readers look for it in the last 1,024 bytes.
_BEGINNING, _END, _TAIL = b"%PDF-", b"%%EOF", 1024
# Capitals only: D1 and d1 are one file on Windows and macOS.
_PLAIN = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,63}")
_RESERVED = re.compile(r"CON|PRN|AUX|NUL|(COM|LPT)[0-9]")
# Without the network, the sign-in or the disk, each further document would fail for minutes.
_PATIENCE = 3


# A row of the frame: the outcome of a document.
_Row: TypeAlias = dict[str, str | None]


@dataclass(frozen=True)
class _Document:
    """A PDF to be saved: of an invoice, or of one of its tax receipts."""

    invoice_id: str
    receipt_id: str | None
    link: str | None

    @property
    def named(self) -> str:
        invoice = f"PDF of invoice {one_line(self.invoice_id, 60)!r}"
        if self.receipt_id is None:
            return invoice
        return f"{invoice}, receipt {one_line(self.receipt_id, 60)!r}"

    @property
    def file_name(self) -> str:
        receipt = "" if self.receipt_id is None else f".receipt-{_safe(self.receipt_id)}"
        return f"{_safe(self.invoice_id)}{receipt}.pdf"


def save_invoice_pdfs(
    session: Session,
    invoices: Payload | pd.DataFrame,
    folder: str | os.PathLike[str],
    *,
    progress: bool = True,
) -> pd.DataFrame:
    """Save the PDF of each invoice to a folder, one after another.

    Each file is named after the id of its invoice. It is written completely or not at all, and
    only if its content is a PDF. Complete files are not fetched again: to resume an interrupted
    call, call again. A failure is a row of the result, and the other PDFs are still saved; after
    three consecutive failures of the network, the sign-in or the disk, the rest is not requested.

    Parameters
    ----------
    session
        A user's session for the partner of the invoices: Partner Center does not give PDFs to an
        app without a user.
    invoices
        A payload from :func:`fetch_invoices`, or rows of :func:`invoice_frame`, selected with
        pandas. Only a payload includes tax receipts (Taiwan).
    folder
        The folder for the files; created if it is missing. Use one for each partner and cloud.
    progress
        Show the number of PDFs so far, in a notebook or a terminal.

    Returns
    -------
    DataFrame
        One row per PDF: ``invoice_id``, ``receipt_id`` (string; only for a tax receipt),
        ``status`` (category: saved, was there, failed, not stated), ``path`` (string; missing if
        there is no file), ``reason``, ``remedy`` and ``request_id`` (string; why there is no file).
        "Not stated" is a document without a link, such as an amendment within its invoice.

    Raises
    ------
    SignInError
        If the credential gives no token.
    ConfigurationError
        If these are not invoices, or of several partners or clouds, or the session is for an app
        without a user.
    OSError
        If the folder cannot be created.

    Notes
    -----
    Source: ``GET /v1`` and the ``pdfDownloadLink`` of each invoice, only on the session's cloud:
    a link to another host is a failure. Each PDF is retried as
    :func:`fetch_invoice_summaries` describes. In a file name, characters of an id other than
    capitals, digits, hyphens and underscores are replaced, and a hash is appended.

    Examples
    --------
    >>> from pcnotebooks import Session, fetch_invoices, invoice_frame
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> frame = invoice_frame(fetch_invoices(session))  # doctest: +SKIP
    >>> recent = frame[frame["invoice_date"] >= "2026-01-01"]  # doctest: +SKIP
    >>> saved = save_invoice_pdfs(session, recent, "contoso-invoices")  # doctest: +SKIP
    >>> saved[saved["status"] == "failed"]  # doctest: +SKIP
    """
    documents = list(dict.fromkeys(_documents(invoices)))
    # The partner is not compared, because a session may be labelled with the tenant.
    for _, cloud in _accounts(invoices):
        if cloud != session.cloud.name:
            raise ConfigurationError(
                f"The invoices are from the cloud {cloud!r}, but the session is for"
                f" {session.cloud.name!r}.",
                remedy="Sign in to that cloud as the partner of these invoices.",
            )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = _saved(session, documents, folder, progress=progress)
    statuses = pd.CategoricalDtype([SAVED, THERE, FAILED, NOT_STATED])
    frame = pd.DataFrame(
        {
            "invoice_id": [document.invoice_id for document in documents],
            "receipt_id": [document.receipt_id for document in documents],
            **{name: [row.get(name) for row in rows] for name in ("status", *_TEXTS[2:])},
        }
    )
    return frame.astype(dict.fromkeys(_TEXTS, "string") | {"status": statuses})


def _documents(invoices: Payload | pd.DataFrame) -> Iterator[_Document]:
    """Yield every document of invoices, with its link if one is stated."""
    if isinstance(invoices, pd.DataFrame):
        yield from _of_rows(invoices)
        return
    given = type(invoices).__name__
    if isinstance(invoices, Payload):
        given = in_words(invoices.resource)
    if given != INVOICES:
        raise ConfigurationError(
            f"PDFs can be saved only for invoices, not for {given}.",
            remedy="Give the payload of fetch_invoices, or rows of invoice_frame.",
        )
    for invoice in invoices_of(invoices):
        yield _Document(invoice.id, None, _link(invoice.pdf_download_link))
        for receipt in invoice.tax_receipts or ():
            link = _link(receipt.tax_receipt_pdf_download_link)
            yield _Document(invoice.id, receipt.id, link)


def _link(stated: str | None) -> str | None:
    """Return a link; None if it is blank."""
    return None if stated is None or is_blank(stated) else stated


def _accounts(invoices: Payload | pd.DataFrame) -> list[tuple[str, str]]:
    """Return partner and cloud of each account; empty for a frame without rows."""
    if isinstance(invoices, Payload):
        return [(invoices.partner, invoices.cloud)]
    accounts = invoices[["partner", "cloud"]].astype(object).drop_duplicates()
    return [(partner, cloud) for partner, cloud in accounts.itertuples(index=False)]


def _of_rows(frame: pd.DataFrame) -> Iterator[_Document]:
    if missing := [name for name in _COLUMNS if name not in frame]:
        raise ConfigurationError(
            f"The frame has no column {missing[0]!r}.",
            remedy="Give rows of invoice_frame or invoice_ageing, with all of their columns.",
        )
    accounts = _accounts(frame)
    if len(accounts) > 1:
        named = " and ".join(repr(partner) for partner, _ in accounts[:2])
        raise ConfigurationError(
            f"The frame has invoices of {len(accounts)} accounts, such as {named}, but a session"
            " is for a single account.",
            remedy='Choose one: select(frame, partner="...", cloud="...").',
        )
    if frame["invoice_id"].isna().any():
        raise ConfigurationError(
            "The frame has a row without an invoice_id.",
            remedy="Give rows of invoice_frame or invoice_ageing as they are.",
        )
    # An invoice that is listed again has the same link, or none; each listing has its row.
    links = frame.dropna(subset=["pdf_path"]).set_index("invoice_id")["pdf_path"].to_dict()
    for name in frame["invoice_id"]:
        yield _Document(str(name), None, _link(links.get(name)))


# Every line of a call handles the token.
@discreet
def _saved(
    session: Session, documents: list[_Document], folder: Path, *, progress: bool
) -> list[_Row]:
    """Return the outcome of each document."""
    show = shown_progress(len(documents)) if progress and documents else None
    rows: list[_Row] = []
    failures: list[_Row] = []  # consecutive ones, likely to affect every document
    taken: set[str] = set()  # file names, which two documents must not share
    client: Client | None = None
    with ExitStack() as resources:
        for document in documents:
            path = folder / document.file_name
            try:
                row = _without_asking(document, path, failures, taken)
                if document.link:
                    taken.add(path.name)
                if row is None:
                    if client is None:
                        client = Client(session, PDFS, _TIMEOUT)
                        resources.callback(client.close)
                    write_whole(path, _fetched(client, document))
                    row, failures = {"status": SAVED, "path": str(path)}, []
            except (PcNotebooksError, OSError) as error:
                if client is None and isinstance(error, SignInError | NeedsUserError):
                    raise  # without a user's token, no PDF can be fetched
                row = _failure(error)
                failures = [*failures, row] if _hits_all(error) else []
            rows.append(row)
            _log.debug("%s: %s", document.named, row["status"])
            if show:
                show(len(rows))
    return rows


def _without_asking(
    document: _Document, path: Path, failures: list[_Row], taken: set[str]
) -> _Row | None:
    """Return the outcome of a document that need not be requested; None if it has to be."""
    if path.name in taken:
        reason = f"Another document of this list has the same file name, {path.name}."
        return {"status": FAILED, "reason": reason, "remedy": "Save it from Partner Center."}
    if _is_there(path):
        return {"status": THERE, "path": str(path)}
    if document.link is None:
        return {"status": NOT_STATED, "reason": f"Partner Center states no {document.named}."}
    if len(failures) < _PATIENCE:
        return None
    last = failures[-1]
    reason = f"Not requested, because the three before failed, the last with: {last['reason']}"
    return {"status": FAILED, "reason": reason, "remedy": last.get("remedy")}


def _fetched(client: Client, document: _Document) -> bytes:
    """Return the bytes of a PDF, judged by its content and not by headers.

    Raises
    ------
    PcNotebooksError
        If there is no answer, a refusal, or an answer that is not a complete PDF.
    """
    client.begin()
    reply = client.get(document.link or "", part=document.named)
    if _is_pdf(reply.body[: len(_BEGINNING)], reply.body[-_TAIL:]):
        return reply.body
    is_begun = reply.body.startswith(_BEGINNING)
    what = "a PDF without its end" if is_begun else "something other than a PDF"
    raise PayloadError(
        f"{client.call.host} sent {what}{client.call.whose}: {len(reply.body):,} bytes.",
        remedy="Call again later; if it happens again, give the request id to Microsoft's support.",
        **reply.ids,
    )


def _is_pdf(beginning: bytes, end: bytes) -> bool:
    return beginning == _BEGINNING and _END in end


def _is_there(path: Path) -> bool:
    """Return whether a complete PDF exists; a folder of that name cannot be replaced."""
    if not path.exists():
        return False
    if not path.is_file():
        raise OSError(errno.EEXIST, "is not a file", str(path))
    with path.open("rb") as file:
        beginning = file.read(len(_BEGINNING))
        file.seek(max(0, path.stat().st_size - _TAIL))
        return _is_pdf(beginning, file.read())


def _hits_all(error: PcNotebooksError | OSError) -> bool:
    """Return whether every other document is likely to fail in the same way."""
    if isinstance(error, NetworkError | SignInError | OSError):
        return True
    return error.status_code in (401, 429)


def _failure(error: PcNotebooksError | OSError) -> _Row:
    if isinstance(error, OSError):
        return {"status": FAILED, "reason": f"{error.filename}: {error.strerror}."}
    facts = {"reason": error.message, "remedy": error.remedy, "request_id": error.request_id}
    return {"status": FAILED, **facts}


def _safe(name: str) -> str:
    """Return a file name for an id, which may be any text; no two ids have the same name."""
    if _PLAIN.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    kept = re.sub(r"[^A-Za-z0-9_]+", "-", name[:40]).strip("-")
    digest = hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()
    return f"{kept}~{digest[:16]}"
