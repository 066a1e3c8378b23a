"""Keep secrets out of the exceptions that leave a function, and out of attributes.

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

    This includes interrupts and cancelled tasks. The exception stays the same object, so the
    function is still responsible for its message. Decorate inner functions: public ones are useful
    in a traceback, and doctest finds no examples in decorated ones.

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
    # Two wrappers, because an async function raises only after its call has returned.
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
    """Return a function that returns a secret, which no chain of attributes reaches.

    IPython's verbose tracebacks evaluate the attributes in the lines that they show, even in the
    user's code, but they call nothing.

    Examples
    --------
    >>> held = sealed("a-secret")
    >>> held()
    'a-secret'
    """
    return lambda: secret


def _bare(error: BaseException) -> BaseException:
    """Return an error without frames or causes; raise it outside the block that caught it."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
