"""Make foreign text safe to show.

Partner names, error descriptions and addresses are foreign text. It may control a terminal, hide
or reverse a figure, be too long for its place, or hold a secret.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise, takewhile
from unicodedata import bidirectional, category

# Control characters, characters that reverse text or are hidden in it, surrogates, and line
# separators.
_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Two of those (Cf) are needed for spelling: without the joiners, Persian and Indic words are
# misspelt and a family of emoji falls apart. They control nothing, but a Latin name with a hidden
# joiner looks like the name without it, so they are kept only after Arabic, Indic, South-East Asian
# and Mongolian letters, and after symbols (with their variation selector).
_JOINERS = {"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"}
_SPELT_WITH_JOINERS = re.compile(
    r"[\u0600-\u109f\u1780-\u18af\u2190-\u2bff\ufe0f\U00011000-\U00011fff\U0001f000-\U0001faff]"
)
# Shell output needs no no-break spaces, and the code pages of Japanese, Chinese and Korean Windows
# lack them: a pipe would show GBP\xa012.34.
_NO_BREAK = dict.fromkeys([0xA0, 0x202F], " ")
# Drawn as nothing: Unicode's White_Space and Default_Ignorable_Code_Point, controls, and two
# symbols that are empty by design, the Braille cell without dots and the note without a head.
_UNSEEN = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
# The invisible characters that set the direction of writing.
_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
# Long enough to be a token or a code; support asks for ids, which have the form of a GUID.
_OPAQUE = re.compile(r"[\w.~+/=-]{20,}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Of the characters that a token can have.
_ESCAPED = re.compile(r"\\+(?:u00([2-7][0-9a-f]))?", re.IGNORECASE)
# One letter and one slash are a Windows drive, as in C:/Users. Other slashes may be missing.
_URL = re.compile(
    r"((?:[a-z]:/(?=/)|[a-z][a-z0-9+.-]+:(?=[^\s:]))/*)([^?#]*)([?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
# As in a connection string of Azure, or in a query whose question mark is encoded or missing.
_NAMED_SECRET = re.compile(
    r"((?:key|secret|sig|signature|token|password)=)[^;&\s'\"]+", re.IGNORECASE
)


# Characters that copying adds to the ends of a name: blanks, invisible marks, quotes.
_WRAPPING = (
    " \t\r\n\xa0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\u2066\u2067\u2068\u2069"
    "\ufeff\"'`\u2018\u2019\u201a\u201c\u201d\u201e\xab\xbb"
)
# Letters of a name next to a chart.
_FITS = 28
_BRACKETS = {"()", "<>", "[]", "{}"}


def unwrapped(name: str) -> str:
    r"""Return a name without the blanks, quotes and brackets that copying adds.

    Examples
    --------
    >>> unwrapped('"{11111111-2222-4333-8444-555555555555}"\n')
    '11111111-2222-4333-8444-555555555555'
    """
    name = name.strip(_WRAPPING)
    while len(name) > 1 and name[0] + name[-1] in _BRACKETS:
        name = name[1:-1].strip(_WRAPPING)
    return name


def printable(text: str) -> str:
    """Return a text without the characters that control a terminal; line breaks are kept."""
    if text.isprintable():
        return text
    return "".join(
        each
        if category(each) not in _OBEYED
        or each == "\n"
        or (each in _JOINERS and _SPELT_WITH_JOINERS.match(before))
        else "\N{REPLACEMENT CHARACTER}"
        for before, each in pairwise(f" {text}")
    )


def shell_line(text: str) -> str:
    """Return a text as one printable line for a terminal or a pipe, with plain spaces."""
    return printable(text.replace("\n", " ")).translate(_NO_BREAK)


def one_line(text: str, most: int) -> str:
    """Return a text as one printable line of at most `most` characters."""
    # A foreign answer may be megabytes long, and need not be read beyond the cut.
    letters = (each if each.isprintable() else " " for each in text[: 10 * most])
    line = " ".join("".join(letters).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character."""
    return _UNSEEN.fullmatch(text) is not None


def named(partner: str) -> str:
    """Return a partner's label, or a sentence if it is blank."""
    return "Partner not named" if is_blank(partner) else partner


