"""Render notebooks as pages, and open JupyterLab."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from pcnotebooks.cli.options import Output
from pcnotebooks.cli.printing import is_stdout, show, show_whole
from pcnotebooks.errors import ConfigurationError

_FOLDER = Path("partner-center")


def render(
    notebook: Annotated[
        Path,
        typer.Argument(metavar="NOTEBOOK", help="A file, or a bundled one such as 02_balances."),
    ],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", metavar="NAME VALUE", help="Set a parameter; repeatable."
        ),
    ] = None,
    output: Output = None,
    code: Annotated[bool, typer.Option("--code", help="Also show the code.")] = False,
) -> None:
    """Run a notebook and write its output as one HTML file that opens anywhere.

    It runs in the current folder. Values that are Python numbers, True, False, None or lists are
    passed as such; quoted and all other values are passed as text. A page that would show a cached
    token is not written.
    """
    from pcnotebooks.report.notebook import bundled_notebooks, rendered

    parameters = {}
    for pair in parameter or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"-p {pair} has no value: give -p NAME VALUE.")
        parameters[name] = _value(value)
    bundled = [path.stem for path in bundled_notebooks()]
    if not notebook.exists() and notebook.stem not in bundled:
        raise ConfigurationError(
            f"There is no notebook {notebook}.",
            remedy=f"Name a file, or one of the bundled notebooks: {', '.join(bundled)}.",
        )
    with TemporaryDirectory() as folder:
        printed = is_stdout(output)
        path = Path(folder, "page.html") if printed else output
        path = path or Path(notebook.with_suffix(".html").name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path = rendered(notebook, path, parameters=parameters, code=code, secrets=_cached())
        if printed:
            show_whole(path.read_text(encoding="utf-8"))
        else:
            show(path)


def _cached() -> Iterator[str]:
    """Yield the cached tokens; they are read only after the notebook has run."""
    from pcnotebooks.session.token_cache import cached_tokens

    yield from cached_tokens()


def _value(text: str) -> Any:
    """Return the Python literal that a text holds, or the text itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return text if isinstance(value, bytes | complex | set) else value


def lab(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Folder for the notebooks.")
    ] = _FOLDER,
) -> None:
    """Copy the notebooks to DIR and open JupyterLab there.

    Notebooks that you have changed are kept. Options after DIR, such as --no-browser, are passed
    on to JupyterLab.
    """
    from jupyterlab.labapp import LabApp

    from pcnotebooks.report.notebook import bundled_notebooks

    options = context.args
    if str(directory).startswith("-"):  # DIR is missing, and typer took the first option for it
        directory, options = _FOLDER, [str(directory), *options]
    directory.mkdir(parents=True, exist_ok=True)
    for bundled in bundled_notebooks():
        copy = directory / bundled.name
        content = bundled.read_bytes()
        if not copy.exists():
            copy.write_bytes(content)
            show(f"{copy}: new")
        elif copy.read_bytes() != content:
            show(f"{copy}: kept, although the bundled one differs; delete it to get that one")
    LabApp.launch_instance([str(directory / "01_start_here.ipynb"), *options])
