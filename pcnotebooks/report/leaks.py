"""Secrets that must not leave in a notebook's outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from pcnotebooks.errors import ReportError

_SECRETS = {
    # A JSON object in base64, and the claims or, where they are encrypted, the parts that follow.
    "an access token (JWT)": re.compile(
        r"(?<![A-Za-z\d+/=])eyJ[\w-]{8,}\.(?:eyJ|[\w-]*\.[\w-]{8,})"
    ),
    "a bearer header": re.compile(
        r"\bbearer[ \t'\":]+(?=[\w.~+/=-]*\d)[\w.~+/=-]{20,}", re.IGNORECASE
    ),
    "a token or secret by its name": re.compile(
        r"(?:(?:access|refresh|id)_token|client_secret|client_assertion|device_code)"
        r"['\"\]\s]*[:=,]\s*b?['\"]?[\w.~+/=-]{16,}",
        re.IGNORECASE,
    ),
}
_SIGN_IN_URL = re.compile(
    r"\b[\w-]+(?:\.[\w-]+)+(?::\d+)?/(?:[\w.-]+/)*(?:device(?:login|auth)?|link)\b", re.IGNORECASE
)
# As Entra writes them, nine capitals and digits; or in two halves, as RFC 8628 does.
_CODE = re.compile(
    r"\b(?=\d*[A-Z])(?=[A-Z]*\d)[A-Z\d]{7,10}\b|\b[A-Z\d]{4}-[A-Z\d]{4}\b"
    r"|\b[Cc]ode\W+[A-Z\d]{7,10}\b"
)
_BESIDE = 400  # characters between a code and its address
_REMEDY = (
    "Take out what prints it, clear the outputs and render again. A secret that others have seen"
    " is none: sign out, and have it revoked."
)
INJECTED = "injected-parameters"  # papermill's tag; such a cell is not in the user's file


def cell_error(book: Any, index: int, what: str, *, remedy: str) -> ReportError:
    """Return the error that names a cell: by its number in the user's file, and its first line."""
    cells = book.cells[: index + 1]
    number = sum(INJECTED not in cell.metadata.get("tags", ()) for cell in cells)
    first = next((line.strip() for line in cells[-1].source.splitlines() if line.strip()), "")
    first = f"{first[:57]}..." if len(first) > 60 else first
    named = f" ({first})" if first and secret_in(first) is None else ""
    return ReportError(f"Cell {number}{named} {what}", cell=number, remedy=remedy)


def secret_in(text: str) -> str | None:
    """Return which kind of secret a text holds; None where it holds none that is known."""
    for read in dict.fromkeys((text, unescape(re.sub(r"<[^>]*>", "", text)))):
        for kind, pattern in _SECRETS.items():
            if pattern.search(read):
                return kind
        for address in _SIGN_IN_URL.finditer(read):
            start, end = max(0, address.start() - _BESIDE), address.end() + _BESIDE
            if _CODE.search(read[start : address.start()] + " " + read[address.end() : end]):
                return "a sign-in code beside its address"
    return None


def refuse_secrets(book: Any) -> None:
    """Raise for the first cell that shows a secret, in outputs, prose or saved widgets.

    Raises
    ------
    ReportError
        With the cell and the kind of secret; never the secret.
    """
    with_code = book.metadata.get("pcnotebooks", {}).get("code")
    for index, cell in enumerate(book.cells):
        prose = cell.source if with_code or cell.cell_type != "code" else ""
        if kind := _secret_among([cell.get("outputs", []), prose]):
            raise cell_error(book, index, f"shows {kind}.", remedy=_REMEDY)
    if kind := _secret_among(book.metadata.get("widgets", {})):
        raise ReportError(f"A saved widget of the notebook shows {kind}.", remedy=_REMEDY)


def _secret_among(value: Any) -> str | None:
    return next(filter(None, map(secret_in, _texts(value))), None)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of nested values; pictures in base64 hold none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            if not str(key).startswith(("image/png", "image/jpeg")):
                # A repr keeps a name beside its value: "access_token": "..."
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
