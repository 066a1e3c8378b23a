"""Find secrets in a notebook's outputs, and refuse to publish them."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

from pcnotebooks.errors import ReportError
from pcnotebooks.report.allowed import allowed_tree
from pcnotebooks.report.terminal import joined, on_screen

# The first part of a token (JWT) is a JSON object in base64 that names the algorithm. The claims
# follow, or other parts if the token is encrypted.
_TOKEN = re.compile(r"(?=(eyJ[\w-]{8,4000})\.(?:eyJ|[\w-]*\.[\w-]{8,}))")
# After a name comes a value, not a call or words. If the name has many meanings, or is only next
# to the value without a sign between, only a long value with mixed characters counts.
_IS = r"[\w)]{0,2}['\"\]\s*`]{0,60}[:=,(][\s'\"*`]{0,60}(?:token=)?b?['\"]?"
_IS_BESIDE = r"['\"\]\s*`:=,(]{1,60}(?:token=)?b?['\"]?"
_VALUE = r"(?=[^\s'\"]{0,200}\d)[\w.~+/=%!*$-]{16,}(?![\w(])"
_MIXED = (
    r"(?=[^\s'\"]{0,200}[a-z])(?=[^\s'\"]{0,200}[A-Z])(?=[^\s'\"]{0,200}\d)"
    r"[\w.~+/=%!*$-]{24,}(?![\w(])"
)
_NAMED = r"(?i:(?:access|refresh|id)[_ -]?token|client[_ -]?(?:secret|assertion)|device[_ -]?code)"
_OFTEN = (
    r"(?i:(?<!next|page|tion|skip|sync)(?<!next_|page_|tion_|skip_|sync_)token|secret|password"
    r"|(?:api|account|access)_?key)"
)
_SECRETS = {
    "a bearer header": re.compile(
        r"\bbearer[ \t'\":]+(?=[\w.~+/=-]*\d)[\w.~+/=-]{20,}", re.IGNORECASE
    ),
    "a token or secret by its name": re.compile(
        f"{_NAMED}{_IS}{_VALUE}|(?:{_NAMED}|{_OFTEN}){_IS_BESIDE}{_MIXED}"
    ),
    "a signature of a shared access": re.compile(r"\bsig=(?=\S{0,200}\d)[\w%+/-]{30,}"),
    # The forms of Entra's refresh tokens and client secrets, and of Microsoft account tokens.
    "a token or secret by its form": re.compile(
        r"(?<![\w.,+/=-])(?:[01]\.A[\w-]{60,}|M\.[CR]\d+_[\w.!*$-]{60,}|Ew[AB][\w+/]{150,})"
        r"|(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])"
    ),
}
# Characters that may split a token, visible or invisible.
_SPLIT = re.compile(r"[\s*`~\\]+")
_UNSEEN = dict.fromkeys([0xAD, *range(0x200B, 0x200E), 0x2060, 0xFEFF])
_SIGN_IN_URL = re.compile(
    r"\b[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}(?::\d+)?/(?:[\w.-]{1,99}/){0,9}"
    r"(?:device(?:login|auth)?|link)\b",
    re.IGNORECASE,
)
# Sign-in codes: nine capitals and digits, as Entra's, or two halves, as in RFC 8628.
_CODE = re.compile(
    r"\b(?=\d*[A-Z])(?=[A-Z]*\d)[A-Z\d]{7,10}\b|\b[A-Z\d]{4}-[A-Z\d]{4}\b"
    r"|\b[Cc]ode\W+[A-Z\d]{7,10}\b"
)
_BESIDE = 400  # characters between a code and its address
_REMEDY = (
    "Remove the code that prints it, clear the outputs and render again. If others have seen the"
    " secret, sign out and have it revoked."
)
INJECTED = "injected-parameters"  # papermill's tag; such a cell is not in the user's file


def cell_error(
    book: Any, index: int, what: str, *, remedy: str, secrets: Iterable[str] = ()
) -> ReportError:
    """Return the error of a cell; it has the number in the user's file and the first line."""
    cells = book.cells[: index + 1]
    number = sum(INJECTED not in cell.metadata.get("tags", ()) for cell in cells)
    first = next((line.strip() for line in cells[-1].source.splitlines() if line.strip()), "")
    named = f" ({first[:57]}...)" if len(first) > 60 else f" ({first})"
    if not first or secret_in(cells[-1].source, secrets):  # all of it: a part may look harmless
        named = ""
    return ReportError(f"Cell {number}{named} {what}", cell=number, remedy=remedy)


def secret_in(text: str, secrets: Iterable[str] = ()) -> str | None:
    """Return the kind of secret that a text shows; None if it shows no known kind."""
    readings = [text, unescape(on_screen(text))]
    if "<" in text:
        seen = allowed_tree(text)
        readings += [seen.get_text(), seen.get_text(" ")]
    for reading in dict.fromkeys(each.translate(_UNSEEN) for each in readings):
        whole = _SPLIT.sub("", reading)
        if any(secret in whole for secret in filter(None, (_SPLIT.sub("", s) for s in secrets))):
            return "a secret of this sign-in"
        if any(map(_is_header, _TOKEN.findall(whole))):
            return "an access token (JWT)"
        for kind, pattern in _SECRETS.items():
            if pattern.search(reading):
                return kind
        for address in _SIGN_IN_URL.finditer(reading):
            start, end = max(0, address.start() - _BESIDE), address.end() + _BESIDE
            if _CODE.search(reading[start : address.start()] + " " + reading[address.end() : end]):
                return "a sign-in code next to its address"
    return None


def _is_header(part: str) -> bool:
    return b'"alg"' in urlsafe_b64decode(part[: len(part) // 4 * 4])


def refuse_secrets(book: Any, secrets: Iterable[str] = ()) -> None:
    """Raise if a cell shows a secret in its outputs or prose, or a saved widget shows one.

    Parameters
    ----------
    book
        A notebook.
    secrets
        Secrets of any form to look for, such as the tokens of a cache.

    Raises
    ------
    ReportError
        The message names the cell and the kind of secret, never the secret itself.
    """
    failure = next(_shown(book, secrets), None)
    del secrets  # a verbose traceback shows arguments
    if failure:
        raise failure


def _shown(book: Any, secrets: Iterable[str]) -> Iterator[ReportError]:
    with_code = book.metadata.get("pcnotebooks", {}).get("code")
    for index, cell in enumerate(book.cells):
        prose = cell.source if with_code or cell.cell_type != "code" else ""
        if kind := _secret_among([joined(cell.get("outputs", [])), prose], secrets):
            yield cell_error(book, index, f"shows {kind}.", remedy=_REMEDY, secrets=secrets)
    if kind := _secret_among(book.metadata.get("widgets", {}), secrets):
        yield ReportError(f"A saved widget of the notebook shows {kind}.", remedy=_REMEDY)


def _secret_among(value: Any, secrets: Iterable[str]) -> str | None:
    return next(filter(None, (secret_in(text, secrets) for text in _texts(value))), None)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of nested values, except pictures in base64."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            if not str(key).startswith(("image/png", "image/jpeg")):
                # Keep the name with its value, as a repr would: "access_token": "..."
                if isinstance(each, str):
                    yield f"{key}: {each}"
                else:
                    yield from _texts(each)
    elif isinstance(value, list | tuple):
        if value and all(isinstance(each, str) for each in value):
            yield "\n".join(value)
        else:
            for each in value:
                yield from _texts(each)
