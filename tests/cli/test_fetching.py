"""Answers as files, kept and read again, and the PDFs of invoices."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pcnotebooks as pc
from tests.services.partner_center import Answer

PROFILE = ("--profile", "contoso")


@pytest.fixture
def run(shell, capsysbinary, home):
    """Return a function that runs a command: exit code, lines of output, lines of errors."""

    def run(*arguments):
        code, said = shell(*arguments), capsysbinary.readouterr()
        return code, said.out.decode().splitlines(), said.err.decode().splitlines()

    return run


def test_answers_are_saved_as_files(run, signed_in):
    """Both in the current folder, or one in the file that is named; figures are made of them."""
    code, names, errors = run("fetch", *PROFILE)
    assert (code, errors) == (0, [])
    assert [pc.Payload.load(name).resource for name in names] == ["invoice_summaries", "invoices"]
    one = ("--resource", "invoices", "-o", "new/list.json")
    assert run("fetch", *PROFILE, *one)[1] == [str(Path("new/list.json"))]
    code, _, errors = run("invoices", "--payload", "new/list.json", "--fail-if", "overdue")
    assert (code, errors) == (1, [])
    code, printed, _ = run("fetch", *PROFILE, "--resource", "invoices", "-o", "-")
    assert json.loads("\n".join(printed))["partner"] == "Contoso"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "both.json"], "-o both.json is for one answer"),
        (["-o", "-"], "-o - is for one answer"),
        (["--resource", "orders"], "There is no resource 'orders'."),
        (["--cloud", "moon"], "There is no cloud 'moon'."),
    ],
)
def test_a_wrong_fetch_asks_nobody(run, signed_in, contoso, arguments, words):
    """It is refused before anything is sent."""
    code, said, errors = run("fetch", *PROFILE, *arguments)
    assert (code, said) == (2, [])
    assert words in " ".join(errors)
    assert contoso.requests == []


def test_one_answer_that_fails_costs_no_other(run, signed_in, contoso):
    """The error is said once, on standard error; the other answer is saved."""
    contoso.steps.extend(
        [lambda request: Answer(status=403) if "summaries" in request.path else Answer()] * 3
    )
    code, names, errors = run("fetch", *PROFILE, "--profile", "nobody", "-o", "answers")
    assert code == 2
    assert [line for line in errors if "nobody" in line] == [
        "Error: nobody: There is no profile 'nobody'."
    ]
    assert any(line.startswith("Error: contoso: ") for line in errors)
    assert len(names) <= 1


def test_what_was_exported_is_added(run):
    """The two are inverse; twice is once, and a file that fails costs no other."""
    history = pc.History("kept")
    for payload in pc.sample_history()[-4:]:
        history.append(replace(payload, cloud="global"))
    _, files, _ = run("history", "export", "files", "--history", "kept")
    Path("broken.json").write_text("{")
    for words, code in (("kept", 2), ("already kept", 2)):
        assert run("history", "add", *files, "broken.json", "--history", "new")[:2] == (
            code, [f"{file}: {words}" for file in files],
        )  # fmt: skip
    assert list(pc.History("new").payloads()) == list(history.payloads())


def test_raw_answers_are_added_with_their_labels(run):
    """As another tool has saved them; sample data only if asked for."""
    Path("raw.json").write_bytes(pc.sample_payload("invoices").body)
    labels = ("--cloud", "global", "--partner", "Contoso", "--retrieved-at", "2018-03-20")
    assert run("history", "add", "raw.json", *labels, "--history", "new")[0] == 0
    (payload,) = pc.History("new").payloads()
    assert (payload.partner, payload.resource, f"{payload.retrieved_at:%F %T}") == (
        "Contoso", "invoices", "2018-03-20 00:00:00",
    )  # fmt: skip
    pc.sample_payload().save("sample.json")
    code, _, errors = run("history", "add", "sample.json", "--history", "new")
    assert (code, errors[0]) == (2, "Error: sample.json: This is sample data.")
    assert run("history", "add", "sample.json", "--history", "new", "--sample")[0] == 0


def test_changes_of_invoices_are_said(run):
    """Which document, what became of it, and what is open."""
    history = pc.History("kept")
    for payload in pc.sample_history():
        if payload.resource == "invoices" and f"{payload.retrieved_at:%Y-%m}" > "2025-04":
            history.append(payload, sample=True)
    where = ("--history", "kept", "--invoices", "--until", "2025-06-30")
    code, said, _ = run("history", "changes", *where)
    assert code == 0
    assert (
        "2025-06-05  Contoso (sample)   G010000020  voided  GBP 61,340.00 open before, GBP 0.00"
        " open now"
    ) in said
    code, _, errors = run("history", "changes", *where, "--unexplained")
    assert code == 2
    assert "leave out --invoices" in errors[-1]


def test_saves_the_pdfs_of_invoices(run, signed_in, contoso):
    """Of the list as it is now, or of one that was saved; what is there is not fetched again."""
    code, said, errors = run("invoice-pdfs", "pdfs", *PROFILE)
    assert (code, errors) == (0, [])
    assert said[0].split() == ["invoice", "status", "file", "reason"]
    assert any("D02005YFHI  saved" in line for line in said)
    (listed,) = [name for name in run("fetch", *PROFILE)[1] if "invoices" in name]
    wanted = ("--payload", listed, "--invoice", "D02005YFHI")
    code, said, _ = run("invoice-pdfs", "pdfs", *PROFILE, *wanted, "--json")
    (row,) = json.loads("\n".join(said))
    assert (code, row["status"]) == (0, "was there")
    assert Path(row["path"]).read_bytes().startswith(b"%PDF-")
    code, said, errors = run("invoice-pdfs", "pdfs", *PROFILE, "--invoice", "X1")
    assert (code, said, errors[0]) == (2, [], "Error: The list has no invoice X1.")


def test_a_pdf_that_fails_is_an_exit_code(run, signed_in, contoso):
    """Its row says why; the others are saved."""
    Path("pdfs/D02005YFHI.pdf").mkdir(parents=True)
    code, said, _ = run("invoice-pdfs", "pdfs", *PROFILE, "--csv")
    assert code == 2
    assert [line.split(",")[0] for line in said if ",failed," in line] == ["D02005YFHI"]
    assert any(",saved," in line for line in said)
