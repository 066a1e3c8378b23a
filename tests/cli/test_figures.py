"""Figures in a shell: tables for people, JSON and CSV for programs, exit codes for schedulers."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import pcnotebooks as pc
from tests.builders import AT, NONE, detail, invoice, invoices, item, payload
from tests.services.partner_center import Answer

pytestmark = pytest.mark.usefixtures("home")
OTHER = "A\u0142fa \x1b[31m=1+1"


@pytest.fixture
def run(shell, capsysbinary):
    """Return a function that runs a command: exit code, output, lines of errors."""

    def run(*arguments):
        code, said = shell(*arguments), capsysbinary.readouterr()
        return code, said.out.decode(), said.err.decode().splitlines()

    return run


@pytest.fixture
def kept(monkeypatch, home):
    """Keep the sample history where the commands look by themselves."""
    monkeypatch.setenv("PCNOTEBOOKS_HISTORY", str(home / "kept"))
    history = pc.History()
    for each in pc.sample_history()[-12:]:
        history.append(each, sample=True)
    return history


def test_a_table_has_a_heading_and_says_how_days_are_counted(run):
    """Amounts end at one line, in their currency's decimals; the terms are named."""
    code, said, errors = run("balances", "--sample", "--terms-days", "30")
    assert (code, errors) == (0, [])
    heading, *rows, blank, note, counts = said.splitlines()
    assert heading.split("  ")[0] == "partner"
    assert [row.split()[4] for row in rows] == ["1,230.33", "1,001.12", "751,094.39"]
    assert len({row.index(row.split()[4]) + len(row.split()[4]) for row in rows}) == 1
    assert "2018-04-15" in rows[0]
    assert (blank, note) == (
        "", "Due dates are the latest invoice's date plus 30 days. Days are in UTC.",
    )  # fmt: skip
    assert counts == "The invoice type that falls due first counts; --by-type shows each type."


def test_a_newer_invoice_of_another_type_hides_no_overdue_balance(run, home):
    """A total is due with its first part, or on its own day if no part has one."""
    at = datetime(2018, 3, 16, 12, tzinfo=UTC)
    new = {"latestInvoiceDate": "2018-03-10T00:00:00Z"}
    late = {"latestInvoiceDate": "2017-11-01T00:00:00Z"}
    payload(
        item("GBP", None, detail("Recurring", 5, **new), detail("OneTime", 9, **late), **new),
        item(
            "EUR", None, detail("Recurring", -5, currency="EUR", **late),
            detail("OneTime", 9, currency="EUR", **new), **new,
        ),
        item("CHF", None, detail("OneTime", 7, currency="CHF", latestInvoiceDate=NONE), **late),
        item("USD", -7, **late),
        at=at,
    ).save("one.json")  # fmt: skip
    expected = {"GBP": ("2017-12-31", -75), "EUR": ("2018-05-09", 54), "CHF": ("2017-12-31", -75),
                "USD": (None, None)}  # fmt: skip
    code, said, errors = run("balances", "--payload", "one.json", "--json", "--fail-if", "overdue")
    assert (code, errors) == (1, [])
    assert expected == {
        row["currency"]: (row["invoice_due_date"], row["days_until_due"])
        for row in json.loads(said)
    }
    _, said, _ = run("balances", "--payload", "one.json")
    ends = {line.split()[2]: line.split()[-2:] for line in said.splitlines()[1:4]}
    assert ends == {code: [day, str(left)] for code, (day, left) in expected.items() if day}
    _, said, _ = run("balances", "--payload", "one.json", "--csv", "--currency", "GBP")
    assert said.splitlines()[1].endswith(",2017-12-31,-75")
    pc.History("book").append(pc.Payload.load("one.json"))
    assert run("balances", "--history", "book", "--currency", "GBP", "--fail-if", "overdue")[0] == 1
    assert run("balances", "--history", "book", "--currency", "EUR", "--fail-if", "overdue")[0] == 0


