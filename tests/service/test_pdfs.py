"""Saving the PDFs of invoices, against a real server on loopback."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pypdfium2
import pytest

from pcnotebooks.errors import ConfigurationError, SignInError
from pcnotebooks.frame.ageing import invoice_ageing
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from pcnotebooks.service import client
from pcnotebooks.service.pdfs import save_invoice_pdfs
from pcnotebooks.session.session import Session
from tests.builders import AT, invoice, invoices
from tests.services.callers import Rotating
from tests.services.partner_center import Answer, pdf
from tests.services.planted import TOKEN

FOUR = invoices(*[invoice(f"D{number}") for number in range(1, 5)])
# What Windows, shells and file systems do not take as a name, and what leaves a folder.
HOSTILE = [
    "../../outside", "/etc/passwd", "..", ".", "a/b", "a\\b", "C:\\x", "D1", "d1", "D1.", "D1 ",
    "CON", "NUL", "COM1", "LPT9", "aux", "X" * 400, "x" * 400, "é", "e\u0301", "\u202eD1", "D\x001",
    "D:1", "D*1", "D~1", "a-b", "A-B", "\U0001f9fe", "-rf", "~", "D1.receipt-1", "%2e%2e",
]  # fmt: skip


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Return the seconds that were waited between attempts, none of which pass."""
    seconds = []
    monkeypatch.setattr(client, "sleep", seconds.append)
    return seconds


def of(service):
    """Return the stand-in as the cloud that the invoices are of."""
    return replace(service.cloud, name="global")


def save(service, folder, chosen=FOUR, **options):
    """Save with the planted token, which the result must not show."""
    session = Session.from_token(of(service), TOKEN, partner="Contoso")
    frame = save_invoice_pdfs(session, chosen, folder, **options)
    assert TOKEN not in frame.to_csv()
    assert {path.suffix for path in folder.iterdir()} <= {".pdf", ""}
    return frame


def test_each_invoice_is_a_pdf_in_the_folder(partner_center, tmp_path):
    """Under its id, with the bytes as they came, although the answer is called JSON."""
    service = partner_center()
    folder = tmp_path / "new" / "pdfs"
    frame = save(service, folder)
    assert frame["status"].tolist() == ["saved"] * 4
    assert sorted(path.name for path in folder.iterdir()) == [
        "D1.pdf",
        "D2.pdf",
        "D3.pdf",
        "D4.pdf",
    ]
    path = "/v1/invoices/D3/documents/statement"
    assert Path(frame["path"][2]).read_bytes() == pdf(path)
    document = pypdfium2.PdfDocument(folder / "D3.pdf")
    assert document[0].get_textpage().get_text_bounded() == path
    document.close()
    assert [request.path for request in service.requests][2] == path
    # Each is a call of its own to the service.
    assert len({request.headers["MS-RequestId"] for request in service.requests}) == 4


def test_what_is_there_is_not_fetched_again(partner_center, tmp_path):
    """A whole PDF stays; half a one, and what is no PDF, is replaced."""
    service = partner_center()
    save(service, tmp_path)
    kept = pdf("kept")
    (tmp_path / "D1.pdf").write_bytes(kept)
    (tmp_path / "D2.pdf").write_bytes(pdf()[:-20])
    (tmp_path / "D3.pdf").write_bytes(b"")
    again = save(service, tmp_path)
    assert again["status"].tolist() == ["was there", "saved", "saved", "was there"]
    assert (tmp_path / "D1.pdf").read_bytes() == kept
    assert len(service.requests) == 6
    no_token = Session(of(service), Rotating(RuntimeError("expired")))
    assert set(save_invoice_pdfs(no_token, FOUR, tmp_path)["status"]) == {"was there"}


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Answer(b'{"_content": {}}'), "something other than a PDF"),
        (Answer(b"<html>%PDF-1.4 %%EOF", headers={"Content-Type": "application/pdf"}), "something"),
        (Answer(b"\n" + pdf()), "something other than a PDF"),
        (Answer(b""), "something other than a PDF"),
        (Answer(pdf()[:-20]), "a PDF without its end"),
        (Answer(pdf(TOKEN)), "repeats the access token"),
        (Answer(status=401), "401"),
        (Answer(status=403), "403"),
        (Answer(status=404), "404"),
        (Answer(status=302, headers={"Location": "https://elsewhere.example/x"}), "redirect to"),
        (Answer(status=429, headers={"Retry-After": "600"}), "asks to wait 600 seconds"),
    ],
)
def test_a_failure_is_a_row(partner_center, tmp_path, step, reason):
    """It is not asked for at once again, leaves no file, and costs the others nothing."""
    service = partner_center(pdfs=[Answer(pdf()), step])
    frame = save(service, tmp_path)
    assert frame["status"].tolist() == ["saved", "failed", "saved", "saved"]
    assert len(service.requests) == 4
    assert reason in frame["reason"][1]
    assert "for 'Contoso' (PDF of invoice 'D2')" in frame["reason"][1]
    assert frame["remedy"][1]
    assert frame["request_id"][1] == service.requests[1].headers["MS-RequestId"]
    assert not (tmp_path / "D2.pdf").exists()
    assert frame.loc[0, ["reason", "remedy", "request_id"]].isna().all()


