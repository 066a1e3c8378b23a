"""Payloads handed on as CSV and Excel: the same figures, no formulas, nothing rounded."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pcnotebooks import (
    ConfigurationError,
    Payload,
    ageing_by_currency,
    balance_changes,
    balances_by_type,
    csv_text,
    invoice_ageing,
    invoice_frame,
    payment_recency,
    plot_balances,
    reconcile,
    reconcile_invoices,
    render_report,
    sample_history,
    sample_payload,
    select,
    summary_frame,
    totals_frame,
    write_csv,
    write_excel,
)
from pcnotebooks.amounts import add_exactly, format_amount, format_number
from pcnotebooks.overview.build import overview
from pcnotebooks.report.spreadsheet import _csv_cell
from tests.builders import AT, body, detail, invoice, invoices, item, of_summaries, payload

SHEETS = ["totals", "details", "recency", "reconciliation", "changes", "provenance", "columns"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "x;=1", "\uff1d1", "x\n-1"]


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _named(sheet: Any) -> list[str]:
    """Return the names in Python of a sheet's columns, which the last sheet states."""
    rows = sheet.parent["columns"].iter_rows(2, values_only=True)
    names = {title: name for where, title, name in rows if where == sheet.title}
    return [names[cell.value] for cell in sheet[1]]


def _records(sheet: Any) -> list[dict[str, Any]]:
    """Return the table of a sheet, which ends at the first empty row."""
    table, names = [], _named(sheet)
    for row in sheet.iter_rows(2, values_only=True):
        if not any(value is not None for value in row):
            break
        table.append(dict(zip(names, row, strict=True)))
    return table


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the workbook of the summaries of the made-up history."""
    path = tmp_path_factory.mktemp("excel") / "history.xlsx"
    return write_excel(path, *of_summaries(sample_history()))


def test_csv_has_the_columns_of_payment_recency():
    """The tidy frame's columns in their order, with source in front and as_of among the days."""
    header = csv_text(sample_payload()).splitlines()[0].split(",")
    assert header[0] == "source"
    assert header[header.index("retrieved_at") + 1] == "as_of"
    columns = list(payment_recency(summary_frame(sample_payload())).columns)
    assert [name for name in header if name not in ("source", "as_of")] == columns


def test_csv_of_the_sample():
    """Exact amounts, ISO moments, empty where nothing is stated, and said to be sample data."""
    rows = _rows(csv_text(sample_payload(), as_of="2018-03-16"))
    assert {row["source"] for row in rows} == {"Sample data"}
    recurring = rows[2]
    assert recurring["balance_amount"] == "202955.87"
    assert recurring["last_payment_date"] == "2017-01-01T12:00:00Z"
    assert recurring["last_payment_amount"] == "1000.00"
    assert recurring["days_since_payment"] == "439"
    assert recurring["latest_invoice_date"] == recurring["invoice_due_date"] == ""
    assert rows[3]["payment_status"] == "never paid"
    assert rows[3]["invoice_due_date"] == "2018-05-15"
    assert rows[3]["days_until_due"] == "60"


def test_csv_opens_in_excel_with_its_symbols(tmp_path: Path):
    """A byte order mark tells Excel that it is UTF-8; line ends are not doubled."""
    path = write_csv(tmp_path / "sample.csv", sample_payload())
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfsource,")
    assert "£".encode() in content
    assert b"\r\r\n" not in content
    assert content.decode("utf-8-sig") == csv_text(sample_payload())


def test_csv_reads_back_as_the_frame(tmp_path: Path):
    """What pandas reads is what summary_frame holds, row by row."""
    frame = summary_frame(*sample_history())
    path = write_csv(tmp_path / "history.csv", *sample_history())
    read = pd.read_csv(path, parse_dates=["retrieved_at", "latest_invoice_date"])
    assert read["balance_amount"].tolist() == frame["balance_amount"].tolist()
    assert read["retrieved_at"].tolist() == frame["retrieved_at"].tolist()
    assert read["invoice_type"].tolist() == frame["invoice_type"].tolist()
    assert read["currency"].tolist() == frame["currency"].tolist()