@pytest.mark.parametrize("source", ["history", "files"])
def test_figures_as_they_were_on_a_day(run, kept, home, source):
    """--at takes the latest payloads of that day's end, from a history and from files."""
    payloads = sorted(pc.sample_history()[-12:], key=lambda each: each.retrieved_at)
    day = payloads[-5].retrieved_at.date().isoformat()
    before = [each for each in payloads if each.retrieved_at.date().isoformat() <= day]
    given = ["--history", kept.location]
    if source == "files":
        files = [each.save(home / f"{place}.json") for place, each in enumerate(payloads)]
        given = [part for file in files for part in ("--payload", str(file))]
    code, said, errors = run("balances", *given, "--at", day, "--json")
    assert (code, errors) == (0, [])
    shown = {(row["partner"], row["currency"]): row for row in json.loads(said)}
    expected = pc.totals_frame(*before, exact=True)
    expected = expected[
        expected["retrieved_at"]
        == expected.groupby("partner", observed=True)["retrieved_at"].transform("max")
    ]
    assert len(shown) == len(expected)
    for row in expected.itertuples():
        found = shown[row.partner, row.currency]
        assert Decimal(found["balance_amount"]) == row.balance_amount
        assert found["retrieved_at"][:10] <= day
    assert run("report", *given, "--at", day, "-o", "then.html")[0] == 0
    latest = payloads[-1].retrieved_at
    assert f"{latest.day} {latest:%b %Y}" not in Path("then.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--profile", "contoso", "--at", "2025-01-31"), "--at needs payloads that were kept"),
        (("--history", "kept", "--at", "31.1.2025"), "'31.1.2025' is not a day"),
    ],
)
def test_a_day_that_cannot_be_shown_is_refused(run, kept, arguments, said):
    """Partner Center states today's figures alone."""
    code, _, errors = run("balances", *arguments)
    assert code == 2
    assert said in " ".join(errors)


def test_columns_are_aligned_for_wide_letters_too(run):
    """A letter of East Asia takes two columns, an accent of its own none."""
    for number, partner in enumerate(("\u4e16\u7d00\u4e92\u8054", "Jose\u0301 SA", "Contoso")):
        replace(pc.sample_payload(), partner=partner).save(f"{number}.json")
    _, said, _ = run("balances", "--payload", "0.json", "1.json", "2.json", "--currency", "GBP")
    ends = [line.partition("751,094.39")[0] for line in said.splitlines() if "GBP" in line]
    assert len({len(end) + end.count("\u4e16") * 4 - end.count("\u0301") for end in ends}) == 1


@pytest.mark.parametrize(
    ("command", "frame"),
    [
        (["balances"], lambda: pc.payment_recency(pc.totals_frame(pc.sample_payload()))),
        (
            ["balances", "--by-type"],
            lambda: pc.payment_recency(pc.summary_frame(pc.sample_payload())),
        ),
        (
            ["invoices"],
            lambda: pc.invoice_ageing(pc.invoice_frame(pc.sample_payload("invoices"))),
        ),
        (
            ["ageing"],
            lambda: pc.ageing_by_currency(
                pc.invoice_ageing(pc.invoice_frame(pc.sample_payload("invoices")))
            ).reset_index(),
        ),
        (["changes"], lambda: pc.balance_changes(*pc.sample_history())),
        (["changes", "--invoices"], lambda: pc.invoice_changes(*pc.sample_history())),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_json_and_csv_have_every_column_of_the_public_frame(run, command, frame):
    """Amounts are text, exact in both; times are ISO 8601; what is missing is null or empty."""
    expected = frame()
    _, said, errors = run(*command, "--sample", "--json")
    rows = json.loads(said)
    assert errors == []
    assert said.isascii()
    assert [list(row) for row in rows] == [list(expected.columns)] * len(expected)
    _, text, _ = run(*command, "--sample", "--csv")
    cells = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(cells) == len(rows)
    for name, column in expected.items():
        found = [row[name] for row in rows]
        assert [value is None for value in found] == column.isna().tolist()
        if column.dtype == "float64":
            assert [Decimal(value) for value in found if value] == [
                Decimal(repr(value)) for value in column.dropna()
            ]
        if column.dtype != bool:
            assert ["" if value is None else str(value) for value in found] == [
                row[name] for row in cells
            ]


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "15013861"), ("KWD", "5302.941"), ("GBP", "257081.13")]
)
def test_a_history_gives_the_latest_figures(run, kept, currency, amount):
    """In the usual place without an option, or where --history says; amounts as they were sent."""
    for where in ((), ("--history", kept.location)):
        code, said, errors = run("balances", *where, "--currency", currency, "--json")
        assert (code, errors) == (0, [])
        assert [row["balance_amount"] for row in json.loads(said)] == [amount]


# Amounts of 16 to 19 digits, none of which a float holds: before, after, by how much it moved.
_LONG = {
    "GBP": ("123456789012345.67", "123456789012345.68", "0.01"),
    "EUR": ("999999999999999.9999", "-999999999999999.9999", "-1999999999999999.9998"),
    "KWD": ("-0.001", "999999999999999.998", "999999999999999.999"),
    "USD": ("12345678901234.56", "12345678901234.561234", "0.001234"),
    "JPY": ("1.0000000000000001", "999999999999999", "999999999999997.9999999999999999"),
}


