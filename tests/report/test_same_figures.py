"""Balances and invoices that reconcile: one set of figures on every surface."""

from __future__ import annotations

import base64
import csv
import io
import re
from decimal import Decimal
from html import unescape
from pathlib import Path

import pypdfium2
import pytest

import pcnotebooks as pc
from pcnotebooks.amounts import add_exactly, format_amount, format_number
from tests.builders import detail, invoice, invoices, item, payload, sheet_of

# Of each currency: amounts by day of the invoice, on 5 March 2024 with terms of 60 days. The
# float sum of the first three is not the float of their total.
OPEN = {
    "GBP": {"2024-02-08": "0.1", "2023-12-20": "0.2", "2023-11-20": "0.3", "2023-06-08": "7000.45"},
    "JPY": {"2024-02-08": "1200", "2023-12-20": "88000", "2023-10-20": "3"},
    "KWD": {"2024-01-08": "0.125", "2023-11-08": "12.375"},
}
CREDIT = {"GBP": "-20.05", "JPY": "-7", "KWD": "-0.001"}


@pytest.fixture(scope="module")
def both() -> list[pc.Payload]:
    """Return balances, and the list of invoices that they are the sums of."""
    listed, stated = [], []
    for currency, by_day in OPEN.items():
        amounts = [Decimal(amount) for amount in by_day.values()]
        for place, (day, amount) in enumerate(zip(by_day, amounts, strict=True)):
            paid = {} if place else {"totalCharges": amount + 5, "paidAmount": -5}
            listed.append(
                invoice(
                    f"{currency}{place}",
                    **{"totalCharges": amount, "currencyCode": currency} | paid,
                    invoiceDate=f"{day}T00:00:00Z",
                )
            )
        credit = Decimal(CREDIT[currency])
        listed += [
            invoice(f"{currency}-C", credit, currencyCode=currency),
            invoice(f"{currency}-V", 99, currencyCode=currency, documentType="void_note"),
            invoice(f"{currency}-P", 7, currencyCode=currency, paidAmount=-7),
        ]
        whole = add_exactly([*amounts, credit])
        stated.append(item(currency, None, detail("Recurring", whole, currency=currency)))
    return [payload(*stated), invoices(*listed)]


def plain(text: str) -> str:
    """Return a text with breaking spaces, without markup."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL)
    return " ".join(unescape(text).split())


def read(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}"))))


def test_invoices_and_balances_reconcile(both):
    """Nothing is left unexplained, to the last digit."""
    frame = pc.reconcile_invoices(*both)
    assert frame["currency"].tolist() == list(OPEN)
    for row in frame.itertuples():
        amounts = [Decimal(amount) for amount in OPEN[row.currency].values()]
        credit = Decimal(CREDIT[row.currency])
        assert row.stated_balance == row.open_by_invoice == add_exactly([*amounts, credit])
        assert (row.credits, row.not_explained) == (credit, 0)


def test_the_same_figures_on_every_surface(both, tmp_path: Path):
    """Frame, chart, page, PDF, dashboard, its static view, Excel and every CSV."""
    aged = pc.invoice_ageing(pc.invoice_frame(*both, exact=True))
    bands = pc.ageing_by_currency(aged)
    html = str(pc.render_report(both))
    page = plain(html)
    pc.render_report(both, tmp_path / "x.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "x.pdf")
    paper = plain(" ".join(sheet.get_textpage().get_text_range() for sheet in document))
    box = pc.dashboard(payloads=both)
    views = [page, plain(box._explorer.html()), plain(box._repr_mimebundle_()["text/html"])]
    book = pc.write_excel(tmp_path / "x.xlsx", *both)
    sheets = {name: sheet_of(book, name).to_dict("records") for name in ("invoices", "ageing")}
    (inside,) = re.findall(r'download="invoices[^>]*base64,([^"]+)"', html)
    files = [
        read(base64.b64decode(inside).decode("utf-8")),
        read(pc.write_csv(tmp_path / "x.csv", aged).read_text("utf-8")),
        read(pc.csv_text(pc.invoice_ageing(pc.invoice_frame(*both)))),  # floats
    ]
    for code, row in bands.iterrows():
        own = aged[aged["currency"] == code]
        words = {band: format_amount(row[band], code) for band in row.index if row[band]}
        title = pc.plot_ageing(pc.select(pc.invoice_frame(*both), currency=code)).get_title("left")
        overdue = add_exactly(row[["1-30", "31-60", "61-90", "over 90"]])
        said = format_amount(overdue, code)
        assert said.replace("\N{NO-BREAK SPACE}", " ") in " ".join(title.split())
        for view in views:
            for band, amount in words.items():
                days = "" if band in ("credit", "not due") else " days"
                assert f"{band}{days} · {amount}".replace("\N{NO-BREAK SPACE}", " ") in view
            assert f"{said} of".replace("\N{NO-BREAK SPACE}", " ") in view
            assert "not explained by invoices 0" in view
        (cells,) = (each for each in sheets["ageing"] if each["currency"] == code)
        assert [Decimal(repr(cells[band])) for band in row.index] == row.tolist()
        for one in own.itertuples():
            number = format_number(one.open_amount, code)
            if one.ageing not in ("void", "paid"):
                assert all(f"{one.invoice_id} " in view and number in view for view in views)
                assert one.invoice_id in paper
                assert number in paper
            (cells,) = (each for each in sheets["invoices"] if each["invoice_id"] == one.invoice_id)
            assert Decimal(repr(cells["open_amount"])) == one.open_amount
            for rows in files:
                (found,) = (each for each in rows if each["invoice_id"] == one.invoice_id)
                assert Decimal(found["open_amount"]) == one.open_amount
                assert found["ageing"] == one.ageing
        assert add_exactly(own["open_amount"]) == add_exactly(row)
    assert [[each["open_amount"] for each in rows] for rows in files] == [
        [each["open_amount"] for each in files[0]]
    ] * 3
