"""Foreign text commands no terminal, hides nothing, and is still spelt as its owner spells it."""

from __future__ import annotations

import pytest

from pcnotebooks.text import (
    hidden,
    isolated,
    named,
    one_line,
    printable,
    shell_line,
    shortened,
    told_apart,
    without_password,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë Łódź 東京 👩 \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}€", ...),
        ("two\nlines", "two\nlines"),
        ("\x1b[2Jcleared", "�[2Jcleared"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("Con\u00adtoso", "Con�toso"),
        ("a\u2028b", "a�b"),
        ("half \ud83d", "half �"),
        ("tag\U000e0041", "tag�"),
    ],
)
def test_what_a_terminal_obeys_is_replaced(text, shown):
    """Controls, turns of direction, what is not seen, halves; nothing else."""
    assert printable(text) == (text if shown is ... else shown)


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # noqa: RUF001  # Persian
        "क्\u200dष",
        "ശ്രീമാന്\u200d",
        "\U00011107\U00011133\u200d\U00011121",  # Chakma
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
        "\N{HEAVY BLACK HEART}\ufe0f\u200d\N{FIRE}",
    ],
)
def test_joiners_are_kept_where_a_script_is_spelt_with_them(text):
    """Persian, Hindi, Malayalam and joined emoji read as they were written."""
    assert printable(text) == text


@pytest.mark.parametrize("text", ["Con{}toso", "{}Contoso", "Καλ{}ό", "می{0}{0}خوا", "東{}京"])
@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_that_nobody_spells_with_is_shown(text, joiner):
    """Else two names that look equal would be two partners; a second one in a row as well."""
    assert "\N{REPLACEMENT CHARACTER}" in printable(text.format(joiner))


def test_a_line_of_a_shell_has_plain_spaces():
    """No-break spaces, which code pages of East Asia cannot hold, and ends of lines."""
    text = "GBP\N{NO-BREAK SPACE}1\N{NARROW NO-BREAK SPACE}230,33\nowed\x07"
    assert shell_line(text) == "GBP 1 230,33 owed�"
    for code_page in ("cp932", "cp936", "cp949"):
        shell_line("GBP\N{NO-BREAK SPACE}12.34").encode(code_page)


@pytest.mark.parametrize(
    ("text", "most", "line"),
    [("as it is", 20, "as it is"), ("a\tb\r\n c", 20, "a b c"), ("x" * 30, 10, "xxxxxxx..."),
     ("", 5, "")],
)  # fmt: skip
def test_one_line(text, most, line):
    """Blanks become one, and what is too long ends in dots."""
    assert one_line(text, most) == line


@pytest.mark.parametrize(
    "label",
    ["", " \t\N{NO-BREAK SPACE}\u2003", "\u200b", "\u2060\u00ad", "\ufeff", "\u3164", "\u2800",
     "\x07", "\u200e\u202e\u2066", "\u034f", "\u115f\uffa0", "\ufe0f", "\U000e0041", "\u180e"],
)  # fmt: skip
def test_a_label_that_shows_nothing_is_named_in_words(label):
    """Blanks, controls, and each character that fonts draw as nothing."""
    assert named(label) == "Partner not named"


@pytest.mark.parametrize(
    "label", ["\u200bC", ".", "\u0301", "\u0600", "0", "ㅤㄱ", "\u2801", "\ufffd", "🏴"]
)
def test_a_label_that_can_be_seen_stays(label):
    """One letter or mark that shows is enough; it is not changed."""
    assert named(label) == label


def test_a_long_name_keeps_its_start_and_end():
    """Names of one group of companies often differ at their end alone."""
    assert shortened("Contoso") == "Contoso"
    long = "Contoso Deutschland Vertriebsgesellschaft Nord"
    assert shortened(long) == "Contoso Deutsc…llschaft Nord"


def test_text_from_the_right_is_set_apart():
    """A Hebrew name turns no amount after it around; its own commands are taken out."""
    assert isolated("Contoso") == "Contoso"
    assert isolated("\u202eContoso") == "Contoso"
    name = "חברה"
    assert isolated(name) == f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("code 0.AXoAq3xT1bGh9dKpL2 sent", "code [...] sent"),
        ("trace 9d6b1cc1-4b2c-4b5e-8b57-2d9d4dbb1c10", ...),
        ("an-ordinary-long-word-here", ...),
        ("x" * 40, "[...]"),
    ],
)
def test_what_may_be_a_secret_is_hidden(text, shown):
    """Long words with digits; ids that support asks for stay."""
    assert hidden(text) == (text if shown is ... else shown)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/history", "s3://bucket/history"),
        ("/home/me/history", "/home/me/history"),
        ("/home/m@e/what?", "/home/m@e/what?"),
        (r"C:\Users\m@e\x", r"C:\Users\m@e\x"),
        ("C:/Users/m@e/x?", "C:/Users/m@e/x?"),
        ("sftp://me:secret@host/x", "sftp://***@host/x"),
        ("sftp://me:sec/ret@host/x", "sftp://***@host/x"),
        ("sftp://me:sec ret\n@host/x", "sftp://***@host/x"),
        ("sftp://me:sec?ret@host/x", "sftp://***"),
        ("sftp://me:sec#ret@host/x", "sftp://***"),
        ("https://secret@host/x", "https://***@host/x"),
        ("memory://me:a@b:secret@host/x", "memory://***@host/x"),
        ("s3:/key:secret@bucket/x", "s3:/***@bucket/x"),
        ("https://host/lake?sv=2024&sig=secret%3D", "https://host/lake?***"),
        ("https://host/lake?sig=sec@ret", "https://***"),
        ("abfss://lake@host/x?sig=secret", "abfss://***@host/x?***"),
        ("simplecache::s3://key:secret@bucket", "simplecache::s3://***@bucket"),
        ("sftp:me:secret@host/x", "sftp:***@host/x"),
        ("me:secret@host:/x", "me:***@host:/x"),
        ("https://host/lake;sig=secret%3D", "https://host/lake;sig=***"),
        ("az://lake/x%3Fsv=2024&sig=secret", "az://lake/x%3Fsv=2024&sig=***"),
        ("Protocol=https;AccountKey=secret==;Name=x", "Protocol=https;AccountKey=***;Name=x"),
        ("Unknown protocol: x://me:secret@host. Try y", "Unknown protocol: x://***@host. Try y"),
    ],
)
def test_a_location_is_named_without_its_secrets(url, shown):
    """Nothing before the last @ is shown, and nothing of a query: a signature lets anyone in."""
    assert without_password(url) == shown


@pytest.mark.parametrize(
    "names",
    [
        ["Contoso Cloud Germany North Region GmbH", "Contoso Cloud Germany South Region GmbH", "F"],
        [f"{'A' * 40}{digit}{'B' * 40}" for digit in range(12)],
        ["Contoso Cloud Services Germany", "Contoso Cloud Services Germany Holding"],
        ["x " * 20, "x " * 21],
        ["W" * 22, "W" * 21 + "V"],
    ],
)
def test_shortened_names_stay_different(names):
    """Whatever they have in common, at the beginning, in the middle or at the end."""
    short = told_apart(names)
    assert len(set(short.values())) == len(names)
    assert all(len(words) <= 28 for words in short.values())
