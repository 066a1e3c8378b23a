"""Every error tells what failed and what to do, with the facts that support asks for."""

import copy
import pickle
import subprocess
import sys
import traceback

import pytest

from pcnotebooks import errors
from pcnotebooks.errors import (
    ConfigurationError,
    PayloadError,
    PcNotebooksError,
    ReportError,
    ServiceError,
)

ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PcNotebooksError)
]
FIELDS = {
    "status_code": 429,
    "code": "900421",
    "request_id": "r-1",
    "correlation_id": "c-1",
    "retry_after": 57.0,
    "remedy": "Wait.",
}


def test_kinds_of_errors():
    """Those that the design names, and a missing history, all below one base."""
    assert [kind.__name__ for kind in ALL] == [
        "PcNotebooksError",
        "ConfigurationError",
        "SignInError",
        "NetworkError",
        "ServiceError",
        "PayloadError",
        "ReportError",
        "NoHistoryError",
    ]


@pytest.mark.parametrize("kind", ALL)
def test_every_field_is_readable_on_every_error(kind):
    """None where unknown, so that a handler needs no hasattr."""
    error = kind("It failed.")
    assert {name: getattr(error, name) for name in FIELDS} == dict.fromkeys(FIELDS)
    assert error.message == str(error) == "It failed."


@pytest.mark.parametrize("kind", [k for k in ALL if k not in {PayloadError, ReportError}])
def test_every_field_can_be_given(kind):
    """By name, on every error that comes from a service."""
    error = kind("It failed.", **FIELDS)
    assert {name: getattr(error, name) for name in FIELDS} == FIELDS


@pytest.mark.parametrize("kind", [ConfigurationError, PayloadError])
def test_a_wrong_value_is_a_value_error(kind):
    """Code that knows nothing of this package catches it."""
    with pytest.raises(ValueError, match="wrong"):
        raise kind("It is wrong.")


def test_the_text_is_message_remedy_and_ids():
    """One thing a line, and no line for what is unknown."""
    assert str(ServiceError("It failed.", **FIELDS)) == (
        "It failed.\nWait.\nrequest id r-1, correlation id c-1"
    )
    assert str(ServiceError("It failed.", correlation_id="c-1")) == "It failed.\ncorrelation id c-1"
    assert ServiceError("It failed.", **FIELDS).message == "It failed."


def test_a_payload_error_has_a_path():
    """The JSON path of the value, or None."""
    assert PayloadError("It failed.").path is None
    assert PayloadError("It failed.", path="$.items[0]").path == "$.items[0]"


def test_a_report_error_has_a_cell():
    """The number of the notebook's cell, or None."""
    assert ReportError("It failed.").cell is None
    assert ReportError("It failed.", cell=3).cell == 3


@pytest.mark.parametrize("kind", ALL)
def test_errors_survive_copies_and_processes(kind):
    """A worker's error arrives with all its fields."""
    own = {PayloadError: {"path": "$", "request_id": "r-1"}, ReportError: {"cell": 3}}
    given = {"remedy": "Wait."} | own.get(kind, {"request_id": "r-1"})
    error = kind("It failed.", **given)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  # our own
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_a_traceback_shows_what_to_do():
    """Python prints an error's text, which has the remedy and the ids on lines of their own."""
    lines = traceback.format_exception_only(ServiceError("It failed.", **FIELDS))
    assert "".join(lines).splitlines() == [
        "pcnotebooks.errors.ServiceError: It failed.",
        "Wait.",
        "request id r-1, correlation id c-1",
    ]


@pytest.mark.parametrize(
    ("library", "call", "command"),
    [
        ("pyarrow", "pc.History('kept')", 'pip install "pcnotebooks[history]"'),
        ("fsspec", "pc.History('s3://kept')", 'pip install "pcnotebooks[history]"'),
        ("s3fs", "pc.History('s3://kept')", 'pip install "pcnotebooks[history]"'),
        ("openpyxl", "pc.write_excel('r.xlsx', sample)", 'pip install "pcnotebooks[excel]"'),
        ("weasyprint", "pc.render_report(sample, 'r.pdf')", 'pip install "pcnotebooks[pdf]"'),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    library, call, command, empty_folder
):
    """In a process of its own, in which that library cannot be imported; nothing is written."""
    script = f"""
import sys
sys.modules[{library!r}] = None  # importing it raises ImportError
import pcnotebooks as pc
sample = pc.sample_payload()
try:
    {call}
except pc.ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert library in done.stdout
    assert command in done.stdout
    assert list(empty_folder.iterdir()) == []
