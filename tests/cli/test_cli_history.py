"""Snapshots and the history as a shell and a scheduler see them."""

from __future__ import annotations

import io
import shutil
import sys
import warnings
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pcnotebooks.history.history import History
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history
from pcnotebooks.session.settings import profiles_file
from tests.builders import item, payload
from tests.services.partner_center import INVOICES, Answer


@pytest.fixture
def run(shell, capsys, home):
    """Return a function that runs a command: exit code, lines of output, lines of errors."""

    def run(*arguments):
        code, said = shell(*arguments), capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


@pytest.fixture
def sample(home, monkeypatch):
    """Keep the sample history where the commands look by themselves."""
    monkeypatch.setenv("PCNOTEBOOKS_HISTORY", str(home / "sample"))
    history = History()
    for each in sample_history():
        history.append(each, sample=True)
    return history


def test_snapshots_are_kept_without_a_question(run, signed_in, home):
    """A line for each partner, in the default place or another; nobody is asked to sign in."""
    asked = signed_in.count("devicecode")
    for place in ((), (), ("--history", home / "other")):
        code, said, errors = run("snapshot", "--profile", "contoso", *place)
        assert (code, errors) == (0, [])
        (line,) = said
        assert line.startswith("Contoso  own  20")
        assert line.endswith(" UTC  kept")
    assert signed_in.count("devicecode") == asked
    payloads = list(History().payloads(partner="Contoso", cloud="own"))
    assert sorted(each.resource for each in payloads) == [
        *["invoice_summaries"] * 2,
        *["invoices"] * 2,
    ]
    assert len(History(home / "other").totals()) == 3
    assert len(History(home / "other").invoices()) == 3


def test_a_snapshot_compacts_the_months_before(run, signed_in):
    """Unless told not to; a month with few files is left alone."""
    early = payload(item("GBP", 5), cloud="own")
    for day in range(4):
        History().append(replace(early, retrieved_at=early.retrieved_at + timedelta(days=day)))
    months = Path(History().location, "payloads", "in_cloud=own", "account=Contoso")
    snapshot = ("snapshot", "--profile", "contoso")
    assert run(*snapshot, "--no-compact")[0] == 0
    assert len(list((months / "month=2024-03").iterdir())) == 4
    shutil.rmtree(max(months.iterdir()))
    assert run(*snapshot)[0] == 0
    assert len(list((months / "month=2024-03").iterdir())) == 1


def test_without_a_sign_in_a_snapshot_fails_with_what_to_do(run, contoso, identity_provider, home):
    """It asks nobody, fetches nothing and keeps nothing."""
    code, said, errors = run("snapshot", "--profile", "contoso")
    assert (code, said) == (2, [])
    assert errors == [
        "Error: contoso: No user is signed in, and snapshots never ask for a sign-in.",
        (
            "Run: pcnotebooks sign-in --profile contoso, and set PCNOTEBOOKS_CACHE=encrypted:"
            " the cache memory ends with its process."
        ),
    ]
    assert identity_provider.count("devicecode") == 0
    assert not contoso.requests
    assert History().is_empty


def test_the_others_are_kept_where_one_fails(run, signed_in):
    """The exit code tells, and each error names its profile."""
    code, said, errors = run("snapshot", "--profile", "nobody", "--profile", "contoso")
    assert code == 2
    assert len(said) == 1
    assert errors[0] == "Error: nobody: There is no profile 'nobody'."
    assert len(errors) == 2, "said once, and not for each resource"
    assert len(list(History().payloads())) == 2


REFUSED = Answer(b'{"code": "900421", "description": "no"}', 403)


def is_list(request):
    """Return whether a request is one for the list of invoices."""
    return request.path.partition("?")[0].endswith("/invoices")


@pytest.mark.parametrize(
    ("answer", "words"),
    [(REFUSED, "900421"), (Answer(b'{"items": [{"currencyCode": "GBP"}]}'), "balanceAmount")],
)
@pytest.mark.parametrize("failing", ["summaries", "invoices"])
def test_what_is_refused_or_unreadable_is_not_kept(run, signed_in, contoso, failing, answer, words):
    """The error says why, once; the other resource is kept, and the line says which."""

    def step(request):
        if is_list(request) != (failing == "invoices"):
            return Answer(INVOICES) if is_list(request) else Answer()
        return answer

    if failing == "invoices":
        words = words.replace("balanceAmount", "$.items[0].id")
    contoso.steps.extend([step] * 4)  # a list has a second page
    code, said, errors = run("snapshot", "--profile", "contoso")
    assert code == 2
    kept = "invoices" if failing == "summaries" else "invoice summaries"
    assert [line.split(" UTC  ")[1] for line in said] == [f"{kept} only, kept"]
    assert errors[0].startswith("Error: contoso: ")
    assert len([line for line in errors if line.startswith("Error")]) == 1
    assert words in " ".join(errors)
    (asked,) = [
        each.headers for each in contoso.requests if is_list(each) == (failing == "invoices")
    ]
    ids = asked["MS-RequestId"], asked["MS-CorrelationId"]
    assert errors[-1] == "request id {}, correlation id {}".format(*ids)
    assert [each.resource.replace("_", " ") for each in History().payloads()] == [kept]