def test_days_of_earlier_payloads_are_counted_from_when_they_were():
    """An as-of day is the latest payload's; a balance seen in January was as of January."""
    first, last = (
        payload(item("GBP", None, detail("Recurring", 5, lastPaymentDate="2024-01-01")), at=at)
        for at in (AT, AT.replace(month=4))
    )
    rows = _rows(csv_text(first, last, as_of="2024-12-31"))
    assert [row["as_of"] for row in rows] == ["2024-03-05", "2024-12-31"]
    assert [row["days_since_payment"] for row in rows] == ["64", "365"]


@pytest.mark.parametrize(
    ("balance", "currency", "written"),
    [
        ("-12.5", "GBP", "-12.50"),
        ("0.1", "KWD", "0.100"),
        ("12", "JPY", "12"),
        ("12.5", "JPY", "12.5"),
        ("1.23456", "GBP", "1.23456"),
        ("100000000000000.01", "GBP", "100000000000000.01"),
        ("1E+3", "GBP", "1000.00"),
    ],
)
def test_amounts_in_csv_are_exact(balance: str, currency: str, written: str):
    """With the currency's own decimals at least, every digit, and a minus that stays a minus."""
    given = payload(item(currency, Decimal(balance)))
    assert _rows(csv_text(given))[0]["balance_amount"] == written


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_in_service_text_are_defused(text: str, tmp_path: Path):
    """Partner, symbol and invoice type are text: by an apostrophe in CSV, by type in Excel."""
    stated = item("GBP", None, detail(text, -5, currencySymbol=text))
    given = replace(payload(stated, partner=text))
    for row in _rows(csv_text(given)):
        for name in ("partner", "currency_symbol", "invoice_type"):
            assert row[name].replace("'", "") == text
            assert "'" in row[name]
            assert not re.search(r"(^|[;\t\r\n])\s*[=+\-@\uff1d]", row[name])
        assert row["balance_amount"] == "-5.00"
    book = openpyxl.load_workbook(write_excel(tmp_path / "x.xlsx", given))
    for sheet in book:
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" for cell in row)
    cell = book["details"]["B2"]
    assert (cell.data_type, cell.number_format) == ("s", "@")
    if "\r" not in text:  # XML reads a carriage return as a line feed
        assert cell.value == text


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_text_at_all_begins_a_cell_as_a_formula(text: str):
    """Whatever is sent, no cell begins with what a spreadsheet would compute."""
    written = _csv_cell(text, "GBP")
    assert not re.search(r"(^|[;\t\r\n])\s*[=+\-@]|^[\t\r\n]", written)


@given(st.lists(st.text("=;,\t\r\n\"'- a", max_size=9), min_size=2, max_size=2))
@example(["a;\"=cmd|' /C calc'!A0", "b"])
@example(['a\t""=1', 'a\n"=1'])
@settings(max_examples=500, deadline=None)
def test_no_cell_is_a_formula_whatever_ends_a_cell(texts: list[str]):
    """The settings of the country choose comma, semicolon or tab, and quotes mean what they do."""
    partner, kind = texts
    text = csv_text(payload(item("GBP", None, detail(f"x{kind}", 5)), partner=partner))
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not [cell for cell in row if re.match(r"\s*[=+\-@]", cell)]


def test_a_long_text_of_blanks_is_written_at_once():
    """Looking from each tab to the end of all of them would take hours."""
    assert len(_csv_cell("\t;" * 200_000 + " " * 200_000, "GBP")) == 600_001


@pytest.mark.parametrize("sent", ["-0.0", "-0", "-0.00"])
def test_nothing_has_no_sign_in_csv(sent: str):
    """Minus nothing is a float's, not an accountant's."""
    answer = payload(item("GBP", Decimal(sent), lastPaymentAmount=Decimal(sent)))
    row = _rows(csv_text(answer))[0]
    assert (row["balance_amount"], row["last_payment_amount"]) == ("0.00", "0.00")