@pytest.mark.parametrize("where", ["payload", "history"])
def test_amounts_of_many_digits_are_exact(run, where):
    """As they were sent, with their currency's decimals or more; so is what is computed of them."""
    history, arguments = pc.History("kept"), ["--history", "kept"]
    for turn in (0, 1):
        amounts = {code: Decimal(texts[turn]) for code, texts in _LONG.items()}
        paid = {"lastPaymentDate": f"2024-03-0{turn + 1}T00:00:00Z"}
        made = (
            payload(
                *(
                    item(code, amount, detail("OneTime", amount, currency=code),
                         lastPaymentAmount=amount, **paid)
                    for code, amount in amounts.items()
                ),
                at=AT + timedelta(days=turn),
            ),
            invoices(
                *(
                    invoice(code, amounts[code], currencyCode=code, paidAmount=paid)
                    for code, paid in (("GBP", turn * Decimal("0.01")), ("KWD", 0), ("EUR", 0))
                ),
                at=AT + timedelta(days=turn),
            ),
        )  # fmt: skip
        for each in made:
            assert history.append(each)
            each.save(f"{each.resource}{turn}.json")
    if where == "payload":
        arguments = ["--payload", *map(str, sorted(Path().glob("*.json")))]
    after = {code: texts[1] for code, texts in _LONG.items()}

    def amounts(column, *command):
        found = []
        for form in ("--json", "--csv"):
            code, said, errors = run(*command, *arguments, form)
            assert (code, errors) == (0, [])
            rows = json.loads(said) if form == "--json" else csv.DictReader(io.StringIO(said))
            found.append({row["currency"]: row[column] or None for row in rows})
        assert found[0] == found[1]
        return found[0]

    assert amounts("balance_amount", "balances") == after
    assert amounts("last_payment_amount", "balances") == after
    assert amounts("balance_amount", "balances", "--by-type") == after
    assert amounts("previous_balance_amount", "changes") == {c: t[0] for c, t in _LONG.items()}
    assert amounts("balance_change", "changes") == {code: texts[2] for code, texts in _LONG.items()}
    assert amounts("payment_amount", "changes") == after
    opens = {"GBP": "123456789012345.67", "EUR": after["EUR"], "KWD": after["KWD"]}
    assert amounts("open_amount", "invoices") == opens
    assert amounts("over 90", "ageing")["KWD"] == "0.000"
    assert amounts("not due", "ageing")["GBP"] == opens["GBP"]
    paid = ("changes", "--invoices", "--currency", "GBP")
    assert amounts("previous_open_amount", *paid) == {"GBP": "123456789012345.67"}
    assert amounts("total_charges", *paid) == {"GBP": "123456789012345.68"}
    if where == "history":
        said = run("history", "changes", *arguments)[1].replace("\N{NO-BREAK SPACE}", " ")
        assert "(EUR 1,999,999,999,999,999.9998)" in said
        assert "payment of KWD 999,999,999,999,999.998 on" in said
        said = run("history", "changes", "--invoices", *arguments)[1]
        assert "123,456,789,012,345.67 open now" in said


def test_a_file_has_the_form_of_its_name(run):
    """It is written whole, in a folder that is made, and named; a hyphen prints it."""
    _, printed, _ = run("invoices", "--sample", "--json", "-o", "-")
    for name in ("new/i.json", "new/i.csv", "new/i.txt"):
        assert run("invoices", "--sample", "-o", name)[1].strip() == str(Path(name))
    assert Path("new/i.json").read_text() == printed
    frame = pc.invoice_ageing(pc.invoice_frame(pc.sample_payload("invoices"), exact=True))
    assert Path("new/i.csv").read_bytes() == pc.write_csv("public.csv", frame).read_bytes()
    assert Path("new/i.txt").read_text().startswith("partner  ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ageing"], 1),
        (["invoices"], 1),
        (["invoices", "--currency", "CHF"], 0),
        (["invoices", "--currency", "CHF", "--as-of", "2018-04-10"], 1),
        (["invoices", "--currency", "CHF", "--as-of", "2018-04-09"], 0),
        (["balances"], 0),
        (["balances", "--as-of", "2018-05-16"], 1),
        (["balances", "--terms-days", "0", "--as-of", "2018-03-17", "--by-type"], 1),
    ],
)
def test_what_is_overdue_is_an_exit_code(run, arguments, code):
    """Only if asked for, and with the same output."""
    assert run(*arguments, "--sample", "--fail-if", "overdue") == (
        code, *run(*arguments, "--sample")[1:],
    )  # fmt: skip