@pytest.mark.parametrize(
    "step",
    [
        Answer(status=429, headers={"Retry-After": "7"}),
        Answer(pdf(), stop_after=100),
        Answer(pdf(), stop_after=100, chunks=60),
        Answer(status=503),
        Answer(reset=True),
    ],
)
def test_what_passes_is_asked_for_again(partner_center, tmp_path, waits, step):
    """Throttled, cut off, out of order: the next answer is the PDF."""
    frame = save(partner_center(pdfs=[step]), tmp_path)
    assert frame["status"].tolist() == ["saved"] * 4
    assert len(waits) == 1
    assert step.status != 429 or waits == [7]


def test_after_three_failures_of_the_network_the_rest_is_not_asked_for(
    partner_center, tmp_path, monkeypatch
):
    """Five hundred invoices would take hours to fail; each has its row all the same."""
    monkeypatch.setattr(client, "_RETRIES", 0)
    (tmp_path / "D6.pdf").write_bytes(pdf())
    chosen = invoices(*[invoice(f"D{number}") for number in range(1, 8)])
    throttled = Answer(status=429, headers={"Retry-After": "600"})
    service = partner_center(pdfs=[throttled, Answer(status=404), *[throttled] * 3])
    frame = save(service, tmp_path, chosen)
    assert frame["status"].tolist() == [*["failed"] * 5, "was there", "failed"]
    assert len(service.requests) == 5
    assert "Not requested" in frame["reason"][6]
    assert "429" in frame["reason"][6]


def test_ids_become_safe_names(partner_center, tmp_path):
    """Every file is in the folder, under a name of its own that every system takes."""
    folder = tmp_path / "pdfs"
    link = "/x/documents/statement"
    chosen = invoices(*[invoice(name, pdfDownloadLink=link) for name in HOSTILE])
    frame = save(partner_center(), folder, chosen)
    assert set(frame["status"]) == {"saved"}
    names = [path.name for path in folder.iterdir()]
    assert len({name.casefold() for name in names}) == len(frame) == len(HOSTILE)
    assert all(re.fullmatch(r"[A-Za-z0-9_~][A-Za-z0-9_~-]{0,90}\.pdf", name) for name in names)
    assert not {"CON", "NUL", "COM1", "LPT9", "AUX"} & {Path(name).stem.upper() for name in names}
    assert list(tmp_path.iterdir()) == [folder]
    assert set(save(partner_center(), folder, chosen)["status"]) == {"was there"}


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/x", "//elsewhere.example/x", "http://127.0.0.1:1/x"]
)
def test_a_link_to_another_host_is_not_followed(partner_center, tmp_path, link):
    """The token goes to the session's cloud alone."""
    service = partner_center()
    frame = save(service, tmp_path, invoices(invoice("D1", pdfDownloadLink=link), invoice("D2")))
    assert frame["status"].tolist() == ["failed", "saved"]
    assert "which was not requested" in frame["reason"][0]
    assert len(service.requests) == 1


def test_rows_of_a_frame_are_chosen_with_pandas(partner_center, tmp_path):
    """Of several payloads an invoice is saved once, and its ageing is no obstacle."""
    later = Payload(FOUR.body, "global", "Contoso", AT.replace(year=2025), resource="invoices")
    frame = invoice_ageing(invoice_frame(FOUR, later))
    service = partner_center()
    chosen = frame[frame["invoice_id"].isin(["D2", "D4"])]
    assert save(service, tmp_path, chosen)["invoice_id"].tolist() == ["D2", "D4"]
    empty = save(service, tmp_path, frame.head(0))
    assert len(empty) == 0
    assert empty.dtypes.astype(str).to_dict() == {
        "invoice_id": "string",
        "receipt_id": "string",
        "status": "category",
        "path": "string",
        "reason": "string",
        "remedy": "string",
        "request_id": "string",
    }
    assert len(service.requests) == 2