@pytest.mark.parametrize(
    "text",
    ["North_x0041_South", "_x005F_x0041_", "_x000D__x000a_", "__x0041__", "x_x004_", "_X0041_"],
)
def test_excel_reads_no_letter_into_a_text(text: str, tmp_path: Path):
    """Excel takes _x0041_ for A unless its first underscore is written as _x005F_."""
    given = payload(item("GBP", None, detail(text, 5, currencySymbol=text)), partner=text)
    path = write_excel(tmp_path / "x.xlsx", given)
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).decode() for name in book.namelist() if "xl/" in name}
    texts = re.findall(r"<t[^>]*>([^<]*)</t>", "".join(parts.values()))
    # As Excel reads them, all at once and from the left.
    shown = [
        re.sub("_x([0-9A-Fa-f]{4})_", lambda code: chr(int(code[1], 16)), each) for each in texts
    ]
    assert shown.count(text) >= 3


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\x0bb", "x" * 10_000, "\u202eegap", "<b>&amp;</b>", "😀"]
)
def test_hostile_text_gives_a_workbook_that_opens(text: str, tmp_path: Path):
    """What XML cannot hold is replaced; everything else stays as it is."""
    given = payload(item("GBP", None, detail(text, 5)))
    book = openpyxl.load_workbook(write_excel(tmp_path / "x.xlsx", given))
    kept = re.sub(r"[\x00-\x1f]", "\N{REPLACEMENT CHARACTER}", text)
    assert book["details"]["F2"].value == kept


def test_excel_has_a_sheet_for_each_question(history: Path):
    """Behind the summary: frozen titles, filters, tidy widths, and each title once."""
    book = openpyxl.load_workbook(history)
    assert book.sheetnames == ["summary", *SHEETS]
    for sheet in book.worksheets[1:]:
        titles = [cell.value for cell in sheet[1]]
        assert len(set(titles)) == len(titles)
        assert not any("_" in title for title in titles)
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref.startswith("A1:")
        assert {cell.font.bold for cell in sheet[1]} == {True}
        for column in sheet.column_dimensions.values():
            assert 8 <= column.width <= 72
        assert "Sample data" in sheet.oddHeader.center.text
        assert sheet["A2"].value == "Sample data" or sheet.title == "columns"


def test_excel_opens_on_a_summary_in_words(tmp_path: Path):
    """Notices, then a row for each account with amounts that are numbers, then sentences."""
    book = openpyxl.load_workbook(write_excel(tmp_path / "x.xlsx", *sample_history()))
    sheet = book.active
    assert sheet.title == "summary"
    first = [sheet.cell(row, 1).value for row in range(1, 8)]
    assert first[0] == "Balance owed to Microsoft"
    assert first[1] == "Sample data, not an account"
    assert "CHF\N{NO-BREAK SPACE}2,434.83 overdue since 17\N{NO-BREAK SPACE}Aug" in first[3]
    top = int(sheet.freeze_panes[1:]) - 1
    header = [cell.value for cell in sheet[top]]
    rows = [
        dict(zip(header, row, strict=True))
        for row in sheet.iter_rows(top + 1, top + 7, values_only=True)
    ]
    whole = overview(sample_history())
    accounts = [account for section in whole.ranked for account in section.ranked]
    assert [row["Partner"] for row in rows] == [account.name for account in accounts]
    balances = [row["Balance owed, in currency"] for row in rows]
    assert balances == [float(account.balance) for account in accounts]
    assert rows[0]["Overdue, in currency"] == 2434.83
    assert sheet.cell(top + 1, 3).number_format == "#,##0.00_);(#,##0.00)"
    words = [sheet.cell(row, 1).value for row in range(top + 8, sheet.max_row + 1)]
    assert any(accounts[0].sentence in (each or "") for each in words)


