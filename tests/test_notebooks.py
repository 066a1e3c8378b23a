"""The bundled notebooks, executed offline from top to bottom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from pcnotebooks import sample_history
from tests.builders import detail, invoice, invoices, item, payload

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def _execute(path: Path, folder: Path, parameters: str = "") -> Any:
    book = nbformat.read(path, as_version=4)
    if parameters:
        cell = nbformat.v4.new_code_cell(parameters)
        place = next(i for i, each in enumerate(book.cells) if "tags" in each.metadata)
        book.cells.insert(place + 1, cell)
    client = nbclient.NotebookClient(
        book, kernel_name="python3", timeout=60, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def _widget_states(book: Any) -> list[dict[str, Any]]:
    saved = book.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    return [model["state"] for model in saved.get("state", {}).values()]


def _problems(book: Any) -> list[Any]:
    """Return what went wrong: on stderr, in an error, or hidden in a widget's saved state."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    said = [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    hidden = [
        output
        for state in _widget_states(book)
        for output in state.get("outputs", [])
        if output["output_type"] == "error"
    ]
    shown = [s["value"] for s in _widget_states(book) if "pcn-error" in str(s.get("value", ""))
             and 'class="pcn-error"' in s["value"]]  # fmt: skip
    return [*said, *hidden, *shown]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_offline_on_the_sample(path: Path, tmp_path: Path):
    """Every cell runs on the sample, and nothing fails in a widget where nobody looks."""
    book = _execute(path, tmp_path)
    assert _problems(book) == []
    assert any(cell.get("outputs") for cell in book.cells)
    if path.stem == "05_report":
        assert "751,094.39" in (tmp_path / "sample-report.html").read_text(encoding="utf-8")


def test_a_failure_hidden_in_a_widget_is_found(tmp_path: Path):
    """The scan that the test above relies on sees what a callback swallowed."""
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    1 / 0\n"
            )
        ]
    )
    path = tmp_path / "failing.ipynb"
    nbformat.write(book, path)
    assert len(_problems(_execute(path, tmp_path))) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_on_a_payload_of_another_currency(path: Path, tmp_path: Path):
    """A file takes the sample's place; nothing looks for pounds or euros that it does not state."""
    payload(item("USD", 7, detail("Recurring", 7, currency="USD"))).save(tmp_path / "own.json")
    book = _execute(path, tmp_path, "payload_file = 'own.json'; payload_files = [payload_file]")
    assert _problems(book) == []
    written = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.html"))
    assert "USD" in f"{book.cells}{written}"


def test_trends_run_on_saved_payloads(tmp_path: Path):
    """The files of a partner take the sample's place by a parameter."""
    for place, each in enumerate(sample_history()[:6]):
        each.save(tmp_path / f"{place}.json")
    path = NOTEBOOKS[3]
    book = _execute(path, tmp_path, "payload_files = [f'{n}.json' for n in range(6)]")
    assert _problems(book) == []


@pytest.mark.parametrize("given", [("balances",), ("list",), ("balances", "list")])
def test_ageing_runs_on_saved_payloads(given: tuple[str, ...], tmp_path: Path):
    """Of balances, of a list of invoices, and of both; no sample data is mixed in."""
    payload(item("USD", 7, detail("Recurring", 7, currency="USD"))).save(tmp_path / "balances.json")
    invoices(invoice("INVOICE-7", 7, currencyCode="USD")).save(tmp_path / "list.json")
    path = next(path for path in NOTEBOOKS if path.stem.startswith("03"))
    names = {"balances": "payload_file", "list": "invoices_file"}
    lines = [
        f"{name} = {f'{file}.json' if file in given else ''!r}" for file, name in names.items()
    ]
    book = _execute(path, tmp_path, "\n".join(lines))
    assert _problems(book) == []
    shown = str([cell.get("outputs") for cell in book.cells])
    assert "Sample data" not in shown
    assert "Contoso (sample)" not in shown
    assert ("INVOICE-7" in shown) == ("list" in given)
