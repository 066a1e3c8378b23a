"""A token planted in tests, and the places where it must not turn up."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

TOKEN = "Planted.N0t-A-Real_Token.0123456789-abcdefghijklmnopqrstuvwxyz"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    for candidate in queue:
        if isinstance(candidate, BaseException) and candidate not in seen:
            seen.append(candidate)
            queue += [candidate.__cause__, candidate.__context__, *candidate.args]
    yield from seen


def shown(error: BaseException) -> str:
    """Return everything that a traceback, a debugger's first look or a log shows of an error."""
    looks = [
        "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    ]
    for link in chain(error):
        looks += [str(link), repr(link), repr(link.args), repr(vars(link))]
        looks += [repr(vars(value)) for value in vars(link).values() if hasattr(value, "__dict__")]
    return "\n".join(looks)


def assert_token_free(error: BaseException) -> None:
    """Assert that neither an error nor a frame or cause of it shows the planted token."""
    assert TOKEN not in shown(error)
