"""The command line as a shell sees it: output, errors, exit codes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pandas as pd
import pypdfium2
import pytest

from pcnotebooks import __version__, sample_history, sample_payload
from pcnotebooks.cli import main
from pcnotebooks.history.history import History
from pcnotebooks.session.settings import profiles_file
from pcnotebooks.session.token_cache import cache_file
from tests.services.browser import visit
from tests.services.identity_provider import (
    CLIENT_ID,
    DOMAIN,
    GUEST_TENANT,
    TENANT,
    USERNAME,
    signing_key,
)
from tests.services.partner_center import Answer


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["pcnotebooks", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_version(monkeypatch, capsys):
    """The version is one line."""
    assert _run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"pcnotebooks {__version__}\n"


def test_report_of_the_sample_says_where_it_is(monkeypatch, capsys, tmp_path):
    """Without -o the file lies in the current folder, named as sample data."""
    assert _run(monkeypatch, "report", "--sample") == 0
    assert capsys.readouterr().out == "sample-report.html\n"
    assert "751,094.39" in (tmp_path / "sample-report.html").read_text(encoding="utf-8")


def test_report_of_saved_payloads(monkeypatch, capsys, tmp_path):
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
    assert _run(monkeypatch, *wanted) == 0
    assert capsys.readouterr().out.strip() == str(Path("new/r.html"))
    html = (tmp_path / "new" / "r.html").read_text(encoding="utf-8")
    assert "As of <strong>1\N{NO-BREAK SPACE}Jun\N{NO-BREAK SPACE}2018" in html


def test_report_takes_its_options_along(monkeypatch, capsys, tmp_path):
    """PDF and workbook lie beside the page, all with the same day, terms, title and locale."""
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    wanted = ("--terms-days", "30", "--title", "For the board", "--locale", "de_CH")
    files = ("--pdf", "--excel", "--open", "-o", "new/r.html")
    assert _run(monkeypatch, "report", "--sample", *wanted, *files) == 0
    written = [Path("new/r.html"), Path("new/r.pdf"), Path("new/r.xlsx")]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in written]
    assert opened == [(tmp_path / "new" / "r.html").as_uri()]
    html = (tmp_path / written[0]).read_text(encoding="utf-8")
    assert "<h1>For the board</h1>" in html
    assert "751\N{RIGHT SINGLE QUOTATION MARK}094.39" in html
    assert "15\N{NO-BREAK SPACE}Apr." in html  # 16 March and 30 days
    text = "".join(
        page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(written[1])
    )
    assert "For the board" in text
    assert "751\N{RIGHT SINGLE QUOTATION MARK}094.39" in text
    recency = pd.read_excel(written[2], "recency")
    assert recency["invoice_due_date"].dropna().astype(str).unique().tolist() == ["2018-04-15"]


def test_report_named_pdf_is_one(monkeypatch, capsys, tmp_path):
    """The file's name says what it is; nothing else is written."""
    assert _run(monkeypatch, "report", "--sample", "-o", "r.pdf", "--pdf") == 0
    assert capsys.readouterr().out == "r.pdf\n"
    assert [path.name for path in tmp_path.iterdir()] == ["r.pdf"]
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")


def test_report_of_a_history(monkeypatch, capsys, tmp_path):
    """What a history keeps is reported on with its trends, beside payloads of other places."""
    history = History("kept")
    for kept in sample_history()[-4:]:
        history.append(kept, sample=True)
    sample_payload().save("one.json")
    assert _run(monkeypatch, "report", "--history", "kept", "--payload", "one.json") == 0
    html = (tmp_path / "invoice-summaries.html").read_text(encoding="utf-8")
    assert "751,094.39" in html
    assert "3 earlier answers for trends and changes" in html


def test_report_of_an_empty_history_names_it(monkeypatch, capsys, tmp_path):
    """Which location holds nothing, and the command that fills it; no file is written."""
    assert _run(monkeypatch, "report", "--history", "kept") == 1
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
def test_wrong_usage_is_exit_code_2(monkeypatch, capsys, tmp_path, arguments):
    """What cannot be meant is refused on stderr before anything is written."""
    (tmp_path / "there.json").write_text("{}")
    assert _run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error" in captured.err
    assert list(tmp_path.glob("*.html")) == []


def test_an_error_is_one_line_with_its_remedy_on_the_next(monkeypatch, capsys, tmp_path):
    """Exit code 1, two lines on stderr, no traceback."""
    (tmp_path / "page.html").write_text("<html>")
    assert _run(monkeypatch, "report", "--payload", "page.html") == 1
    captured = capsys.readouterr()
    error, remedy = captured.err.splitlines()
    assert error == "Error: page.html is not a file that Payload.save wrote."
    assert remedy.startswith("If it is Partner Center's raw answer")


