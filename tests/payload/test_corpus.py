"""Each answer of the corpus is right to the cent and day wherever it is shown, or is refused."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from decimal import Decimal

import openpyxl
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.amounts import add_exactly, format_number
from pcnotebooks.errors import PayloadError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import balance_changes, balances_by_type, payment_recency, reconcile
from pcnotebooks.history.history import History
from pcnotebooks.payload.decode import decode
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.page import render_report
from pcnotebooks.report.spreadsheet import csv_text
from pcnotebooks.report.workbook import write_excel
from tests import fuzz
from tests.builders import AT
from tests.payload.corpus import EXAMPLE, PLAIN, READ, REFUSED, Row

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(the as-of day|the difference is|counts .* items)"
)


def plain(names: Iterable[str]) -> list[str]:
    """Return names as a shell, and mutmut, can pass them on."""
    return [re.sub(r"[^a-zA-Z0-9.+-]+", " ", name).strip() for name in names]


def of(answer: bytes, partner: str = "Contoso") -> Payload:
    """Return the payload of an answer."""
    return Payload(answer, "global", partner, AT)


def text(value) -> str | None:
    """Return a frame's amount or date as it is written in the corpus."""
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def test_the_corpus_is_large():
    """At least 80 answers, and of both kinds."""
    assert len(READ) > 80
    assert len(REFUSED) > 80
    assert len({answer for answer, _ in READ.values()}) == len(READ)
    assert len({answer for answer, _ in REFUSED.values()}) == len(REFUSED)


@pytest.mark.parametrize(("answer", "rows"), READ.values(), ids=plain(READ))
def test_what_is_read_is_right(answer, rows):
    """To the last digit and the microsecond: in frames, sums and days."""
    assert fuzz.check(answer)
    given = of(answer)
    exact = summary_frame(given, exact=True)
    columns = ("currency", "invoice_type", "balance_amount", "last_payment_amount",
               "last_payment_date", "latest_invoice_date")  # fmt: skip
    found = [
        Row(row[0], text(row[1]), *(None if v is None else v for v in map(text, row[2:])))
        for row in zip(*(exact[name].astype(object) for name in columns), strict=True)
    ]
    assert [numbers(row) for row in found] == [numbers(row) for row in rows]
    frame = summary_frame(given)
    assert frame["balance_amount"].tolist() == [float(row.balance) for row in rows]
    for row, days in zip(rows, payment_recency(frame)["days_since_payment"], strict=True):
        paid = row.paid_on and datetime.fromisoformat(row.paid_on)
        assert (days if paid else None) == ((AT.date() - paid.date()).days if paid else None)
        assert paid or days is pd.NA
    wide = balances_by_type(exact)
    for code in {row.currency for row in rows}:
        total = add_exactly(Decimal(row.balance) for row in rows if row.currency == code)
        assert add_exactly(wide.loc[code].dropna()) == total


def numbers(row: Row) -> Row:
    """Return a row with its amounts as numbers."""
    paid = row.paid and Decimal(row.paid)
    return row._replace(balance=Decimal(row.balance), paid=paid)


PARTNERS = {name: of(answer, name) for name, (answer, _) in READ.items()}


def test_what_is_read_is_the_same_from_a_file_and_a_history(tmp_path):
    """Every answer of the corpus, as a partner's of its own: saved, kept and merged."""
    frame = summary_frame(*PARTNERS.values(), exact=True)
    changes = balance_changes(*PARTNERS.values())
    loaded = [given.save(tmp_path / "saved.json") and Payload.load(tmp_path / "saved.json")
              for given in PARTNERS.values()]  # fmt: skip
    assert_frame_equal(summary_frame(*loaded, exact=True), frame)
    history = History(tmp_path / "history")
    assert all(history.append(given) for given in PARTNERS.values())
    for _ in range(2):
        assert_frame_equal(history.summaries(exact=True), frame)
        assert_frame_equal(history.totals(), totals_frame(*PARTNERS.values()))
        assert_frame_equal(history.changes(), changes)
        assert history.verify().empty
        history.compact("2040-01-01")


def test_what_is_read_is_the_same_in_a_table_and_a_report(tmp_path):
    """All amounts of the corpus stand in the CSV file and the workbook, some in a report."""
    small = [given for given in PARTNERS.values() if len(given.body) < 10_000]
    frame = summary_frame(*small, exact=True)
    table = csv_text(*small)
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [Decimal(line["balance_amount"]) for line in lines] == frame["balance_amount"].tolist()
    dates = ("last_payment_date", "latest_invoice_date", "accounting_date")
    for name in dates:
        found = [datetime.fromisoformat(line[name]) if line[name] else None for line in lines]
        assert found == [None if pd.isna(at) else at for at in frame[name]]
    with closing(openpyxl.load_workbook(write_excel(tmp_path / "a.xlsx", *small))) as book:
        written = list(book["details"].values)
    column = written[0].index("Balance owed, in currency")
    amounts = [Decimal(str(row[column])) for row in written[1:]]  # as text where a float is short
    assert amounts == frame["balance_amount"].tolist()
    some = small[::6]
    frame, report = summary_frame(*some, exact=True), render_report(some)
    for currency, amount in zip(frame["currency"], frame["balance_amount"], strict=True):
        assert format_number(amount, currency) in report


