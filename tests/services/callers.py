"""Callers of Partner Center: credentials that change their tokens, and the errors they get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import pytest

from pcnotebooks.errors import PcNotebooksError, SignInError
from pcnotebooks.payload.payload import Payload
from pcnotebooks.session.session import Session
from tests.services.planted import assert_token_free


class Rotating:
    """A credential that gives one token after the other, and its last one from then on."""

    def __init__(self, *tokens: str | Exception) -> None:
        self.tokens = tokens
        self.asked = 0
        self.scopes: list[tuple[str, ...]] = []

    def __repr__(self) -> str:
        return "Rotating()"

    def get_token(self, *scopes: str) -> Self:
        """Give the next token, or raise it."""
        self.scopes.append(scopes)
        self.token = self.tokens[min(self.asked, len(self.tokens) - 1)]
        self.asked += 1
        if isinstance(self.token, Exception):
            raise self.token
        return self


def failure_of(
    fetch: Callable[..., Payload], session: Session, kind: type[BaseException], **options: Any
) -> Any:
    """Return the error of a session's call, which must not show the token anywhere."""
    with pytest.raises(kind) as caught:
        fetch(session, **options)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert_token_free(error)
    if isinstance(error, PcNotebooksError):
        assert all(
            value is None or type(value) in (str, int, float) for value in vars(error).values()
        )
        assert isinstance(error, SignInError) or (error.request_id and error.correlation_id)
        assert error.remedy
    return error