def test_excel_takes_frames(tmp_path: Path):
    """Each is a sheet with the name of its kind, as it is; two of a kind are numbered."""
    frame = summary_frame(sample_payload())
    aged = invoice_ageing(invoice_frame(sample_payload("invoices")))
    path = write_excel(
        tmp_path / "x.xlsx", frame, aged.assign(**{"=1+1": 1.5}), frame, balances_by_type(frame)
    )
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["details", "invoices", "details (2)", "table", "columns"]
    for name in ("details", "details (2)"):
        records = _records(book[name])
        assert [row["balance_amount"] for row in records] == frame["balance_amount"].tolist()
    sheet = book["invoices"]
    assert (sheet.cell(1, sheet.max_column).value, sheet.cell(1, sheet.max_column).data_type) == (
        "=1+1",
        "s",
    )
    assert sheet.cell(2, sheet.max_column).value == 1.5
    assert _records(sheet)[1]["due_date"] == datetime(2018, 4, 9)  # noqa: DTZ001
    for others, options in (((sample_payload(),), {}), ((), {"as_of": "2018-03-16"})):
        with pytest.raises(ConfigurationError, match="is written unchanged"):
            write_excel(tmp_path / "y.xlsx", frame, *others, **options)


def test_a_report_of_a_frame_names_what_to_pass():
    """A frame has neither totals nor provenance."""
    frame = summary_frame(sample_payload())
    for given_ in (frame, [frame], [sample_payload(), frame]):
        with pytest.raises(ConfigurationError, match="payloads") as caught:
            render_report(given_)
        assert "render_report(sample_payload()" in caught.value.remedy


def test_excel_holds_the_frames(history: Path):
    """Each sheet is its frame, number by number."""
    payloads = of_summaries(sample_history())
    book = openpyxl.load_workbook(history)
    for name, frame in (
        ("totals", totals_frame(*payloads)),
        ("details", summary_frame(*payloads)),
        ("recency", payment_recency(summary_frame(*payloads))),
    ):
        records = _records(book[name])
        assert [row["balance_amount"] for row in records] == frame["balance_amount"].tolist()
        naive = frame["retrieved_at"].dt.tz_convert(None)
        assert [row["retrieved_at"] for row in records] == naive.tolist()
    records = _records(book["recency"])
    recency = payment_recency(summary_frame(*payloads))
    assert [row["days_since_payment"] for row in records] == [
        None if pd.isna(days) else days for days in recency["days_since_payment"]
    ]
    assert [row["difference"] for row in _records(book["reconciliation"])] == [0] * len(
        reconcile(*payloads)
    )
    known = {each.sha256 for each in payloads}
    assert {row["sha256"] for row in _records(book["provenance"])} == known


def test_numbers_look_like_their_currency(history: Path):
    """Two, no and three decimals, and credits in parentheses; dates are dates."""
    book = openpyxl.load_workbook(history)
    formats = {
        row["currency"].value: row["balance_amount"].number_format for row in _cells(book["totals"])
    }
    assert formats["GBP"] == "#,##0.00_);(#,##0.00)"
    assert formats["JPY"] == "#,##0_);(#,##0)"
    assert formats["KWD"] == "#,##0.000_);(#,##0.000)"
    row = _cells(book["recency"])[0]
    assert row["retrieved_at"].is_date
    assert row["retrieved_at"].value == datetime(2025, 12, 5, 6)  # noqa: DTZ001 (Excel has none)
    assert row["invoice_due_date"].number_format == "d mmm yyyy"


def _cells(sheet: Any) -> list[dict[str, Any]]:
    names = _named(sheet)
    return [dict(zip(names, row, strict=True)) for row in sheet.iter_rows(2)]


def test_what_excel_cannot_hold_is_text(tmp_path: Path):
    """An amount that Excel would round and a day before its calendar keep every digit, as text."""
    stated = item(
        "GBP",
        Decimal("123456789012345.67"),
        lastPaymentAmount=Decimal("12345678901.2345"),
        lastPaymentDate="1753-01-01T00:00:00Z",
    )
    path = write_excel(tmp_path / "x.xlsx", payload(stated))
    (row,) = _records(openpyxl.load_workbook(path)["totals"])
    assert row["balance_amount"] == "123456789012345.67"
    assert row["last_payment_amount"] == 12345678901.2345
    assert row["last_payment_date"].startswith("1753-01-01")