@pytest.mark.parametrize(("answer", "refusal"), REFUSED.values(), ids=plain(REFUSED))
def test_what_is_refused_is_told(answer, refusal, tmp_path):
    """One PayloadError with path, value and remedy, from a file and in every function."""
    given = of(answer)
    functions = [summary_frame, totals_frame]
    if "not a date" not in refusal.message:  # a sum needs no date
        functions += [reconcile, balance_changes, decode]
    for function in functions:
        with pytest.raises(PayloadError) as caught:
            function(given)
        error = caught.value
        assert error.message == f"Not invoice summaries (Contoso): {refusal.message}"
        assert (error.path, error.remedy) == (refusal.path, refusal.remedy)
        assert error.__cause__ is None
    assert Payload.load(given.save(tmp_path / "saved.json")) == given
    with pytest.raises(PayloadError):
        summary_frame(of(EXAMPLE, "Fabrikam"), given)


def test_without_a_partner_nobody_is_named():
    """The message of an unlabelled answer begins with what is wrong."""
    with pytest.raises(PayloadError, match=r"^Not invoice summaries: The body is empty"):
        summary_frame(of(b"", ""))


def outcome(answer: bytes) -> bool:
    """Assert that an answer is read as a second reader reads it, or refused; return which."""
    try:
        items = decode(of(answer))
    except PayloadError:
        return False
    found = [
        (item.currency_code, figures.balance_amount, figures.last_payment_amount)
        for item in items
        for figures in (item, *(detail.summary for detail in item.details or ()))
    ]
    second = fuzz.read(answer, dates=())  # which decode leaves to the frames
    assert found == [(code, balance, paid) for own in second for code, _, balance, paid, _ in own]
    return True


def test_every_flipped_bit_is_read_as_it_stands_or_refused():
    """Of all the 33,264 bits of the example: no figure is another than what the bytes now say."""
    refused = 0
    for place in range(len(EXAMPLE)):
        for bit in range(8):
            damaged = bytearray(EXAMPLE)
            damaged[place] ^= 1 << bit
            refused += not outcome(bytes(damaged))
    assert 10_000 < refused < 8 * len(EXAMPLE)


def test_every_byte_that_is_missing():
    """A byte lost anywhere is seen, or what is left says what is read."""
    for place in range(len(EXAMPLE)):
        outcome(EXAMPLE[:place] + EXAMPLE[place + 1 :])


def test_cut_off_at_every_byte_gives_no_frame():
    """No part of the example passes for the whole, from either end."""
    whole = EXAMPLE.rstrip()
    for place in range(1, len(whole)):
        with pytest.raises(PayloadError):
            summary_frame(of(whole[:place]))
        with pytest.raises(PayloadError):
            summary_frame(of(whole[place:]))


MUCH = 20 * 2**20
LARGE = {
    "digits": (b'{"items":[{"currencyCode":"GBP","balanceAmount":%s}]}' % (b"1" * MUCH), None),
    "decimals": (b'{"items":[{"currencyCode":"GBP","balanceAmount":0.%s}]}' % (b"1" * MUCH), None),
    "a code": (b'{"items":[{"balanceAmount":1,"currencyCode":"%s"}]}' % (b"G" * MUCH), None),
    "a date": (PLAIN.replace(b"2024-02-20", b"1" * MUCH), None),
    "brackets": (b'{"items":[],"x":%s' % (b"[" * MUCH), None),
    "a missing end": (b'{"items":[{"x":"' + b"x" * MUCH, None),
    "a name": (b'{"%s":1}' % (b"x" * MUCH), None),
    "blanks": (b" " * MUCH, None),
    "blanks in between": (PLAIN.replace(b"[", b"[" + b" " * MUCH, 1), 1),
    "an unknown field": (b'{"x":"%s",%s' % (b"x" * MUCH, PLAIN[1:]), 1),
    "unknown fields": (b"{" + b'"x":1,' * (MUCH // 6) + PLAIN[1:], 1),
    "items": (
        b'{"items":[%s]}' % b",".join(
            [b'{"currencyCode":"GBP","balanceAmount":1.01,"x":"%s"}' % (b"x" * 450)]
            * (MUCH // 500)
        ),
        MUCH // 500),
}  # fmt: skip


@pytest.mark.timeout(60)  # steps that grow with the square of the size would take hours
@pytest.mark.parametrize(("answer", "rows"), LARGE.values(), ids=LARGE)
def test_twenty_megabytes(answer, rows):
    """Are read, or refused in a short sentence."""
    if rows is None:
        with pytest.raises(PayloadError) as caught:
            summary_frame(of(answer))
        assert len(str(caught.value)) < 400
    else:
        assert len(summary_frame(of(answer))) == rows
