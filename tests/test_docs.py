"""What the documentation repeats of the code is what the code says."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer

import pcnotebooks
from pcnotebooks import sample_payload
from pcnotebooks.cli.main import app
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.measures import payment_recency
from pcnotebooks.service.refusals import LIST_REMEDIES, REMEDIES
from pcnotebooks.session.faults import KINDS
from pcnotebooks.session.refusals import SIGN_IN_REMEDIES, UNKNOWN

ROOT = Path(__file__).parents[1]
TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
TROUBLESHOOTING = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")


def test_every_sign_in_remedy_is_documented():
    """Each code is in the table, in the row of the remedy that the error prints."""
    rows = dict(re.findall(r"^\| (.+) \| (.+) \|$", TROUBLESHOOTING, re.MULTILINE))
    documented = {
        code: remedy for codes, remedy in rows.items() for code in re.findall(r"`(\w+)`", codes)
    }
    assert SIGN_IN_REMEDIES.items() <= documented.items()
    assert rows["any other"] == UNKNOWN


def test_every_remedy_of_the_service_and_the_network_is_documented():
    """Each code or status, and each way in which no answer comes, stands there too."""
    for code, remedy in REMEDIES.items():
        assert remedy in TROUBLESHOOTING, code
    for remedy in LIST_REMEDIES.values():
        assert remedy in TROUBLESHOOTING
    for kind in KINDS:
        assert kind.remedy in TROUBLESHOOTING, kind.what


def test_the_messages_without_a_code_are_those_of_the_package():
    """The first table of the page of errors quotes messages as they are raised."""
    table = TROUBLESHOOTING.split("## The most common", 1)[1].split("\n## ", 1)[0]
    quoted = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)[2:]  # after the shell's and Python's
    sources = (path.read_text("utf-8") for path in (ROOT / "pcnotebooks").rglob("*.py"))
    code = re.sub(r"\"\s+f?\"", "", "".join(sources))
    assert len(quoted) > 5
    for message in quoted:
        assert max(message.split("..."), key=len) in code, message


def test_every_column_is_documented():
    """The column reference names each column of the frames."""
    text = (ROOT / "docs" / "reference" / "columns.md").read_text(encoding="utf-8")
    for column in payment_recency(summary_frame(sample_payload())).columns:
        assert f"`{column}`" in text


def test_every_public_name_is_in_the_reference():
    """The page of public names lists each, so each has a page of its own in the site."""
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^   (\w+)$", text, re.MULTILINE)) == sorted(pcnotebooks.__all__)
    table = "\n".join(re.findall(r"^\|.*", text, re.MULTILINE))  # what a repository page shows
    assert {name for name in pcnotebooks.__all__ if f"`{name}`" not in table} == set()


def test_every_environment_variable_is_documented():
    """Each variable that the package or its help names is in the page of settings."""
    text = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    named = {
        name
        for path in (ROOT / "pcnotebooks").rglob("*.py")
        for name in re.findall(r"PCNOTEBOOKS_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))
    }
    assert "PCNOTEBOOKS_HISTORY" in named
    assert {name for name in named if f"`{name}`" not in text} == set()


PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(language: str) -> list[tuple[str, str]]:
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [
        (path.relative_to(ROOT).as_posix(), block)
        for path in PAGES
        for block in fence.findall(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "block"), [b for b in _blocks("python") if ">>>" not in b[1]])
def test_examples_that_need_an_account_use_public_names(page, block):
    """An example that is not run is Python, imports public names and passes known arguments."""
    for node in ast.walk(compile(block, page, "exec", ast.PyCF_ONLY_AST | TOP_LEVEL_AWAIT)):
        if isinstance(node, ast.ImportFrom) and node.module == "pcnotebooks":
            assert {name.name for name in node.names} <= set(pcnotebooks.__all__)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "pc":
            assert node.attr in pcnotebooks.__all__
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in pcnotebooks.__all__:
            known = inspect.signature(getattr(pcnotebooks, node.func.id)).parameters
            assert {each.arg for each in node.keywords} <= set(known), node.func.id


COMMANDS = [
    (page, line.split("  #")[0].strip())
    for page, block in [*_blocks("console"), *_blocks("cron"), *_blocks("text")]
    for line in block.splitlines()
    if re.search(r"\bpcnotebooks [a-z]", line) and not re.match("make|pip", line)
]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_of_the_pages_exist(page, line):
    """Each command has the options that the pages give it."""
    words = shlex.split(line.partition("pcnotebooks ")[2].partition(" | ")[0])
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), f"{page}: {line}"
    known = {option for parameter in command.whole().params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert given <= known, f"{page}: {line}"


SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^(\d+)\. ", SECURITY, re.MULTILINE)


def test_every_promise_names_tests_that_exist():
    """A test that is renamed or removed takes its promise along."""
    assert len(PROMISES) > 20
    tests = dict(re.findall(r"^\| (\d+) \| (`[\w/]*test_\w+\.py.*) \|$", SECURITY, re.MULTILINE))
    assert list(tests) == PROMISES
    for name, function in re.findall(r"`([\w/]*test_\w+\.py)(?:::(\w+))?`", SECURITY):
        path = ROOT / "tests" / name
        assert path.exists(), name
        defined = re.findall(r"^(?:async )?def (\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert not function or function in defined, f"{name}::{function}"


def test_links_lead_somewhere():
    """Each relative link of README and docs names a file that is there."""
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), (page.name, link)


def test_every_command_is_documented():
    """The page of commands has an example of each."""
    text = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    examples = dict(
        re.findall(r"^\| `([a-z -]+)` \| `pcnotebooks ([^`]+)` \|$", text, re.MULTILINE)
    )
    groups = {
        "": app,
        **{f"{group.name} ": group.typer_instance for group in app.registered_groups},
    }
    names = {
        f"{group}{command.name or command.callback.__name__}"
        for group, commands in groups.items()
        for command in commands.registered_commands
    }
    assert set(examples) == names
    assert all(example.startswith(name) for name, example in examples.items())
