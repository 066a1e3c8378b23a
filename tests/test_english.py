"""Count constructions that read as if translated; `python -m tests.test_english` lists them."""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A ratchet: these numbers may fall, and never rise. Lower them when the English gets better.
ALLOWED = {"package": 0, "docs": 0, "notebooks": 0}

# "what fails" and "who signs in" used as nouns. After "says" or "knows" they are questions, which
# are good English, so only the places are counted where a noun is expected.
_NOUN_EXPECTED = (
    r"(?:^|[.,;:(]\s+|\b(?:of|in|to|for|with|by|from|on|as|than|and|or|but|is|are|that)\s+)"
)
CONSTRUCTIONS = {
    "stand": r"\b(?:stands?|stood|standing)\b(?!-)",
    "lie": r"\b(?:lies?|lain)\b",
    "serve": r"\bserve[sd]?\b",
    "tell": r"\b(?:tells?|told|telling)\b",
    "beside": r"\bbeside\b",
    "anew": r"\banew\b",
    "somebody": r"\b(?:somebody|nobody|whoever|whatever)\b",
    "is no": r"(?<!there\s)\b(?:is|are|was|were) no (?!longer|more|later|fewer|less|other)[a-z]+",
    "of one's own": r"\bof (?:one's|your|their|his|our|my|its) own\b",
    "too": r", too\b",
    "where": r"(?:^|[.;:]\s+)Where (?!from|to|the figures)[a-z]+"
    r"|\b(?:even|only|but|else|except) where\b"
    r"|\bwhere there (?:is|are)\b|\bwhere (?:none|any|one) (?:is|are)\b",
    "what": _NOUN_EXPECTED + r"(?:what|who|that which)\s+(?!to\b|if\b)[a-z]+",
}
# Good English that the patterns would count.
EXCEPTIONS = (
    r"What (?:it does not|is not|is promised|is kept|is flagged|changed|is needed)",
    r"\bserves? (?:files|pages|requests)\b",
)
_COUNTED = re.compile(
    "|".join(
        f"(?P<n{number}>{pattern})".replace(" ", r"\s+")  # a construction may reach across lines
        for number, pattern in enumerate(CONSTRUCTIONS.values())
    ),
    re.IGNORECASE | re.MULTILINE,
)
_FINE = re.compile("|".join(EXCEPTIONS), re.IGNORECASE)
# The quotes around an f-string, which Python 3.12 and newer see apart.
_AROUND = {getattr(tokenize, f"FSTRING_{place}", -1) for place in ("START", "END")}
CODE = "\0"  # takes the place of code, so that no construction reaches across it


def _strings_in(code: re.Match[str]) -> str:
    return CODE.join(["", *re.findall("'[^']*'", code[0]), ""])


def prose_of_python(source: str) -> str:
    """Return comments, docstrings and messages in their lines, without the code around them."""
    lines = [""] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = CODE
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("# ")
        elif token.type in {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
            text = token.string
            if re.match("[rR]?[fF]", text):  # Python 3.11 does not see the code in it apart
                text = re.sub(r"\{[^{}]*\}", _strings_in, text)
            text = re.sub(r"^[rbfuRBFU]*([\"']{3}|[\"'])|([\"']{3}|[\"'])$", "", text)
            # Examples and identifiers are code as well.
            text = re.sub(r"^\s*(?:>>>|\.\.\.).*$", CODE, text, flags=re.MULTILINE)
        elif not token.string.strip() or token.type in _AROUND:
            continue
        for offset, line in enumerate(text.split("\n")):
            lines[token.start[0] - 1 + offset] += f" {line.strip()}"
    return "\n".join(line.strip() for line in lines)


def prose_of_markdown(text: str) -> str:
    """Return the text without fenced blocks, which are code; their lines are kept empty."""

    def emptied(match: re.Match[str]) -> str:
        return CODE + "\n" * match[0].count("\n")

    return re.sub(r"^(```+)[\s\S]*?^\1", emptied, text, flags=re.MULTILINE)


def prose_of_notebook(text: str) -> str:
    """Return the prose of a notebook: its Markdown, and the comments of its code."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        reading = prose_of_markdown if cell["cell_type"] == "markdown" else prose_of_python
        parts.append(reading(source))
    return f"\n{CODE}\n".join(parts)


def prose_of_template(text: str) -> str:
    """Return the text of a template without its expressions and tags."""
    return re.sub(r"\{\{.*?\}\}|<[^>]*>", CODE, text)


READERS = {
    ".py": prose_of_python,
    ".pyi": prose_of_python,
    ".md": prose_of_markdown,
    ".ipynb": prose_of_notebook,
    ".j2": prose_of_template,
    ".css": prose_of_template,
    ".js": prose_of_template,
    ".txt": prose_of_template,
}
FILES = {
    "package": sorted((ROOT / "pcnotebooks").rglob("*")),
    "docs": [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))],
    "notebooks": sorted((ROOT / "notebooks").glob("*.ipynb")),
}


def constructions(prose: str) -> Iterator[tuple[int, str, str]]:
    """Return the line, the construction and the words of each place."""
    plain = re.sub(r"`+[^`\n]*`+", "x", prose)  # what is in backticks is a name
    for match in _COUNTED.finditer(plain):
        words = match[0].strip(" \n.,;:(")
        rest = plain[match.start() : match.end() + 20]
        question = re.match(r"[^.\n|]*\?", plain[match.start() + 1 :])
        if question or _FINE.search(rest):
            continue
        name = list(CONSTRUCTIONS)[int(str(match.lastgroup)[1:])]
        yield plain.count("\n", 0, match.end()) + 1, name, " ".join(words.split())


def places(group: str) -> list[str]:
    """Return each place of a group of files: file, line, construction and words."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}: {words}"
        for path in FILES[group]
        if path.suffix in READERS and "_build" not in path.parts
        for line, name, words in constructions(
            READERS[path.suffix](path.read_text(encoding="utf-8"))
        )
    ]


@pytest.mark.parametrize("group", ALLOWED)
def test_no_more_constructions_than_before(group):
    """A change may not add one; each place is named."""
    found = places(group)
    assert len(found) <= ALLOWED[group], "\n".join(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The file stands there.\nThe programs lie in it, too.", ["stand", "lie", "too"]),
        ("What has the same label is one.", ["what"]),
        ("If you need a total, export it; who needs\none takes it.", ["what"]),
        ("Where a tenant blocks it, use another.", ["where"]),
        ("It is no folder. There is no folder. It is no longer there.", ["is no"]),
        ("A cloud of one's own, told by nobody", ["of one's own", "tell", "somebody"]),
        ("It says what failed and what to do. What is this?", []),
        ("The user who signed in, in `what stands`.\n```\nlies, too\n```\n", []),
        ("## What it does not do\nServes pages, a stand-in.", []),
    ],
)
def test_the_counter_counts(text, expected):
    """Each construction once, in the line where it is; good English is not counted."""
    assert [name for _, name, _ in constructions(prose_of_markdown(text))] == expected


def test_code_is_not_counted():
    """In Python only comments, docstrings and messages are read."""
    source = 'stand = tell(lies)  # told here\nraise Error(\n    f"{lies} It is no"\n    " folder")'
    found = list(constructions(prose_of_python(source)))
    assert [(line, name) for line, name, _ in found] == [(1, "tell"), (4, "is no")]


if __name__ == "__main__":
    for each in ALLOWED:
        found_there = places(each)
        print("\n".join(found_there))
        print(f"{each}: {len(found_there)}\n")
