"""The command line as a shell sees it: output, errors, exit codes."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pypdfium2
import pytest
import typer

from pcnotebooks import __version__, sample_history, sample_payload
from pcnotebooks.cli.main import app
from pcnotebooks.history.history import History
from pcnotebooks.session.settings import profiles_file
from pcnotebooks.session.token_cache import cache_file
from tests.builders import sheet_of
from tests.services.browser import visit
from tests.services.identity_provider import (
    DOMAIN,
    GUEST_TENANT,
    TENANT,
    USERNAME,
    signing_key,
)
from tests.services.loops import answer_of
from tests.services.partner_center import INVOICES, Answer

pytestmark = pytest.mark.usefixtures("empty_folder")


def test_version(shell, capsys):
    """The version is one line."""
    assert shell("--version") == 0
    assert capsys.readouterr().out == f"pcnotebooks {__version__}\n"


def test_report_of_the_sample_says_where_it_is(shell, capsys, tmp_path):
    """Without -o the file lies in the current folder, named as sample data."""
    assert shell("report", "--sample") == 0
    assert capsys.readouterr().out == "sample-report.html\n"
    assert "751,094.39" in (tmp_path / "sample-report.html").read_text(encoding="utf-8")


def test_report_of_saved_payloads(shell, capsys, tmp_path):
    """Payloads may be named by the option or, as a shell's wildcard gives them, after it."""
    for name in ("a.json", "b.json"):
        sample_payload().save(tmp_path / name)
    wanted = (
        "report",
        "--payload",
        "a.json",
        "b.json",
        "-o",
        "new/r.html",
        "--as-of",
        "2018-06-01",
    )
    assert shell(*wanted) == 0
    assert capsys.readouterr().out.strip() == str(Path("new/r.html"))
    html = (tmp_path / "new" / "r.html").read_text(encoding="utf-8")
    assert "As of <strong>1\N{NO-BREAK SPACE}Jun\N{NO-BREAK SPACE}2018" in html


def test_report_takes_its_options_along(shell, monkeypatch, capsys, tmp_path):
    """PDF and workbook lie beside the page, all with the same day, terms, title and locale."""
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    wanted = ("--terms-days", "30", "--title", "For the board", "--locale", "de_CH")
    files = ("--pdf", "--excel", "--open", "-o", "new/r.html")
    assert shell("report", "--sample", *wanted, *files) == 0
    written = [Path("new/r.html"), Path("new/r.pdf"), Path("new/r.xlsx")]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in written]
    assert opened == [(tmp_path / "new" / "r.html").as_uri()]
    html = (tmp_path / written[0]).read_text(encoding="utf-8")
    assert "<h1>For the board</h1>" in html
    assert "751\N{RIGHT SINGLE QUOTATION MARK}094.39" in html
    assert "15.\N{NO-BREAK SPACE}Apr." in html  # 16 March and 30 days
    text = "".join(
        page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(written[1])
    )
    assert "For the board" in text
    assert "751\N{RIGHT SINGLE QUOTATION MARK}094.39" in text
    recency = sheet_of(written[2], "recency")
    assert recency["invoice_due_date"].dropna().astype(str).unique().tolist() == ["2018-04-15"]


def test_report_named_pdf_is_one(shell, capsys, tmp_path):
    """The file's name says what it is; nothing else is written."""
    assert shell("report", "--sample", "-o", "r.pdf", "--pdf") == 0
    assert capsys.readouterr().out == "r.pdf\n"
    assert [path.name for path in tmp_path.iterdir()] == ["r.pdf"]
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")


def test_report_of_a_history(shell, capsys, tmp_path):
    """What a history keeps is reported on with its trends, beside payloads of other places."""
    history = History("kept")
    for kept in sample_history()[-8:]:
        history.append(kept, sample=True)
    sample_payload().save("one.json")
    assert shell("report", "--history", "kept", "--payload", "one.json") == 0
    html = (tmp_path / "invoice-summaries.html").read_text(encoding="utf-8")
    assert "751,094.39" in html
    assert "3 earlier answers for trends and changes" in html


def test_report_of_another_partner_says_so(shell, capsys, tmp_path):
    """In words of the shell."""
    sample_payload().save("one.json")
    assert shell("report", "--payload", "one.json", "--partner", "Nobody") == 2
    error, remedy = capsys.readouterr().err.splitlines()
    assert error == "Error: No payload matches --partner, --cloud and --at."
    assert "--partner" in remedy
    assert list(tmp_path.glob("*.html")) == []