def test_where_both_are_refused_both_are_said(run, signed_in, contoso):
    """Each error names its resource and has its ids; nothing is kept."""
    contoso.steps.extend([REFUSED] * 2)
    code, said, errors = run("snapshot", "--profile", "contoso")
    assert (code, said) == (2, [])
    assert ["(invoices)" in line for line in errors if line.startswith("Error")] == [False, True]
    assert History().is_empty


def test_an_unwritable_history_is_an_error_in_one_line(run, signed_in, home):
    """With the name of what cannot be written."""
    (home / "file").write_text("")
    code, _, errors = run("snapshot", "--profile", "contoso", "--history", home / "file" / "below")
    assert code == 2
    assert str(home / "file") in errors[0]


def again_as(name, partner):
    """Store the profile once more, under another name and for another partner."""
    text = profiles_file().read_text("utf-8")
    first = text.replace("[contoso]", f"[{name}]").replace('"Contoso"', f'"{partner}"')
    profiles_file().write_text(first + text, "utf-8")


def test_a_payload_that_cannot_be_written_costs_no_other(run, signed_in, home):
    """Its error stands in a line with its profile; those after it are kept."""
    again_as("fabrikam", "Fabrikam")
    own = home / "kept" / "payloads" / "in_cloud=own"
    own.mkdir(parents=True)
    (own / "account=Fabrikam").write_text("in the way")
    where = ("--history", home / "kept")
    code, said, errors = run("snapshot", "--profile", "fabrikam", "--profile", "contoso", *where)
    assert code == 2
    assert [line.split()[0] for line in said] == ["Contoso"]
    (error,) = errors
    assert error.startswith(f"Error: fabrikam: {own / 'account=Fabrikam'}")
    assert error.endswith(": Not a directory")
    payloads = list(History(home / "kept").payloads(partner="Contoso"))
    assert [each.cloud for each in payloads] == ["own"] * 2