def test_receipts_and_documents_without_a_link(partner_center, tmp_path):
    """A tax receipt is a file of its own; an amendment within its invoice states no link."""
    link = "/invoices/D1/receipts/123456/documents/statement"
    receipt = {"id": "123456", "taxReceiptPdfDownloadLink": link}
    amendment = invoice("D9", pdfDownloadLink=...)
    chosen = invoices(invoice("D1", taxReceipts=[receipt], amendments=[amendment]))
    service = partner_center()
    frame = save(service, tmp_path, chosen)
    assert frame["status"].tolist() == ["saved", "saved", "not stated"]
    assert frame["receipt_id"].tolist() == [pd.NA, "123456", pd.NA]
    assert Path(frame["path"][1]) == tmp_path / "D1.receipt-123456.pdf"
    assert service.requests[1].path == f"/v1{link}"


def test_two_documents_never_share_a_file(partner_center, tmp_path):
    """A receipt without an id is not the invoice; of two with one id, the second is a failure."""
    link = "/invoices/D1/receipts/{}/documents/statement"
    receipts = [
        {"id": name, "taxReceiptPdfDownloadLink": link.format(place)}
        for place, name in enumerate(["", "7", "7"])
    ]
    service = partner_center()
    frame = save(service, tmp_path, invoices(invoice("D1", taxReceipts=receipts)))
    assert frame["status"].tolist() == ["saved", "saved", "saved", "failed"]
    assert frame["path"].nunique() == len(list(tmp_path.iterdir())) == 3
    assert Path(frame["path"][1]).read_bytes() == pdf(f"/v1{link.format(0)}")
    assert "Another document" in frame["reason"][3]


@pytest.mark.parametrize("link", ["", " ", "\u200b \t"])
def test_a_blank_link_is_not_asked_for(partner_center, tmp_path, link):
    """Partner Center states none."""
    service = partner_center()
    frame = save(service, tmp_path, invoices(invoice("D1", pdfDownloadLink=link)))
    assert frame["status"].tolist() == ["not stated"]
    assert service.requests == []


def test_a_name_that_is_taken_is_a_row(partner_center, tmp_path):
    """A folder, or a pipe that would never be read, of that name."""
    (tmp_path / "D1.pdf").mkdir()
    os.mkfifo(tmp_path / "D2.pdf")
    (tmp_path / "D3.pdf").symlink_to(tmp_path / "nowhere")
    frame = save(partner_center(), tmp_path)
    assert frame["status"].tolist() == ["failed", "failed", "saved", "saved"]
    assert "D1.pdf: is not a file." in frame["reason"][0]


def test_what_cannot_be_saved_is_refused_before_anything_is_asked(partner_center, tmp_path):
    """Summaries, a list, a frame of two partners or without links; a file in place of a folder."""
    service = partner_center()
    two = invoice_frame(FOUR, invoices(invoice("D1"), partner="Fabrikam"))
    refused = {
        "not for invoice summaries": sample_payload(),
        "not for list": [FOUR],
        "2 accounts, such as 'Contoso' and 'Fabrikam'": two,
        "no column 'pdf_path'": two.drop(columns="pdf_path"),
        "a row without an invoice_id": invoice_frame(FOUR).assign(invoice_id=pd.NA),
        "from the cloud 'china', but the session is for 'global'": replace(FOUR, cloud="china"),
        "from the cloud 'us_government'": invoice_frame(replace(FOUR, cloud="us_government")),
    }
    for words, chosen in refused.items():
        with pytest.raises(ConfigurationError, match=words):
            save(service, tmp_path, chosen)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        save(service, tmp_path / "file")
    assert service.requests == []


def test_without_a_token_there_is_no_row(partner_center, tmp_path):
    """A credential that fails from the beginning is the caller's to see."""
    session = Session(of(partner_center()), Rotating(RuntimeError("expired")))
    with pytest.raises(SignInError, match="gave no token"):
        save_invoice_pdfs(session, FOUR, tmp_path)


def test_a_token_that_expires_on_the_way_is_renewed(partner_center, tmp_path):
    """An hour is over before a thousand PDFs are."""
    service = partner_center(pdfs=[Answer(pdf()), Answer(status=401)])
    session = Session(of(service), Rotating("the-first-token", TOKEN))
    assert set(save_invoice_pdfs(session, FOUR, tmp_path)["status"]) == {"saved"}
    assert service.requests[2].headers["Authorization"] == f"Bearer {TOKEN}"