def test_an_unexplained_movement_is_an_exit_code(run, kept):
    """Of the rows that are shown."""
    assert run("changes", "--sample", "--unexplained")[0] == 1
    code, said, _ = run("changes", "--unexplained", "--json")
    assert (code, json.loads(said)) == (0, [])
    assert run("changes", "--unexplained") == (0, "Nothing changed.\n", [])
    pc.sample_payload().save("one.json")
    said = "There are no two balances to compare.\n"
    assert run("changes", "--unexplained", "--payload", "one.json") == (0, said, [])


@pytest.mark.parametrize("command", [
    ("balances", "--fail-if", "overdue"), ("invoices",), ("changes", "--unexplained"),
    ("history", "changes", "--unexplained"), ("history", "export", "out"),
])  # fmt: skip
def test_a_misspelt_partner_passes_no_check(run, kept, command):
    """It is an error that names those that are there."""
    code, said, errors = run(*command, "--history", kept.location, "--partner", "Contso")
    assert (code, said) == (2, "")
    assert "There is no partner 'Contso'." in errors[0]
    assert "'Contoso (sample)', 'Fabrikam (sample)'" in errors[1]


@pytest.mark.parametrize("command", [
    ("balances", "--fail-if", "overdue"), ("balances", "--by-type", "--json"),
    ("invoices",), ("ageing", "--fail-if", "overdue"),
])  # fmt: skip
def test_a_day_before_the_first_payload_passes_no_check(run, command):
    """It is an error that names the first day, for files and for a history."""
    resource = "invoice_summaries" if command[0] == "balances" else "invoices"
    one = pc.sample_payload(resource)
    one.save("one.json")
    pc.History("kept").append(one, sample=True)
    for source in (("--payload", "one.json"), ("--history", "kept"), ("--sample",)):
        assert run(*command, *source, "--at", "2018-03-16")[1]
        code, said, errors = run(*command, *source, "--at", "2018-03-15")
        assert (code, said) == (2, "")
        assert errors[0].endswith("is of 2018-03-15 or before.")
        assert "of 2018-03-16:" in errors[1]


@pytest.mark.parametrize(("resource", "command"), [
    ("invoice_summaries", ("invoices", "--fail-if", "overdue")),
    ("invoice_summaries", ("ageing", "--fail-if", "overdue", "--json")),
    ("invoice_summaries", ("changes", "--invoices")),
    ("invoices", ("balances", "--fail-if", "overdue")),
    ("invoices", ("changes", "--unexplained")),
])  # fmt: skip
def test_a_resource_that_no_payload_is_of_passes_no_check(run, resource, command):
    """It is an error, also for a history; a list without invoices is none."""
    one = pc.sample_payload(resource)
    one.save("one.json")
    pc.History("kept").append(one, sample=True)
    for source in (("--payload", "one.json"), ("--history", "kept")):
        code, said, errors = run(*command, *source)
        assert (code, said) == (2, "")
        assert errors[0].startswith("Error: None of the payloads is an answer of invoice")
        assert "pcnotebooks fetch --resource invoice" in errors[1]
    invoices().save("none.json")
    assert run("invoices", "--payload", "none.json")[0] == 0


@pytest.mark.filterwarnings("default")
def test_a_misspelt_currency_is_said(run, kept):
    """By both commands that show changes; a currency that is paid off may be missing."""
    for command in (("changes",), ("history", "changes")):
        code, _, errors = run(*command, "--unexplained", "--currency", "EUX")
        assert code == 0
        assert errors[0].startswith("Warning: No row has the currency 'EUX'; the values are CHF, ")


def test_what_is_kept_is_compared_with_a_saved_payload(run, kept):
    """Sources are put together."""
    last = [each for each in pc.sample_history() if each.resource == "invoice_summaries"][-1]
    replace(last, retrieved_at=last.retrieved_at.replace(day=6)).save("later.json")
    arguments = ("changes", "--history", kept.location, "--payload", "later.json", "--json")
    _, said, _ = run(*arguments, "--since", "2025-12-06")
    assert {row["previous_retrieved_at"] for row in json.loads(said)} == {"2025-12-05T06:00:00Z"}