def test_a_name_that_the_output_cannot_hold_is_written_in_its_stead(run, signed_in, monkeypatch):
    """As under Windows, whose files and pipes hold 256 letters; everything is kept."""
    again_as("lodz", "Łódź")
    out = io.TextIOWrapper(io.BytesIO(), "cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    assert run("snapshot", "--profile", "lodz", "--profile", "contoso")[0] == 0
    out.flush()
    lines = out.buffer.getvalue().decode("cp1252").splitlines()
    assert [line.split()[0] for line in lines] == ["\\u0141ód\\u017a", "Contoso"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file that is always full")
def test_everything_is_kept_before_anything_is_said(run, signed_in, monkeypatch):
    """The log that a scheduler keeps may find no room."""
    again_as("fabrikam", "Fabrikam")
    with open("/dev/full", "w") as full:  # noqa: PTH123  (Path does not know a device)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            code, _, errors = run("snapshot", "--profile", "fabrikam", "--profile", "contoso")
        with suppress(OSError):
            full.close()
    assert (code, errors) == (2, ["Error: File: No space left on device"])
    assert len(list(History().payloads())) == 4


def test_lists_what_is_kept(run, sample):
    """Partner, cloud, resource, number of payloads, first and last day."""
    assert run("history", "list") == (
        0,
        [
            "Contoso (sample)   sample  invoice summaries  24  2024-01-05  2025-12-05",
            "Contoso (sample)   sample  invoices           24  2024-01-05  2025-12-05",
            "Fabrikam (sample)  sample  invoice summaries  24  2024-01-05  2025-12-05",
            "Fabrikam (sample)  sample  invoices           24  2024-01-05  2025-12-05",
        ],
        [],
    )


READS = [
    ("history", "list"),
    ("history", "changes", "--unexplained"),
    ("history", "compact"),
    ("history", "verify"),
    ("history", "rebuild"),
    ("history", "export", "files"),
    ("report",),
]


@pytest.mark.parametrize("command", READS, ids=" ".join)
@pytest.mark.parametrize("place", ["memory://misspelt/h", "misspelt"])
def test_a_history_that_is_not_there_is_an_error(run, home, monkeypatch, command, place):
    """Exit code 2, with the location; nothing is made there, or said of its health."""
    monkeypatch.chdir(home)
    code, said, errors = run(*command, "--history", place)
    assert (code, said) == (2, [])
    assert errors[0] == f"Error: There is no history at {place}."
    assert "location" in errors[1]
    assert not (home / "misspelt").exists()
    assert not (home / "files").exists()


@pytest.mark.parametrize("command", READS[:-1], ids=" ".join)
def test_an_empty_history_says_so(run, home, monkeypatch, command):
    """It is there, and nothing is kept in it yet."""
    monkeypatch.chdir(home)
    (home / "new").mkdir()
    code, said, _ = run(*command, "--history", "new")
    assert (code, said[0]) == (0, "Nothing is kept in new yet.")
    assert "Nothing is damaged." not in said


def test_changes_are_said_with_their_causes(run, sample):
    """Payments, invoices and what has no cause; amounts in the currency's own decimals."""
    where = ("--since", "2025-05-10", "--until", "2025-07-31")
    code, said, _ = run("history", "changes", *where, "--partner", "Contoso (sample)")
    assert code == 0
    assert len(said) == 6
    assert said[2:4] == [
        (
            "2025-06-05  Contoso (sample)  (USD 108,978.07)  payment of USD 85,605.75 on"
            " 2025-05-29, invoice of 2025-05-08"
        ),
        "2025-07-05  Contoso (sample)  EUR 18,240.65     Unexplained movement",
    ]
    code, said, _ = run("history", "changes", "--currency", "kwd", *where)
    assert said[1].endswith("KWD 4,931.988    invoice of 2025-06-08")


def test_an_unexplained_movement_is_an_exit_code(run, sample):
    """So that a scheduler can tell somebody."""
    code, said, _ = run("history", "changes", "--unexplained")
    assert code == 1
    assert [line.split()[0] for line in said] == ["2025-06-05", "2025-07-05"]
    assert run("history", "changes", "--unexplained", "--currency", "GBP") == (0, [], [])


def test_compacts_verifies_and_rebuilds(run, sample, home):
    """Damage is said with its remedy, and the exit code is 1 until it is mended."""
    later = [each for each in sample_history() if each.retrieved_at.year == 2025][:4]
    for each in later:
        again = replace(each, retrieved_at=each.retrieved_at.replace(day=9))
        sample.append(again, sample=True)
    assert run("history", "compact") == (0, ["8 files merged."], [])
    assert run("history", "verify") == (0, ["Nothing is damaged."], [])
    file = next(Path(sample.location, "summaries").rglob("*.parquet"))
    file.write_bytes(b"PAR1")
    code, said, _ = run("history", "verify")
    assert code == 1
    assert said == [
        f"{file.relative_to(sample.location)} was changed or truncated.",
        "Run: pcnotebooks history rebuild",
    ]
    assert run("history", "rebuild") == (0, ["Rebuilt."], [])
    assert run("history", "verify")[0] == 0


def test_a_damaged_file_of_payloads_is_said_in_a_line(run, sample):
    """Its path once, one full stop, and what to do."""
    file = next(Path(sample.location, "payloads").rglob("*.parquet"))
    file.write_bytes(b"PAR1")
    code, said, _ = run("history", "verify")
    assert code == 1
    assert said == [
        f"{file.relative_to(sample.location)} was changed or truncated.",
        "Restore it from a backup, or delete it and append its payloads again.",
    ]


def test_a_warning_is_said_without_python_around_it(run, sample):
    """No path of the package, no line of source."""
    file = next(Path(sample.location, "totals").rglob("*.parquet"))
    file.write_bytes(b"PAR1")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, said, errors = run("history", "changes", "--unexplained")
    assert (code, len(said)) == (1, 2)
    (line,) = errors
    assert line == (
        f"Warning: {file.relative_to(sample.location)} in {sample.location} was changed or"
        " truncated; its rows were read from the payloads. Run: pcnotebooks history rebuild"
    )


def test_the_list_leaves_out_what_is_damaged_and_says_so(run, sample):
    """Partners whose files are whole are listed; the exit code tells."""
    files = Path(sample.location, "payloads").rglob("account=Contoso*/month=2024-02/*")
    file = next(path for path in files if "-invoices-" not in path.name)
    file.write_bytes(b"PAR1")
    code, said, errors = run("history", "list")
    assert code == 1
    assert said == [
        "Contoso (sample)   sample  invoice summaries  23  2024-01-05  2025-12-05",
        "Contoso (sample)   sample  invoices           24  2024-01-05  2025-12-05",
        "Fabrikam (sample)  sample  invoice summaries  24  2024-01-05  2025-12-05",
        "Fabrikam (sample)  sample  invoices           24  2024-01-05  2025-12-05",
    ]
    path = file.relative_to(sample.location)
    assert errors == [
        f"Error: {path} in {sample.location} was changed or truncated.",
        "Restore it from a backup, or delete it and append its payloads again.",
    ]


def test_exports_payloads_as_files(run, sample, home):
    """Each is a file that is read like any saved payload."""
    code, said, _ = run("history", "export", home / "new" / "files", "--since", "2025-11-01")
    assert code == 0
    assert len(said) == 8
    exported = [Payload.load(name) for name in said]
    assert exported == list(sample.payloads(since="2025-11-01"))


def test_a_wrong_day_is_an_error_in_words(run, sample):
    """As any other."""
    code, _, errors = run("history", "changes", "--since", "soon")
    assert code == 2
    assert errors == ["Error: 'soon' is not a date.", "Write a date such as '2018-03-16'."]
