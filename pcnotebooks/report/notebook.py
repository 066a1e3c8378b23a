"""Render notebooks as reports: execute them and write one file that opens anywhere."""

from __future__ import annotations

import ast
import keyword
import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any

from pcnotebooks import __version__
from pcnotebooks.amounts import format_day
from pcnotebooks.errors import (
    ConfigurationError,
    PcNotebooksError,
    ReportError,
    needing_libraries,
)
from pcnotebooks.files import read_file, write_whole
from pcnotebooks.report.leaks import INJECTED, cell_error, secret_in

# nbformat, nbclient and nbconvert are imported where they are used: if JupyterLab is installed,
# importing them takes a second.

_CELL_SECONDS = 900  # as long as a sign-in code is valid


def render_notebook(
    notebook: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    code: bool = False,
) -> Path:
    """Execute a notebook and write its outputs as one self-contained HTML file.

    The file loads nothing and runs nothing. It has the frames, the charts and a static view of
    each widget, but no scripts. Text between two dollar signs is not read as mathematics.

    Parameters
    ----------
    notebook
        The path of a notebook, or the name of a bundled one, such as ``"02_balances"``. It runs in
        the current folder, and its file is not changed.
    path
        The HTML file to write. Its folder must exist.
    parameters
        Values for names that the cell tagged ``parameters`` assigns: strings, numbers, bools, None,
        dates (passed as ISO strings), paths, members of an Enum, NumPy scalars, and lists and dicts
        of these. They are set in a new cell after it, as papermill does.
    code
        Also show the code.

    Returns
    -------
    Path
        The path of the written file.

    Raises
    ------
    ConfigurationError
        If the notebook does not have a parameter, or a value cannot be passed to a notebook.
    ReportError
        If the file is not a notebook; if a cell or a widget in it fails, or a cell takes longer
        than 15 minutes; or if an output shows a token, or a sign-in code next to its address.
        ``cell`` is the number of the cell.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> path = render_notebook("02_balances", f"{tempfile.mkdtemp()}/balances.html")
    >>> "GBP\N{NO-BREAK SPACE}751,094.39 owed" in path.read_text(encoding="utf-8")
    True
    """
    return rendered(notebook, path, parameters=parameters, code=code)


@needing_libraries("render_notebook")
def rendered(
    notebook: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    code: bool = False,
    secrets: Iterable[str] = (),
) -> Path:
    """Render a notebook that must not show the given secrets, such as the tokens of a cache.

    The secrets are read after the notebook has run, because it may have renewed them.
    """
    secrets = iter(secrets)  # a verbose traceback would show the contents of a list
    source, path = _find(notebook), Path(path)
    if not path.parent.is_dir():  # fail before minutes of work
        raise FileNotFoundError(2, "there is no such folder", str(path.parent))
    book = _read(source)
    if parameters:
        _inject(book, parameters)
    _execute(book)
    now = datetime.now(UTC)
    made = f"with pcnotebooks {__version__} on {format_day(now)}, {now:%H:%M} UTC"
    book.metadata["pcnotebooks"] = {"code": code, "foot": f"Made from {source.name} {made}."}
    return write_whole(path, _html(book, source, secrets).encode())


def bundled_notebooks() -> list[Path]:
    """Return the notebooks of the wheel or, in a checkout, of the folder next to the package."""
    package = Path(__file__).parents[1]
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return sorted(folder.glob("*.ipynb"))
    raise PcNotebooksError(
        "This installation has no bundled notebooks.", remedy="Install pcnotebooks again."
    )


def _find(notebook: str | os.PathLike[str]) -> Path:
    path = Path(notebook)
    if not path.exists() and path.parent == Path():
        for bundled in bundled_notebooks():
            if path.name in (bundled.stem, bundled.name):
                return bundled
    return path


def _read(path: Path) -> Any:
    import nbformat  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # Notebooks of an old Jupyter lack cell ids; nbformat warns and generates them.
            warnings.simplefilter("ignore")
            book = nbformat.reads(read_file(path).decode("utf-8-sig"), as_version=4)
        for part in (book, *book.cells):
            part.metadata = nbformat.from_dict(_known(part.metadata))
        kernel = book.metadata.pop("kernelspec", {})
        if name := kernel.get("name"):
            book.metadata["kernelspec"] = {"display_name": name, **kernel}
    except (ValueError, KeyError, AttributeError, TypeError, nbformat.ValidationError):
        raise ReportError(
            f"{path} is not a notebook.", remedy="Give a .ipynb file that Jupyter saved."
        ) from None
    return book


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's metadata without null, which some editors write for unknown values."""
    return {
        name: _known(fact) if isinstance(fact, dict) else fact
        for name, fact in facts.items()
        if fact is not None
    }


def _inject(book: Any, parameters: Mapping[str, Any]) -> None:
    """Insert a cell that sets the parameters after the cell with their defaults."""
    import nbformat  # noqa: PLC0415

    book.cells = [cell for cell in book.cells if INJECTED not in cell.metadata.get("tags", ())]
    places = [
        place
        for place, cell in enumerate(book.cells)
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ())
    ]
    if not places:
        raise ConfigurationError(
            "The notebook takes no parameters.",
            remedy='Tag the cell that sets their defaults with "parameters".',
        )
    known = _assigned(book.cells[places[0]].source)
    for name in parameters:
        # A misspelt name would keep the default, for example sample data instead of the account.
        if not name.isidentifier() or keyword.iskeyword(name) or (known and name not in known):
            raise ConfigurationError(
                f"The notebook has no parameter {name!r}.",
                remedy=f"Use one of its parameters: {', '.join(known) or 'it has none'}.",
            )
    lines = [f"{name} = {_literal(name, value)}" for name, value in parameters.items()]
    cell = nbformat.v4.new_code_cell(
        "\n".join(["# Parameters", *lines]), metadata={"tags": [INJECTED]}
    )
    book.cells.insert(places[0] + 1, cell)


