"""Define errors with a remedy, and with the facts that support asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pcnotebooks.text import printable

# The extra that installs a library; `pip install pcnotebooks` installs all others.
_EXTRAS = {
    "deltalake": "delta",
    "fsspec": "history",
    "keyring": "keyring",
    "openpyxl": "excel",
    "pyarrow": "history",
    "weasyprint": "pdf",
}


class PcNotebooksError(Exception):
    """Base of every error that pcnotebooks raises on purpose.

    Every subclass has all of these fields; a field is None if unknown.

    Parameters
    ----------
    message
        The problem and the value that caused it.
    status_code
        HTTP status of the answer.
    code
        The error code of the service or of Entra, such as ``"900421"``.
    request_id, correlation_id
        ``MS-RequestId`` and ``MS-CorrelationId``, which Microsoft's support asks for.
    retry_after
        Seconds to wait before the next request.
    remedy
        The action that solves the problem.

    Examples
    --------
    >>> error = PcNotebooksError("The token has expired.", remedy="Sign in again.")
    >>> print(error)
    The token has expired.
    Sign in again.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
        retry_after: float | None = None,
        remedy: str | None = None,
    ) -> None:
        # Messages quote foreign text, such as partner names, which may control a terminal.
        super().__init__(printable(message))
        self.status_code = status_code
        self.code = code
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        self.remedy = remedy

    @property
    def message(self) -> str:
        """The problem, without the remedy and the ids."""
        return str(self.args[0])

    @property
    def ids(self) -> str:
        """Request id and correlation id as text; empty if unknown."""
        ids = {"request id": self.request_id, "correlation id": self.correlation_id}
        return ", ".join(f"{name} {value}" for name, value in ids.items() if value)

    # A traceback prints this, so it shows the remedy even if the error is not caught.
    def __str__(self) -> str:
        return "\n".join(filter(None, (self.message, self.remedy, self.ids)))


class ConfigurationError(PcNotebooksError, ValueError):
    """A cloud, profile, setting or argument is not valid; nothing was sent."""


class SignInError(PcNotebooksError):
    """The identity provider or a credential returned no token."""


class NetworkError(PcNotebooksError):
    """No complete answer came: name resolution, connection, TLS, proxy, time-out, broken body."""


class ServiceError(PcNotebooksError):
    """Partner Center refused the request."""


class PayloadError(PcNotebooksError, ValueError):
    """A body or file does not have the form of Partner Center's answers.

    ``path`` is the JSON path of the offending value, such as
    ``$.items[0].details[1].summary.balanceAmount``, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        remedy: str | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(
            message, remedy=remedy, request_id=request_id, correlation_id=correlation_id
        )
        self.path = path


class ReportError(PcNotebooksError):
    """A report or notebook could not be rendered.

    ``cell`` is the number of the notebook's cell, counted from 1, or None.
    """

    def __init__(self, message: str, *, cell: int | None = None, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.cell = cell


class PcNotebooksWarning(UserWarning):
    """A correct figure may mislead, or a figure could not be computed."""


class NoHistoryError(ConfigurationError):
    """A location holds no history: its name is wrong, or nothing was kept there yet."""


def missing_library(module: str | None, purpose: str) -> ConfigurationError:
    """Return an error that names a missing library and the command that installs it.

    The command works even if pcnotebooks itself is already installed.

    Examples
    --------
    >>> print(missing_library("openpyxl", "write_excel"))
    write_excel needs openpyxl, which is not installed.
    Run: pip install "pcnotebooks[excel]"
    """
    library = str(module).partition(".")[0]
    extra = _EXTRAS.get(library)
    package = f'"pcnotebooks[{extra}]"' if extra else "pcnotebooks"
    return ConfigurationError(
        f"{purpose} needs {library}, which is not installed.", remedy=f"Run: pip install {package}"
    )


@contextmanager
def needing_libraries(purpose: str) -> Iterator[None]:
    """Raise the error of :func:`missing_library` if an import in the block fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_library(error.name, purpose) from None