def test_excel_is_equal_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The same payloads give the same bytes, whatever the clock says."""
    first = write_excel(tmp_path / "a.xlsx", sample_payload()).read_bytes()
    monkeypatch.setattr("time.localtime", lambda *_: datetime(2040, 1, 1, tzinfo=UTC).timetuple())
    assert write_excel(tmp_path / "b.xlsx", sample_payload()).read_bytes() == first
    assert zipfile.ZipFile(tmp_path / "a.xlsx").testzip() is None


def test_an_account_is_not_called_sample_data(tmp_path: Path):
    """Nothing in the files of an account says Sample data."""
    given = payload(item("GBP", 5))
    assert "Sample" not in csv_text(given)
    assert csv_text(given).splitlines()[1].startswith("Partner Center,Contoso,global,GBP")
    path = write_excel(tmp_path / "x.xlsx", given)
    with zipfile.ZipFile(path) as book:
        assert not any(b"Sample" in book.read(name) for name in book.namelist())


def test_an_account_without_balances_gives_headers(tmp_path: Path):
    """A payload that states nothing is no error; its provenance is still told."""
    nothing = Payload(body(), "global", "Contoso", AT)
    assert len(csv_text(nothing).splitlines()) == 1
    book = openpyxl.load_workbook(write_excel(tmp_path / "x.xlsx", nothing))
    assert [len(_records(sheet)) for sheet in book.worksheets[1:-1]] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("function", [write_csv, write_excel])
def test_without_a_payload_nothing_is_written(function: Any, tmp_path: Path):
    """The remedy says where payloads come from."""
    with pytest.raises(ConfigurationError, match=r"no payload[^$]*sample_payload"):
        function(tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("currency", "balance", "written", "form"),
    [
        ("RSD", "1234.5", "1234.50", "#,##0.00_);(#,##0.00)"),
        ("LBP", "1000", "1000.00", "#,##0.00_);(#,##0.00)"),
        ("IQD", "1234.5", "1234.500", "#,##0.000_);(#,##0.000)"),
        ("JPY", "1234", "1234", "#,##0_);(#,##0)"),
        ("GBP", "0.125", "0.125", "#,##0.000_);(#,##0.000)"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(
    currency: str, balance: str, written: str, form: str, tmp_path: Path
):
    """Those of ISO 4217, in CSV and Excel alike; more where the service states more."""
    given = payload(item(currency, None, detail("OneTime", Decimal(balance), currency=currency)))
    assert _rows(csv_text(given))[0]["balance_amount"] == written
    sheet = openpyxl.load_workbook(write_excel(tmp_path / "x.xlsx", given))["totals"]
    place = _named(sheet).index("balance_amount")
    assert sheet[2][place].number_format == form
    assert sheet[2][place].value == float(balance)


def test_csv_of_aged_invoices(tmp_path: Path):
    """A frame is written column by column, floats and Decimals alike, due dates as days."""
    for exact in (False, True):
        aged = invoice_ageing(
            invoice_frame(sample_payload("invoices"), exact=exact), as_of="2018-04-30"
        )
        rows = _rows(write_csv(tmp_path / "x.csv", aged).read_text("utf-8-sig"))
        assert [name for name in rows[0] if name != "source"] == list(aged.columns)
        assert [row["open_amount"] for row in rows] == ["0.00", "107661.12", "23606.35"]
        assert [row["ageing"] for row in rows] == ["void", "1-30", "over 90"]
        assert rows[1]["due_date"] == "2018-04-09"
        assert rows[0]["days_overdue"] == ""
        assert {row["source"] for row in rows} == {"Sample data"}
        sums = _rows(csv_text(ageing_by_currency(aged)))
        assert [(row["currency"], row["1-30"], row["over 90"]) for row in sums] == [
            ("CHF", "107661.12", "0.00"), ("GBP", "0.00", "23606.35"),
        ]  # fmt: skip


def test_csv_of_other_frames_of_the_package():
    """Each has its currency's decimals; what has none has two at least."""
    both = sample_payload(), sample_payload("invoices")
    (row, *_) = _rows(csv_text(reconcile_invoices(*both)))
    assert row["not_explained"] == "-106430.79"
    (row, *_) = _rows(csv_text(balance_changes(*sample_history())))
    assert row["unexplained"] in ("True", "False")
    wide = _rows(csv_text(balances_by_type(summary_frame(sample_payload()))))
    assert wide[2] == {"currency": "GBP", "Recurring": "202955.87", "OneTime": "548138.52"}