def _assigned(source: str) -> list[str]:
    """Return the names that a cell assigns; none if it is not plain Python."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return []
    targets: list[ast.expr] = []
    for statement in statements:
        if isinstance(statement, ast.Assign):
            targets += statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets.append(statement.target)
    names = (node.id for target in targets for node in ast.walk(target)
             if isinstance(node, ast.Name))  # fmt: skip
    return list(dict.fromkeys(names))


def _plain(value: Any) -> Any:
    """Return the plain value of a member of an Enum, a NumPy scalar or a date."""
    if isinstance(value, Enum):
        value = value.value
    if getattr(value, "shape", None) == ():
        # Nanoseconds would become a plain number.
        value = value.astype(value.dtype.str.replace("[ns]", "[us]")).item()
    if isinstance(value, date):
        return value.isoformat() if value == value else None  # noqa: PLR0124  pandas' NaT
    return value


def _literal(name: str, value: Any) -> str:
    """Return a value as a Python literal."""
    value = _plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({float.__repr__(value)!r})"
    kinds: tuple[Any, ...] = (bool, int, float, str, type(None))
    for kind in kinds:
        if isinstance(value, kind):  # a subclass may have another repr
            return str(kind.__repr__(value))
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(name, each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_literal(name, key)}: {_literal(name, each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise ConfigurationError(
        f"The parameter {name!r} is a {type(value).__name__}, which cannot be passed to a cell.",
        remedy="Pass a string, a number, a bool, None, a date, or a list or dict of these. For a"
        " payload, pass the path of its file.",
    )


def _execute(book: Any) -> None:
    """Run every cell, and raise if a cell fails or a widget in it does."""
    from jupyter_client.kernelspec import NoSuchKernel, get_kernel_spec  # noqa: PLC0415
    from nbclient.exceptions import (  # noqa: PLC0415
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
    )

    from pcnotebooks.report.kernels import Client, Manager  # noqa: PLC0415

    kernel = book.metadata.get("kernelspec", {}).get("name", "python3")
    reached = [0]

    def remember(cell_index: int, **_: Any) -> None:
        reached[0] = cell_index

    def look_into_widgets(cell_index: int, **_: Any) -> None:
        if failure := _hidden_failure(client.widget_state):
            raise _failed(book, cell_index, failure)

    try:
        # Only a Python kernel can load the extension that describes figures.
        python = get_kernel_spec(kernel).language == "python"
        client = Client(
            book,
            kernel_name=kernel,
            kernel_manager_class=Manager,
            timeout=_CELL_SECONDS,
            extra_arguments=["--ext=pcnotebooks.report.figures", "--log-level=ERROR"]
            if python
            else [],
            resources={"metadata": {"path": str(Path.cwd())}},
            on_cell_start=remember,
            on_cell_executed=look_into_widgets,
        )
        client.run()
    except CellExecutionError as error:
        raise _failed(book, reached[0], f"{error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise _failed(
            book, reached[0], f"it did not finish within {_CELL_SECONDS // 60} minutes"
        ) from None
    except DeadKernelError:
        raise _failed(book, reached[0], "the kernel died") from None
    except NoSuchKernel:
        raise ReportError(
            f"The notebook needs the kernel {kernel!r}, which is not installed.",
            remedy="Install that kernel, or choose another one in JupyterLab and save.",
        ) from None


def _failed(book: Any, index: int, reason: str) -> ReportError:
    reason = " ".join(reason.split()).rstrip(".:")
    kind = secret_in(reason)
    return cell_error(
        book,
        index,
        f"failed: {reason if kind is None else f'the error message contains {kind}'}.",
        remedy="Run the notebook in JupyterLab from the top to see details, then render it again.",
    )


def _hidden_failure(states: Mapping[str, Any]) -> str | None:
    """Return the error of a widget's callback, which nbclient does not report as a failure."""
    for state in states.values():
        for output in state.get("outputs", ()):
            if output["output_type"] == "error":
                return f"{output['ename']}: {output['evalue']}"
        value = state.get("value")
        if isinstance(value, str) and 'class="pcn-error"' in value:
            words = re.sub(r"<style.*?</style>|<[^>]+>", " ", value, flags=re.DOTALL)
            return unescape(" ".join(words.split()))
    return None


class _Unseen(frozenset[str]):
    """Texts that a verbose traceback must not show."""

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


def _html(book: Any, source: Path, secrets: Iterable[str] = ()) -> str:
    """Return the page of a notebook, rendered with the package's nbconvert template."""
    from nbconvert import HTMLExporter  # noqa: PLC0415

    templates = resources.files("pcnotebooks") / "templates" / "nbconvert"
    exporter = HTMLExporter(template_name="pcnotebooks", extra_template_basedirs=[str(templates)])
    about = {
        "metadata": {"name": source.stem, "path": str(source.parent)},
        "secrets": _Unseen(secrets),
    }
    html: str = exporter.from_notebook_node(book, resources=about)[0]
    return html