def test_raw_answers_are_labelled_and_saved_ones_chosen(run):
    """A raw answer states no cloud, partner or time; what a saved one states stays."""
    Path("raw.json").write_bytes(pc.sample_payload().body)
    pc.sample_payload().save("saved.json")
    labels = (
        "--cloud",
        "china",
        "--partner",
        "Contoso",
        "--retrieved-at",
        "2018-03-20T02:00+02:00",
    )
    _, said, _ = run("balances", "--payload", "raw.json", "saved.json", *labels, "--json")
    whose = [(row["partner"], row["cloud"], row["retrieved_at"]) for row in json.loads(said)]
    assert set(whose) == {("Contoso", "china", "2018-03-20T00:00:00Z")}
    code, said, errors = run("balances", "--payload", "raw.json", "--json")
    assert (code, said) == (2, "")
    assert "--cloud global --partner NAME" in errors[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cloud", "moon", "--as-of", "soon", "--payload", "no"], "There is no cloud 'moon'."),
        (["--sample", "--as-of", "soon"], "'soon' is not a day. Write year, month and day"),
        (["--sample", "--as-of", "2018-02-30"], "'2018-02-30' is not a day."),
        (["--sample", "--terms-days", "-1"], "-1 is not a number of days"),
        (["--sample", "--retrieved-at", "noon"], "'noon' is not a time."),
        (["--sample", "--json", "--csv"], "give --json or --csv, not both."),
        (["--sample", "--fail-if", "late"], "give --fail-if overdue."),
        (["--sample", "--history", "kept"], "--sample cannot be combined"),
        (["--sample", "-o", "x.xlsx"], "x.xlsx does not end in .json, .csv or .txt."),
        (["--sample", "--json", "-o", "x.PDF"], "x.PDF does not end in .json, .csv or .txt."),
        (["--sample", "--partner", "Contso"], "There is no partner 'Contso'."),
        (["--sample", "--cloud", "china"], "There is no cloud 'china'."),
        ([], "There is no history at "),
    ],
)
def test_wrong_usage_is_said_in_words(run, arguments, words):
    """Exit code 2, and nothing on standard output."""
    code, said, errors = run("balances", *arguments)
    assert (code, said) == (2, "")
    assert words in " ".join(errors)


def test_a_name_from_outside_commands_neither_terminal_nor_spreadsheet(run, monkeypatch):
    """In JSON it is escaped, in CSV defused, and in a table made printable."""
    replace(pc.sample_payload(), partner=OTHER).save("other.json")
    _, said, _ = run("balances", "--payload", "other.json", "--json")
    assert json.loads(said)[0]["partner"] == OTHER
    assert "\x1b" not in said
    for arguments in ((), ("--csv",)):
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        _, said, _ = run("balances", "--payload", "other.json", *arguments)
        assert "\x1b" not in said
        assert "A\u0142fa" in said


def test_one_profile_that_fails_costs_no_other(run, monkeypatch, contoso, identity_provider):
    """What came is printed, the error is on standard error, and the exit code is 2."""
    from tests.services.browser import visit  # noqa: PLC0415

    monkeypatch.setattr(
        "pcnotebooks.cli.sources.ask",
        lambda code: visit(code.url, press="approve", user_code=code.code),
    )
    contoso.steps.extend([Answer()])
    code, said, errors = run("balances", "--profile", "contoso", "--profile", "nobody", "--json")
    assert code == 2
    assert {row["partner"] for row in json.loads(said)} == {"Contoso"}
    assert errors[0] == "Error: nobody: There is no profile 'nobody'."
    (asked,) = contoso.requests
    assert asked.path.endswith("/summaries"), "only what is shown is fetched"


def test_figures_load_no_more_than_they_need(home):
    """A table of figures needs pandas, and a list of profiles not even that."""
    script = (
        "import sys\n"
        "from pcnotebooks.cli.main import main\n"
        "for command in (['profile', 'list'], ['balances', '--sample', '--json']):\n"
        "    sys.argv = ['pcnotebooks', *command]\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        "    print(*{'IPython', 'jinja2', 'jupyterlab', 'matplotlib', 'msal', 'openpyxl',"
        " 'pandas', 'requests', 'tomlkit', 'weasyprint'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True, env=os.environ
    )
    assert done.stderr.splitlines() == ["", "pandas"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("command", [["balances", "--sample", "--csv"], ["profile", "path"]])
def test_a_reader_that_has_seen_enough_is_no_error(shell, monkeypatch, command):
    """As with head: no traceback, and not the exit code of a finding."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert shell(*command) == 141