def test_a_file_that_cannot_be_written_is_an_error_too(monkeypatch, capsys, tmp_path):
    """The operating system's refusal is one line, with the file's name."""
    (tmp_path / "file").write_text("")
    assert _run(monkeypatch, "report", "--sample", "-o", "file/r.html") == 1
    assert capsys.readouterr().err.startswith("Error: file")


def test_help_names_the_commands():
    """A fresh process explains itself, and --help loads nothing heavy."""
    script = (
        "import sys; sys.argv = ['pcnotebooks', '--help']\n"
        "from pcnotebooks.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'pandas', 'matplotlib', 'jupyterlab', 'ipywidgets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "report" in done.stdout
    assert "lab" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


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
            [sys.executable, "-c", "from pcnotebooks.cli import main; main()", "lab", "work",
             "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
             "--IdentityProvider.token=t"],
            cwd=tmp_path, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            listed = _wait_for(f"http://127.0.0.1:{port}/api/contents?token=t", lab)
        finally:
            lab.terminate()
            lab.wait(timeout=20)
    names = {entry["name"] for entry in json.loads(listed)["content"]}
    assert {"01_start_here.ipynb", "02_balances.ipynb", "05_report.ipynb"} <= names
    assert (folder / "02_balances.ipynb").read_text() == "mine"
    said = (tmp_path / "log").read_text()
    assert f"{Path('work/02_balances.ipynb')}: kept as it is" in said
    assert f"{Path('work/01_start_here.ipynb')}: new" in said


@pytest.mark.parametrize("arguments", [["--no-browser"], ["mine", "--no-browser"]])
def test_lab_takes_options_with_and_without_a_folder(monkeypatch, tmp_path, arguments):
    """What is meant for JupyterLab is passed on, and never taken for the folder."""
    passed = []
    monkeypatch.setattr("jupyterlab.labapp.LabApp.launch_instance", passed.append)
    assert _run(monkeypatch, "lab", *arguments) == 0
    folder = "mine" if "mine" in arguments else "partner-center"
    assert passed == [[str(Path(folder, "01_start_here.ipynb")), "--no-browser"]]
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def _wait_for(url: str, lab: subprocess.Popen[bytes]) -> bytes:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert lab.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            time.sleep(0.2)
    return pytest.fail("JupyterLab did not start")


@pytest.fixture
def contoso(home, identity_provider, partner_center, tls):
    """Store a profile that leads to the identity provider and Partner Center on loopback."""
    service = partner_center(tls=tls, key=signing_key())
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\npartner = "Contoso"\n'
        f'cloud = {{name = "own", label = "Own", authority = "{identity_provider.url}",'
        f' api = "{service.cloud.api}"}}\n'
    )
    return identity_provider


def _approve(device_code):
    visit(device_code.url, press="approve", user_code=device_code.code)


def test_signs_in_lists_examines_and_signs_out(monkeypatch, capsys, contoso):
    """A sign-in that is kept serves later commands, until it is forgotten."""
    monkeypatch.setattr("pcnotebooks.session.sign_in._print", _approve)
    profile = ("--profile", "contoso")
    assert _run(monkeypatch, "sign-in", *profile, "--cache", "plain") == 0
    said, use = capsys.readouterr().out.splitlines()
    assert said == f"Signed in as {USERNAME} at Own."
    assert use.startswith("It is in the cache plain; notebooks and other commands look in memory")
    assert use.endswith(" PCNOTEBOOKS_CACHE=plain.")
    assert _run(monkeypatch, "accounts") == 0
    assert capsys.readouterr().out.split() == [USERNAME, TENANT, "localhost", "plain"]
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    assert _run(monkeypatch, "sign-in", *profile) == 0
    assert capsys.readouterr().out == f"Signed in as {USERNAME} at Own.\n"
    assert _run(monkeypatch, "doctor", *profile) == 0
    examined = capsys.readouterr().out
    assert "fail" not in examined
    assert "pass  Summaries" in examined
    assert _run(monkeypatch, "sign-out") == 0
    assert capsys.readouterr().out == "Signed out.\n"
    assert _run(monkeypatch, "accounts") == 0
    assert capsys.readouterr().out == "No sign-in is cached.\n"


def test_a_profile_may_name_its_tenant_by_a_domain(monkeypatch, capsys, contoso):
    """Signed in by one command, the next ones ask nobody."""
    monkeypatch.setattr("pcnotebooks.session.sign_in._print", _approve)
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    path = profiles_file()
    path.write_text(path.read_text().replace(TENANT, DOMAIN))
    for command in ("sign-in", "report", "snapshot", "doctor"):
        assert _run(monkeypatch, command, "--profile", "contoso") == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert f"Signed in as {USERNAME} at Own.\n" in said
    assert "fail" not in said
    assert contoso.count("devicecode") == 1


