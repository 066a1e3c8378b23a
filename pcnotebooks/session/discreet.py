"""Exceptions that leave a function without the secrets it worked with, and secrets out of reach.

A traceback keeps every frame that an exception passed, and each frame its local variables: tokens,
device codes, whole answers of the login service. IPython's verbose mode prints them, a debugger
shows them, and a notebook saves what was printed. Errors of msal and requests also carry the
request, with its headers, in themselves and in their causes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def discreet(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let every exception leave a function without its frames, causes and contexts.

    Interrupts and cancelled tasks are exceptions too. The exception itself stays the same object,
    so what it says is still the function's own responsibility. Decorate inner functions: a public
    one is worth seeing in the traceback, and doctest finds no example in a decorated one.

    Examples
    --------
    >>> @discreet
    ... def call(token):
    ...     raise ValueError("refused") from OSError(token)
    >>> try:
    ...     call("a-secret")
    ... except ValueError as error:
    ...     print(repr(error.__cause__), error.__traceback__.tb_next.tb_frame.f_locals["failure"])
    None refused
    """
    # Only one of the two is needed, yet an awaited function raises after its call has returned.
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: Any, **options: Any) -> Any:
            try:
                return await function(*args, **options)
            except BaseException as error:  # noqa: BLE001  raised again below
                failure = _bare(error)
            del args, options  # this frame stays in the traceback, and these may hold a token
            raise failure

        return cast("Callable[_Given, _Result]", awaited)

    @wraps(function)
    def called(*args: _Given.args, **options: _Given.kwargs) -> _Result:
        try:
            return function(*args, **options)
        except BaseException as error:  # noqa: BLE001  raised again below
            failure = _bare(error)
        del args, options  # as above
        raise failure

    return called


def sealed(secret: _Result) -> Callable[[], _Result]:
    """Return a function that returns a secret, to which no chain of attributes leads.

    IPython's verbose tracebacks evaluate the attributes in the lines that they show, the user's
    own lines included. They call nothing.

    Examples
    --------
    >>> held = sealed("a-secret")
    >>> held()
    'a-secret'
    """
    return lambda: secret


def _bare(error: BaseException) -> BaseException:
    """Return an error without its past; raised inside the except block, it would get it back."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
