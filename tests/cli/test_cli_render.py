"""The render command as a shell sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from pcnotebooks.session.token_cache import cache_file, cached_tokens

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what a render is asked for, instead of a kernel's start."""
    given: dict[str, Any] = {}

    def rendered(notebook, path, *, parameters, code, secrets):
        path.write_text("<p>page</p>")
        given.update(notebook=str(notebook), path=str(path), parameters=parameters, code=code)
        return path

    monkeypatch.setattr("pcnotebooks.report.notebook.rendered", rendered)
    return given


def test_renders_with_parameters(shell, capsys):
    """A notebook and a pair give the file, whose name is all that is printed."""
    cells = [
        nbformat.v4.new_code_cell("days = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('doubled', days * 2)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), "mine.ipynb")
    assert shell("render", "mine.ipynb", "-p", "days", "-21", "-o", "new/out.html") == 0
    assert capsys.readouterr().out.strip() == str(Path("new/out.html"))
    assert "doubled -42" in Path("new/out.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("60", 60),
        ("-1.5", -1.5),
        ("None", None),
        ("True", True),
        ("2018-03-16", "2018-03-16"),
        ("contoso.json", "contoso.json"),
        ("['a.json', 'b.json']", ["a.json", "b.json"]),
        ("'60'", "60"),
        ("007", "007"),
        ("x=y", "x=y"),
        ("b'60'", "b'60'"),
        ("", ""),
        ("((((", "(((("),
    ],
)
def test_a_value_is_what_python_reads(shell, asked, word, value):
    """And text where it is none; as a pair of words, or as one."""
    assert shell("render", "02_balances", "-p", "name", word, "--parameter", "n", "1") == 0
    assert asked["parameters"] == {"name": value, "n": 1}
    assert shell("render", "-p", f"name={word}", "02_balances", "-o", "x.html") == 0
    assert asked["parameters"] == {"name": value}
    assert asked["notebook"] == "02_balances"


def test_without_a_file_it_lies_in_the_current_folder(shell, asked):
    """Under the notebook's name."""
    assert shell("render", "elsewhere/02_balances.ipynb", "--code") == 0
    assert (asked["path"], asked["code"]) == ("02_balances.html", True)


def test_a_hyphen_prints_the_page(shell, capsys, asked, tmp_path):
    """And nothing else; no file of that name is written."""
    assert shell("render", "02_balances", "-o", "-") == 0
    assert capsys.readouterr().out == "<p>page</p>"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["x.ipynb", "-p"], ["x.ipynb", "-p", "name"]])
def test_wrong_usage_is_exit_code_2(shell, capsys, asked, arguments):
    """Said on stderr, and nothing is run."""
    assert shell("render", *arguments) == 2
    assert "Error" in capsys.readouterr().err
    assert asked == {}


def test_errors_are_one_line_with_the_remedy_on_the_next(shell, capsys):
    """A parameter that the notebook has not, before any kernel is started."""
    assert shell("render", "02_balances", "-p", "payload_fil", "contoso.json") == 2
    error, remedy = capsys.readouterr().err.splitlines()
    assert error == "Error: The notebook has no parameter 'payload_fil'."
    assert remedy == "Use one of its parameters: payload_file, currency."
    for name in ("nothing.ipynb", "nope", "elsewhere/nope"):
        assert shell("render", name) == 2
        error, remedy = capsys.readouterr().err.splitlines()
        assert error == f"Error: There is no notebook {name}."
        assert "02_balances, 03_payment_recency_and_ageing," in remedy


def test_a_page_never_shows_a_token_that_is_cached(shell, capsys, signed_in, logged):
    """An opaque refresh token has neither the form nor the name of a secret: the cache tells it."""
    (token,) = {secret for secret in cached_tokens() if not secret.startswith("eyJ")}
    cell = nbformat.v4.new_code_cell(f"print({token[:9]!r} + {token[9:]!r})")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), "mine.ipynb")
    cache_file("encrypted").touch()  # as it is where the keyring of another machine was used
    assert shell("render", "mine.ipynb") == 2
    cache_file("encrypted").unlink()
    logged.clear()  # at DEBUG the kernel's client logs what a cell prints
    said = capsys.readouterr().err
    assert "shows a secret of this sign-in." in said
    assert token not in said
    assert not Path("mine.html").exists()