def shortened(name: str) -> str:
    """Return a name that fits next to a chart; its end is kept, where names often differ."""
    return name if len(name) <= _FITS else f"{name[:14]}\N{HORIZONTAL ELLIPSIS}{name[-13:]}"


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Return names that fit next to a chart, by name; no two names become the same.

    Names that are too long lose the words with which all of them begin and end.

    Examples
    --------
    >>> names = ["Contoso Cloud Services Germany Ltd", "Contoso Cloud Services Austria Ltd"]
    >>> list(told_apart(names).values())
    ['… Germany …', '… Austria …']
    """
    every = list(dict.fromkeys(names))
    long = [name for name in every if len(name) > _FITS]
    if len(long) < 2:
        short = {name: shortened(name) for name in every}
    else:
        start, end = _alike(long)
        parts = {name: name[start : len(name) - end] for name in long}
        short = {name: name for name in every} | {
            name: shortened(f"{'… ' if start else ''}{part}{' …' if end else ''}")
            for name, part in parts.items()
        }
    found = Counter(short.values())
    same = [name for name in every if found[short[name]] > 1]
    if not same:
        return short
    # They differ only in the middle, which was left out: show the place where they begin to differ.
    start = max(len(_beginning(same)) - 2, 0)
    short |= {name: f"…{name[start : start + _FITS - 2]}…" for name in same}
    found = Counter(short.values())
    return {name: words if found[words] == 1 else name for name, words in short.items()}


def _alike(names: Sequence[str]) -> tuple[int, int]:
    """Return the number of letters of the whole words with which all names begin and end."""
    start = _beginning(names).rfind(" ") + 1
    if start == min(map(len, names)):
        return 0, 0
    backwards = [name[start:][::-1] for name in names]
    end = _beginning(backwards).rfind(" ") + 1
    return start, end if min(map(len, backwards)) > end else 0


def _beginning(names: Sequence[str]) -> str:
    """Return the letters with which all names begin."""
    letters = zip(*names, strict=False)  # as many as in the shortest name
    return "".join(each[0] for each in takewhile(lambda each: len(set(each)) == 1, letters))


def isolated(text: str) -> str:
    """Return a text that cannot reverse its neighbours, such as an amount after a Hebrew name."""
    plain = text.translate(_TURNS)
    if any(bidirectional(letter) in {"R", "AL"} for letter in plain):
        return f"\N{FIRST STRONG ISOLATE}{plain}\N{POP DIRECTIONAL ISOLATE}"
    return plain


def facts_html(what: str, facts: Mapping[str, str | None]) -> str:
    """Return facts as a table for a notebook; facts that are None are left out.

    Examples
    --------
    >>> "<td" in facts_html("Payload", {"Cloud": "global", "Request id": None})
    True
    """
    rows = "".join(
        f'<tr><th scope="row" style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(isolated(one_line(value, 200)))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    head = f'<caption style="text-align: left"><strong>{escape(what)}</strong></caption>'
    return f"<table>{head}{rows}</table>"


def hidden(text: str) -> str:
    """Return a text without any word that is long and odd enough to be a secret."""

    def hide(word: re.Match[str]) -> str:
        plain = not re.search(r"\d", word[0]) and (len(word[0]) < 40 or word[0].startswith("//"))
        return word[0] if plain or _GUID.fullmatch(word[0]) else "[...]"

    return _OPAQUE.sub(hide, text)


def without(secret: str, text: str) -> str:
    """Return a text without a secret that it may repeat, even if escaped as in JSON."""
    text = text.replace(secret, "[token]")
    plain, secret = _unescaped(text), _unescaped(secret)
    return plain.replace(secret, "[token]") if secret in plain else text


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", text)


def without_password(text: str) -> str:
    """Return a location, or a text with one, without the secrets that a URL can hold.

    Only parts that cannot be secret are shown. A name, a password or a key ends at the last ``@``,
    because it may hold an ``@``, a slash or a blank. A query may be a shared access signature.
    """

    def shown(url: re.Match[str]) -> str:
        scheme, place, query = url[1], url[2], url[3] or ""
        if "@" in query:  # of the query, or of a password that has a question mark
            return f"{scheme}***"
        _, at, rest = place.rpartition("@")
        return scheme + ("***@" if at else "") + rest + ("?***" if query else "")

    return _NAMED_SECRET.sub(r"\1***", _URL.sub(shown, text))