@pytest.mark.parametrize(
    ("currency", "amount", "written"),
    [("KWD", 0.1, "0.100"), ("JPY", 12, "12"), ("GBP", -0.3, "-0.30"), ("GBP", 0.125, "0.125")],
)
def test_amounts_of_a_frame_are_exact(currency: str, amount: float, written: str):
    """A float is written by the digits that the service sent."""
    given = invoices(invoice("D1", amount, currencyCode=currency))
    (row,) = _rows(csv_text(invoice_ageing(invoice_frame(given))))
    assert row["open_amount"] == row["total_charges"] == written


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_in_a_frame_are_defused(text: str):
    """Ids, types and states come from the service, column names from the user."""
    given = replace(invoices(invoice(text, 5, state=text, documentType=text)), partner=text)
    frame = invoice_ageing(invoice_frame(given)).assign(**{text: text})
    header, *cells = csv.reader(io.StringIO(csv_text(frame), newline=""))
    texts = [cell for cell in cells[0] if not re.fullmatch(r"-?[\d.]+", cell)]
    assert len(texts) > 6
    for cell in (*header, *texts):
        assert not re.search(r"(^|[;\t\r\n])\s*[=+\-@\uff1d]", cell)
    assert cells[0][header.index("open_amount")] == "5.00"


def test_csv_of_lists_alone_is_of_their_invoices():
    """There are no balances to write."""
    given = sample_payload("invoices")
    rows = _rows(csv_text(given, as_of="2018-04-30"))
    assert [row["open_amount"] for row in rows] == ["0.00", "107661.12", "23606.35"]
    assert "open_amount" not in csv_text(given, sample_payload())


def test_a_frame_is_written_alone():
    """What is beside it, or a day to count from, would change nothing and is refused."""
    frame = summary_frame(sample_payload())
    for given_, options in (
        ((frame, frame), {}),
        ((frame, sample_payload()), {}),
        ((frame,), {"as_of": "2018-03-16"}),
    ):
        with pytest.raises(ConfigurationError, match=r"unchanged|only one frame"):
            csv_text(*given_, **options)


def test_the_same_figure_everywhere(tmp_path: Path):
    """Report, Excel, CSV, chart labels and frame state one balance, to the last digit."""
    payloads = [*sample_history()[-4:], sample_payload()]
    totals = totals_frame(*payloads, exact=True)
    newest = totals.groupby(["partner", "cloud"], observed=True)["retrieved_at"].transform("max")
    report = str(render_report(payloads))
    details = _rows(csv_text(*payloads))
    sheet = _records(openpyxl.load_workbook(write_excel(tmp_path / "x.xlsx", *payloads))["totals"])
    for row in totals[totals["retrieved_at"] == newest].itertuples():
        key = {"partner": row.partner, "currency": row.currency}
        at = row.retrieved_at.isoformat().replace("+00:00", "Z")
        amount = row.balance_amount
        parts = [
            Decimal(each["balance_amount"])
            for each in details
            if each["retrieved_at"] == at and key.items() <= each.items()
        ]
        assert add_exactly(parts) == amount
        naive = row.retrieved_at.tz_convert(None)
        (cell,) = [
            each["balance_amount"]
            for each in sheet
            if each["retrieved_at"] == naive and key.items() <= each.items()
        ]
        assert Decimal(repr(cell)) == amount
        assert format_number(amount, row.currency) in report
        own = select(summary_frame(*payloads), partner=row.partner, currency=row.currency)
        title = plot_balances(own).get_title(loc="left").replace("\n", " ")
        assert format_amount(abs(amount), row.currency) in title