def test_report_of_an_empty_history_names_it(shell, capsys, tmp_path):
    """Which location holds nothing, and the command that fills it; no file is written."""
    Path("kept").mkdir()
    assert shell("report", "--history", "kept") == 2
    error, remedy = capsys.readouterr().err.splitlines()
    assert error == "Error: The history at kept holds no payloads."
    assert remedy.startswith("Run pcnotebooks snapshot with the same --history")
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["report"],
        ["report", "--sample", "-o", "sample.xlsx"],
        ["report", "--sample", "--profile", "contoso"],
        ["report", "--sample", "--history", "kept"],
        ["report", "--sample", "--payload", "there.json"],
        ["report", "--payload", "absent.json"],
        ["report", "--sample", "--as-of", "soon"],
        ["sign-in", "--cache", "memory"],
        ["report", "--nonsense"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_2(shell, capsys, tmp_path, arguments):
    """What cannot be meant is refused on stderr before anything is written."""
    (tmp_path / "there.json").write_text("{}")
    assert shell(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error" in captured.err
    assert list(tmp_path.glob("*.html")) == []


def test_an_error_is_one_line_with_its_remedy_on_the_next(shell, capsys, tmp_path):
    """Exit code 2, two lines on stderr, no traceback."""
    (tmp_path / "page.html").write_text("<html>")
    assert shell("report", "--payload", "page.html") == 2
    captured = capsys.readouterr()
    error, remedy = captured.err.splitlines()
    assert error == "Error: page.html is not a file that Payload.save wrote."
    assert remedy.startswith("To load a raw answer of Partner Center")


def test_a_file_that_cannot_be_written_is_an_error_too(shell, capsys, tmp_path):
    """The operating system's refusal is one line, with the file's name."""
    (tmp_path / "file").write_text("")
    assert shell("report", "--sample", "-o", "file/r.html") == 2
    assert capsys.readouterr().err.startswith("Error: file")


@pytest.mark.parametrize(
    ("option", "words"),
    [("--help", ("report", "lab", "history")), ("--version", ("pcnotebooks ",))],
)
def test_help_and_version_load_nothing_heavy(option, words):
    """A fresh process answers before it would have loaded pandas or msal."""
    heavy = {"babel", "ipywidgets", "jinja2", "jupyterlab", "matplotlib", "msal", "msgspec"}
    heavy |= {"openpyxl", "pandas", "platformdirs", "pyarrow", "requests"}
    script = (
        f"import sys; sys.argv = ['pcnotebooks', '{option}']\n"
        "from pcnotebooks.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    said = _process("-c", script).decode().splitlines()
    assert all(word in "\n".join(said) for word in words)
    assert said[-1] == "[]"


def test_the_package_runs_as_a_module():
    """Where the PATH lacks the script, as after pip install --user on Windows."""
    assert _process("-m", "pcnotebooks", "--version").decode() == f"pcnotebooks {__version__}\n"
    assert b"python -m pcnotebooks [OPTIONS]" in _process("-m", "pcnotebooks", "--help")


@pytest.mark.parametrize("code_page", ["cp932", "cp936", "cp949", "cp1252", "utf-8"])
def test_a_pipe_of_any_code_page_shows_amounts(code_page):
    """Those of East Asia have no no-break space, which stands in every amount."""
    history = History("kept")
    for kept in sample_history()[-8:]:
        history.append(kept, sample=True)
    said = _process(
        "-m", "pcnotebooks", "history", "changes", "--history", "kept",
        PYTHONIOENCODING=code_page,
    ).decode(code_page)  # fmt: skip
    assert re.search(r"  \(?[A-Z]{3} [\d,.]+", said)
    assert "\\x" not in said


@pytest.mark.parametrize("name", ["می\u200cخو", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"])
def test_a_name_is_spelt_with_its_joiners(shell, capsys, name):
    """Persian words and joined emoji stay whole in a list."""
    History("kept").append(replace(sample_payload(), partner=name), sample=True)
    assert shell("history", "list", "--history", "kept") == 0
    assert capsys.readouterr().out.startswith(f"{name}  ")


def _process(*arguments: str, **environment: str) -> bytes:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout


def test_lab_copies_the_notebooks_keeps_edited_ones_and_opens_jupyterlab(tmp_path):
    """A notebook that was edited stays; the others come; a real JupyterLab answers."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "02_balances.ipynb").write_text("mine")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "r")}
    with (tmp_path / "log").open("w") as log:
        lab = subprocess.Popen(
            [sys.executable, "-c", "from pcnotebooks.cli.main import main; main()", "lab", "work",
             "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
             "--IdentityProvider.token=t"],
            cwd=tmp_path, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            listed = answer_of(
                f"http://127.0.0.1:{port}/api/contents?token=t", lab, tmp_path / "log"
            )
        finally:
            lab.terminate()
            lab.wait(timeout=20)
    names = {entry["name"] for entry in json.loads(listed)["content"]}
    assert {"01_start_here.ipynb", "02_balances.ipynb", "05_report.ipynb"} <= names
    assert (folder / "02_balances.ipynb").read_text() == "mine"
    said = (tmp_path / "log").read_text()
    assert f"{Path('work/02_balances.ipynb')}: kept, although the bundled one differs" in said
    assert f"{Path('work/01_start_here.ipynb')}: new" in said


@pytest.mark.parametrize("arguments", [["--no-browser"], ["mine", "--no-browser"]])
def test_lab_takes_options_with_and_without_a_folder(shell, monkeypatch, tmp_path, arguments):
    """What is meant for JupyterLab is passed on, and never taken for the folder."""
    passed = []
    monkeypatch.setattr("jupyterlab.labapp.LabApp.launch_instance", passed.append)
    assert shell("lab", *arguments) == 0
    folder = "mine" if "mine" in arguments else "partner-center"
    assert passed == [[str(Path(folder, "01_start_here.ipynb")), "--no-browser"]]
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.fixture
def signing_in(contoso, identity_provider, monkeypatch):
    """Let the user of the profile contoso sign in when asked; return the identity provider."""
    for prompt in ("session.sign_in._print", "cli.sources.ask"):
        monkeypatch.setattr(
            f"pcnotebooks.{prompt}",
            lambda code: visit(code.url, press="approve", user_code=code.code),
        )
    return identity_provider


def test_signs_in_lists_examines_and_signs_out(shell, monkeypatch, capsys, signing_in):
    """A sign-in that is kept serves later commands, until it is forgotten."""
    profile = ("--profile", "contoso")
    assert shell("sign-in", *profile, "--cache", "plain") == 0
    said, use = capsys.readouterr().out.splitlines()
    assert said == f"Signed in as {USERNAME} at Own."
    assert use.startswith(
        "The sign-in is in the cache plain. Notebooks and other commands use the cache memory"
    )
    assert use.endswith(" PCNOTEBOOKS_CACHE=plain.")
    assert shell("accounts") == 0
    assert capsys.readouterr().out.split() == [USERNAME, TENANT, "localhost", "plain"]
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    assert shell("sign-in", *profile) == 0
    assert capsys.readouterr().out == f"Signed in as {USERNAME} at Own.\n"
    assert shell("doctor", *profile) == 0
    examined = capsys.readouterr().out
    assert "fail" not in examined
    assert "pass  Summaries" in examined
    assert shell("sign-out") == 0
    assert capsys.readouterr().out == "Signed out.\n"
    assert shell("accounts") == 0
    assert capsys.readouterr().out == "No sign-in is cached.\n"


def test_a_profile_may_name_its_tenant_by_a_domain(shell, monkeypatch, capsys, signing_in):
    """Signed in by one command, the next ones ask nobody."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    path = profiles_file()
    path.write_text(path.read_text().replace(TENANT, DOMAIN))
    for command in ("sign-in", "report", "snapshot", "doctor"):
        assert shell(command, "--profile", "contoso") == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert f"Signed in as {USERNAME} at Own.\n" in said
    assert "fail" not in said
    assert signing_in.count("devicecode") == 1


def test_a_guest_of_two_partners_takes_snapshots_of_both(shell, monkeypatch, capsys, signing_in):
    """Two profiles of one user, told apart by their tenants, are signed in once each."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    path = profiles_file()
    stored = path.read_text()
    other = stored.replace(TENANT, GUEST_TENANT).replace("ontoso", "ontoso Guest")
    path.write_text(stored + other.replace("[contoso Guest]", "[guest]"))
    profiles = ("--profile", "contoso", "--profile", "guest")
    for name in profiles[1::2]:
        assert shell("sign-in", "--profile", name) == 0
    assert shell("snapshot", *profiles) == 0, capsys.readouterr()
    kept = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split("  ")[0] for line in kept] == ["Contoso", "Contoso Guest"]
    assert signing_in.count("devicecode") == 2


def test_reports_on_several_partners_and_says_what_failed(
    shell, monkeypatch, capsys, signing_in, partner_center, tls
):
    """One partner's failure costs nobody else's figures, and is told by the exit code."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    broken = partner_center(*[Answer(status=403)] * 2, tls=tls, key=signing_key())
    path = profiles_file()
    stored = path.read_text()
    path.write_text(
        f"{stored}\n[broken]\n"
        + stored.split("\n", 1)[1]
        .replace("Contoso", "Broken")
        .replace(re.search(r'api = "(.*)"', stored)[1], broken.cloud.api)
    )
    names = ("--profile", "contoso", "--profile", "broken", "--profile", "nobody")
    assert shell("report", *names) == 2
    said = capsys.readouterr()
    assert said.out == "invoice-summaries.html\n"
    assert "Error: nobody: There is no profile 'nobody'." in said.err
    assert "Error: broken: " in said.err
    html = Path("invoice-summaries.html").read_text(encoding="utf-8")
    assert "Contoso · own" in html
    assert "Broken" not in html


@pytest.mark.parametrize(
    "refusal", [Answer(status=403), Answer(b"<html>"), Answer(b'{"items": [{"id": "D1"}]}')]
)
def test_reports_on_the_balances_without_a_list(
    shell, monkeypatch, capsys, signing_in, contoso, refusal
):
    """A note in one line says why, also in the page; what came is shown, and the exit code is 0."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    contoso.steps.extend(
        [lambda request: Answer() if request.path.endswith("/summaries") else refusal] * 2
    )
    assert shell("report", "--profile", "contoso") == 0
    said = capsys.readouterr()
    assert said.out == "invoice-summaries.html\n"
    (note,) = said.err.splitlines()
    assert note.startswith("Note: Contoso · own: the list of invoices could not be fetched. ")
    html = Path("invoice-summaries.html").read_text(encoding="utf-8")
    assert "751,094.39" in html
    assert "24,606.35" not in html
    assert "the list of invoices could not be fetched." in html


def test_reports_on_a_list_without_its_balances(shell, monkeypatch, capsys, signing_in, contoso):
    """The error is said and the exit code is 2; the invoices that came are shown."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    contoso.steps.extend(
        [lambda request: Answer(status=403) if request.path.endswith("/summaries")
         else Answer(INVOICES)] * 3
    )  # fmt: skip
    assert shell("report", "--profile", "contoso") == 2
    said = capsys.readouterr()
    assert said.out == "invoice-summaries.html\n"
    assert said.err.startswith("Error: contoso: ")
    html = Path("invoice-summaries.html").read_text(encoding="utf-8")
    assert "D02005YFHI" in html
    assert "the balances could not be fetched." in html


def test_reports_on_balances_and_invoices(shell, monkeypatch, capsys, signing_in, contoso):
    """Both are fetched, and the report ages the invoices."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    assert shell("report", "--profile", "contoso", "--excel") == 0
    assert capsys.readouterr().err == ""
    html = Path("invoice-summaries.html").read_text(encoding="utf-8")
    assert "751,094.39" in html
    assert "D02005YFHI" in html
    assert {"invoices", "ageing"} <= set(pd.read_excel("invoice-summaries.xlsx", None))


def test_reports_on_nothing_where_nobody_answered(shell, capsys, home):
    """Without any payload no file is written, and the exit code is 2."""
    assert shell("report", "--profile", "nobody") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: nobody: There is no profile 'nobody'.")
    assert list(Path.cwd().glob("*.html")) == []


def test_a_sign_in_that_its_profile_would_not_find_says_so(shell, monkeypatch, capsys, signing_in):
    """A profile's cache comes before the variable, so it is what has to be set."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    path = profiles_file()
    path.write_text(f'{path.read_text()}cache = "memory"\n')
    assert shell("sign-in", "--profile", "contoso", "--cache", "plain") == 0
    use = capsys.readouterr().out.splitlines()[-1]
    assert use.endswith("""memory unless you set cache = "plain" in the profile 'contoso'.""")


def test_a_sign_in_that_would_end_with_the_command_is_kept_encrypted(
    shell, capsys, contoso, identity_provider
):
    """Memory serves no later command: the keyring is asked for, and its lack is said."""
    assert shell("sign-in", "--profile", "contoso") == 2
    assert "no keyring" in capsys.readouterr().err
    assert identity_provider.count("devicecode") == 0


def test_an_unreadable_cache_is_named_beside_the_others(shell, capsys, signing_in):
    """Accounts and doctor go on; signing out deletes what it can, and says what it cannot."""
    assert shell("sign-in", "--profile", "contoso", "--cache", "plain") == 0
    plain, encrypted = cache_file("plain"), cache_file("encrypted")
    encrypted.touch()  # as it is where the keyring of another machine was used
    capsys.readouterr()
    assert shell("accounts") == 2
    said = capsys.readouterr()
    assert said.out.split() == [USERNAME, TENANT, "localhost", "plain"]
    assert "no keyring" in said.err
    shell("doctor", "--profile", "contoso")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Token cache" in line]
    assert line.startswith("warn")
    assert "in the cache plain" in line
    assert "no keyring" in line
    assert shell("sign-out") == 2
    assert f"delete {encrypted}" in capsys.readouterr().err
    assert not plain.exists()
    encrypted.unlink()
    assert shell("sign-out") == 0


def test_doctor_fails_with_exit_code_1(shell, capsys, home):
    """What fails is said with its remedy, and the exit code tells a script."""
    assert shell("doctor") == 1
    assert "fail" in capsys.readouterr().out


def test_every_help_is_whole_and_has_the_exit_codes(shell, capsys):
    """No type in place of words, no braces, nothing cut off; -h and --help are one."""
    commands = [[], ["history"], ["profile"]]
    for group in list(commands):
        assert shell(*group, "-h") == 0
        listed = capsys.readouterr().out.split("Commands:\n")[1].split("\n\n")[0]
        names = re.findall(r"^  (\S+)", listed, re.MULTILINE)
        commands += [[*group, name] for name in names if [*group, name] not in commands]
    assert len(commands) > 25
    for command in commands:
        assert shell(*command, "--help") == 0
        said = capsys.readouterr().out
        assert "Exit codes: 0 success, nothing to report; 1 success, something to report; 2" in said
        assert not re.search(r"[<{]|Path|[a-z,]\.\.\.$|%Y", said, re.MULTILINE), said
        if command not in [[], ["history"], ["profile"]]:
            assert "-v, --verbose" in said


def test_the_page_is_printed_for_a_hyphen(shell, capsysbinary, tmp_path):
    """The same bytes as in a file, and nothing else; a PDF or workbook needs a file."""
    assert shell("report", "--sample", "-o", "-") == 0
    printed = capsysbinary.readouterr().out
    assert shell("report", "--sample", "-o", "r.html") == 0
    assert (tmp_path / "r.html").read_bytes() == printed
    assert shell("report", "--sample", "-o", "-", "--pdf") == 2


def test_a_fault_of_the_program_is_no_finding(shell, capsys, monkeypatch):
    """Python ends with 1 after a traceback; a scheduler would take that for something to report."""
    monkeypatch.setattr("pcnotebooks.session.settings.load_profiles", lambda: 1 / 0)
    assert shell("profile", "list") == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_verbose_prints_the_log_on_standard_error(shell, capsys, monkeypatch, home):
    """A line for each record, with its time, made printable."""
    logger = logging.getLogger("pcnotebooks")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logging.NOTSET)

    def load_profiles():
        logging.getLogger("pcnotebooks.session").info("waits 3 s \x1b[31m")
        return {}

    monkeypatch.setattr("pcnotebooks.session.settings.load_profiles", load_profiles)
    assert shell("profile", "list", "-v") == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d waits 3 s .\[31m\n", capsys.readouterr().err)
    logging.getLogger("pcnotebooks").setLevel(logging.NOTSET)


def test_completion_is_offered():
    """By the script's name, as shells ask for it."""
    script = "import sys; sys.argv = ['pcnotebooks']; from pcnotebooks.cli.main import main; main()"
    asked = {"COMP_WORDS": "pcnotebooks history v", "COMP_CWORD": "2"}
    found = _process("-c", script, _PCNOTEBOOKS_COMPLETE="complete_bash", **asked)
    assert found.split() == [b"verify"]


def test_a_list_of_commands_makes_no_options():
    """To make every command's takes a third of --help."""
    commands = typer.main.get_command(app).commands
    assert commands["report"].params == commands["history"].commands["add"].params == []
    assert "--output" in {name for each in commands["report"].whole().params for name in each.opts}
