"""Profiles as a shell lists, adds and removes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pcnotebooks.session.settings import load_profiles, profiles_file

ID = "11111111-2222-4333-8444-555555555555"
MINE = f"""# Ask Ada before you change this.

[first]  # the first
client_id = "{ID}"   # ours
tenant = "first.test"
cloud.name = "own"
cloud.authority = "https://login.test"
cloud.api = "https://api.test"
"""


@pytest.fixture
def run(shell, capsys, home):
    """Return a function that runs a command on profiles: exit code, lines of output, errors."""

    def run(*arguments):
        code, said = shell("profile", *arguments), capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


def test_a_profile_is_added_listed_and_removed(run):
    """The file is made; the command that signs in is named, as a shell takes it."""
    assert run("list")[:2] == (
        0, [f"There is no profile in {profiles_file()} yet. Add one: pcnotebooks profile add"],
    )  # fmt: skip
    wanted = ("--client-id", ID, "--tenant", "contoso.test", "--cloud", "china", "--cache", "plain")
    code, said, _ = run("add", "Contoso East", *wanted, "--partner", "Contoso")
    assert code == 0
    assert said[0] == f"Added Contoso East to {profiles_file()}."
    assert said[1] == "Sign in: pcnotebooks sign-in --profile 'Contoso East'"
    assert run("path") == (0, [str(profiles_file())], [])
    _, listed, _ = run("list")
    assert " ".join(listed[0].split()) == "name cloud tenant client id partner cache method"
    assert listed[1].split() == f"Contoso East china contoso.test {ID} Contoso plain".split()
    assert run("remove", "Contoso East")[0] == 0
    assert load_profiles() == {}


def test_processes_that_add_at_once_lose_nothing(run):
    """Each reads the file after the one before it has written."""
    script = "import sys; from pcnotebooks.session.profiles import add;"
    script += f"add(sys.argv[1], client_id={ID!r}, tenant='contoso.test')"
    names = [f"p{number}" for number in range(4)]
    running = [subprocess.Popen([sys.executable, "-c", script, name]) for name in names]
    assert [each.wait() for each in running] == [0] * 4
    assert sorted(load_profiles()) == names
    code, _, errors = run("add", "p1", "--client-id", ID, "--tenant", "contoso.test")
    assert (code, errors[0]) == (2, "Error: There is already a profile 'p1'.")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_the_user_wrote_stays(run, ends):
    """Comments, order, a custom cloud and line ends, through an addition and its removal."""
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(MINE.replace("\n", ends).encode())
    assert run("add", "b.c", "--client-id", ID, "--tenant", "contoso.test")[0] == 0
    written = path.read_bytes().decode()
    assert written.startswith(MINE.replace("\n", ends))
    assert written.count("\n") == written.count(ends)
    assert list(load_profiles()) == ["first", "b.c"]
    assert "own" in run("list")[1][1]
    assert run("remove", "first")[0] == 0
    assert list(load_profiles()) == ["b.c"]
    assert "# Ask Ada" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "first", "--client-id", ID, "--tenant", "t.test"], "already a profile 'first'"),
        (
            ["add", " ", "--client-id", ID, "--tenant", "t.test"],
            "' ' cannot be the name of a profile.",
        ),
        (["add", "x", "--client-id", "two words", "--tenant", "t.test"], "is not a client id."),
        (["add", "x", "--client-id", ID, "--tenant", "t/u"], "'t/u' is not a tenant."),
        (["add", "x", "--client-id", ID, "--tenant", "t", "--cache", "disk"], "cache 'disk'"),
        (["add", "x", "--client-id", ID, "--tenant", "t", "--cloud", "moon"], "cloud 'moon'"),
        (["add", "x", "--client-id", ID, "--tenant", "t", "--method", "wish"], "method 'wish'"),
        (["add", "x", "--tenant", "t.test"], "--client-id"),
        (["remove", "nobody"], "There is no profile 'nobody'."),
    ],
)
def test_what_cannot_be_is_refused_and_the_file_stays(run, arguments, words):
    """Exit code 2."""
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text(MINE)
    code, said, errors = run(*arguments)
    assert (code, said) == (2, [])
    assert words in " ".join(errors)
    assert path.read_text() == MINE


def test_a_file_that_is_not_toml_is_not_written_over(run):
    """It is named, and stays as it is."""
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text("[first")
    for arguments in (["list"], ["remove", "first"], ["add", "x", "--client-id", ID, "--tenant",
                                                      "t.test"]):  # fmt: skip
        code, _, errors = run(*arguments)
        assert code == 2
        assert str(path) in errors[0]
    assert path.read_text() == "[first"