def test_a_guest_of_two_partners_takes_snapshots_of_both(monkeypatch, capsys, contoso):
    """Two profiles of one user, told apart by their tenants, are signed in once each."""
    monkeypatch.setattr("pcnotebooks.session.sign_in._print", _approve)
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    path = profiles_file()
    stored = path.read_text()
    other = stored.replace(TENANT, GUEST_TENANT).replace("ontoso", "ontoso Guest")
    path.write_text(stored + other.replace("[contoso Guest]", "[guest]"))
    profiles = ("--profile", "contoso", "--profile", "guest")
    for name in profiles[1::2]:
        assert _run(monkeypatch, "sign-in", "--profile", name) == 0
    assert _run(monkeypatch, "snapshot", *profiles) == 0, capsys.readouterr()
    kept = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split("  ")[0] for line in kept] == ["Contoso", "Contoso Guest"]
    assert contoso.count("devicecode") == 2


def test_reports_on_several_partners_and_says_what_failed(
    monkeypatch, capsys, contoso, partner_center, tls
):
    """One partner's failure costs nobody else's figures, and is told by the exit code."""
    monkeypatch.setattr("pcnotebooks.session.sign_in._print", _approve)
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    broken = partner_center(Answer(status=403), tls=tls, key=signing_key())
    path = profiles_file()
    stored = path.read_text()
    path.write_text(
        f"{stored}\n[broken]\n"
        + stored.split("\n", 1)[1]
        .replace("Contoso", "Broken")
        .replace(re.search(r'api = "(.*)"', stored)[1], broken.cloud.api)
    )
    names = ("--profile", "contoso", "--profile", "broken", "--profile", "nobody")
    assert _run(monkeypatch, "report", *names) == 1
    said = capsys.readouterr()
    assert said.out == "invoice-summaries.html\n"
    assert "Error: nobody: There is no profile 'nobody'." in said.err
    assert "Error: broken: " in said.err
    html = Path("invoice-summaries.html").read_text(encoding="utf-8")
    assert "Contoso · own" in html
    assert "Broken" not in html


def test_reports_on_nothing_where_nobody_answered(monkeypatch, capsys, home):
    """Without any payload no file is written, and the exit code is 1."""
    assert _run(monkeypatch, "report", "--profile", "nobody") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: nobody: There is no profile 'nobody'.")
    assert list(Path.cwd().glob("*.html")) == []


def test_a_sign_in_that_its_profile_would_not_find_says_so(monkeypatch, capsys, contoso):
    """A profile's cache comes before the variable, so it is what has to be set."""
    monkeypatch.setattr("pcnotebooks.session.sign_in._print", _approve)
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    path = profiles_file()
    path.write_text(f'{path.read_text()}cache = "memory"\n')
    assert _run(monkeypatch, "sign-in", "--profile", "contoso", "--cache", "plain") == 0
    use = capsys.readouterr().out.splitlines()[-1]
    assert use.endswith("""memory unless you set cache = "plain" in the profile 'contoso'.""")


def test_a_sign_in_that_would_end_with_the_command_is_kept_encrypted(monkeypatch, capsys, contoso):
    """Memory serves no later command: the keyring is asked for, and its lack is said."""
    assert _run(monkeypatch, "sign-in", "--profile", "contoso") == 1
    assert "no keyring" in capsys.readouterr().err
    assert contoso.count("devicecode") == 0


def test_an_unreadable_cache_is_named_beside_the_others(monkeypatch, capsys, contoso):
    """Accounts and doctor go on; signing out deletes what it can, and says what it cannot."""
    monkeypatch.setattr("pcnotebooks.session.sign_in._print", _approve)
    assert _run(monkeypatch, "sign-in", "--profile", "contoso", "--cache", "plain") == 0
    plain, encrypted = cache_file("plain"), cache_file("encrypted")
    encrypted.touch()  # as it is where the keyring of another machine was used
    capsys.readouterr()
    assert _run(monkeypatch, "accounts") == 1
    said = capsys.readouterr()
    assert said.out.split() == [USERNAME, TENANT, "localhost", "plain"]
    assert "no keyring" in said.err
    _run(monkeypatch, "doctor", "--profile", "contoso")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Token cache" in line]
    assert line.startswith("warn")
    assert "in the cache plain" in line
    assert "no keyring" in line
    assert _run(monkeypatch, "sign-out") == 1
    assert f"delete {encrypted}" in capsys.readouterr().err
    assert not plain.exists()
    encrypted.unlink()
    assert _run(monkeypatch, "sign-out") == 0


def test_doctor_fails_with_exit_code_1(monkeypatch, capsys, home):
    """What fails is said with its remedy, and the exit code tells a script."""
    assert _run(monkeypatch, "doctor", "--cloud", "mars") == 1
    assert "fail" in capsys.readouterr().out
