"""Notebooks as reports: executed, without code, one file that opens anywhere."""

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

# nbformat, nbclient and nbconvert are imported where they are used: beside JupyterLab that takes
# a second.

_CELL_SECONDS = 900  # as long as a sign-in code is good for


def render_notebook(
    notebook: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    code: bool = False,
) -> Path:
    """Execute a notebook and write what it shows as one self-contained HTML file.

    The file asks for nothing and runs nothing: frames, charts and the static view of controls
    stand in it, no script, no widget, no mathematics between two dollar signs.

    Parameters
    ----------
    notebook
        A notebook's file, or the name of a bundled one, such as ``"02_balances"``. It runs in
        the current folder, and stays as it is.
    path
        The HTML file to write; its folder exists.
    parameters
        Values for names that the cell tagged ``parameters`` assigns: text, numbers, bools, None,
        dates (passed as ISO text), paths, members of an Enum, NumPy's scalars, and lists and dicts
        of these. They are set in a cell after it, as papermill does.
    code
        Show the code, too.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ConfigurationError
        For a parameter that the notebook has not, or a value that no notebook can be given.
    ReportError
        If it is no notebook; if a cell fails or takes longer than 15 minutes, also inside a
        widget; or if an output shows a token, or a sign-in code beside its address. ``cell`` is
        the cell's number.
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
    """Render a notebook that may show none of some secrets, such as the tokens of a cache.

    They are asked for once the notebook has run, as it may have renewed them.
    """
    secrets = iter(secrets)  # as a list, a verbose traceback would show them
    source, path = _find(notebook), Path(path)
    if not path.parent.is_dir():  # said before minutes of work
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
    """Return the notebooks of the wheel, or in a checkout those beside the package."""
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
            # What an old Jupyter saved lacks ids, which are made up.
            warnings.simplefilter("ignore")
            book = nbformat.reads(read_file(path).decode("utf-8-sig"), as_version=4)
        for part in (book, *book.cells):
            part.metadata = nbformat.from_dict(_known(part.metadata))
        kernel = book.metadata.pop("kernelspec", {})
        if name := kernel.get("name"):
            book.metadata["kernelspec"] = {"display_name": name, **kernel}
    except (ValueError, KeyError, AttributeError, TypeError, nbformat.ValidationError):
        raise ReportError(
            f"{path} is no notebook.", remedy="Name a file that Jupyter saved, .ipynb."
        ) from None
    return book


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's facts without null, which some editors write for what is not known."""
    return {
        name: _known(fact) if isinstance(fact, dict) else fact
        for name, fact in facts.items()
        if fact is not None
    }


def _inject(book: Any, parameters: Mapping[str, Any]) -> None:
    """Put a cell that sets the parameters after the one that has their defaults."""
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
            remedy='Give the cell that sets their defaults the tag "parameters".',
        )
    known = _assigned(book.cells[places[0]].source)
    for name in parameters:
        # A misspelt one would leave the default, such as the sample data, in the account's place.
        if not name.isidentifier() or keyword.iskeyword(name) or (known and name not in known):
            raise ConfigurationError(
                f"The notebook has no parameter {name!r}.",
                remedy=f"It has {', '.join(known) or 'none'}.",
            )
    lines = [f"{name} = {_literal(name, value)}" for name, value in parameters.items()]
    cell = nbformat.v4.new_code_cell(
        "\n".join(["# Parameters", *lines]), metadata={"tags": [INJECTED]}
    )
    book.cells.insert(places[0] + 1, cell)


def _assigned(source: str) -> list[str]:
    """Return the names that a cell assigns; none where it is not plain Python."""
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
    """Return a member of an Enum, a scalar of NumPy or a date as the plain value that it means."""
    if isinstance(value, Enum):
        value = value.value
    if getattr(value, "shape", None) == ():
        # Its nanoseconds would become a bare number.
        value = value.astype(value.dtype.str.replace("[ns]", "[us]")).item()
    if isinstance(value, date):
        return value.isoformat() if value == value else None  # noqa: PLR0124  pandas' NaT
    return value


def _literal(name: str, value: Any) -> str:
    """Return a value as Python writes it."""
    value = _plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({float.__repr__(value)!r})"
    kinds: tuple[Any, ...] = (bool, int, float, str, type(None))
    for kind in kinds:
        if isinstance(value, kind):  # a kind of its own may write itself otherwise
            return str(kind.__repr__(value))
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(name, each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_literal(name, key)}: {_literal(name, each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise ConfigurationError(
        f"The parameter {name!r} is a {type(value).__name__}, which no cell can be given.",
        remedy="Pass text, a number, a bool, None, a date, or a list or dict of these; of a"
        " payload the file it was saved in.",
    )


def _execute(book: Any) -> None:
    """Run every cell, and raise for the first that fails, or whose widget does."""
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
        # Only a Python kernel has the extension by which figures are described.
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
        raise _failed(book, reached[0], f"no end after {_CELL_SECONDS // 60} minutes") from None
    except DeadKernelError:
        raise _failed(book, reached[0], "the kernel died") from None
    except NoSuchKernel:
        raise ReportError(
            f"There is no kernel {kernel!r} here, which the notebook asks for.",
            remedy="Choose another in JupyterLab and save, or install that kernel.",
        ) from None


def _failed(book: Any, index: int, reason: str) -> ReportError:
    reason = " ".join(reason.split()).rstrip(".:")
    kind = secret_in(reason)
    return cell_error(
        book,
        index,
        f"failed: {reason if kind is None else f'an error that holds {kind}'}.",
        remedy="Run the notebook in JupyterLab, from the top, to see more; then render it again.",
    )


def _hidden_failure(states: Mapping[str, Any]) -> str | None:
    """Return what a widget's callback swallowed: nbclient calls such a cell a success."""
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
    """Texts that a verbose traceback does not show."""

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


def _html(book: Any, source: Path, secrets: Iterable[str] = ()) -> str:
    """Return the page that the package's own nbconvert template makes of a notebook."""
    from nbconvert import HTMLExporter  # noqa: PLC0415

    templates = resources.files("pcnotebooks") / "templates" / "nbconvert"
    exporter = HTMLExporter(template_name="pcnotebooks", extra_template_basedirs=[str(templates)])
    about = {
        "metadata": {"name": source.stem, "path": str(source.parent)},
        "secrets": _Unseen(secrets),
    }
    html: str = exporter.from_notebook_node(book, resources=about)[0]
    return html
