"""Outputs of every kind: shown, or said to have been there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from pcnotebooks.report.notebook import _html

new = nbformat.v4
NOTE = "An output that needs a running notebook"
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def page(*outputs: Any, **metadata: Any) -> BeautifulSoup:
    """Return the main part of the page of a cell's outputs."""
    book = new.new_notebook(cells=[new.new_code_cell("", outputs=[*outputs])], metadata=metadata)
    return BeautifulSoup(_html(book, Path("given.ipynb")), "html.parser").main


def bundle(**metadata: Any) -> Any:
    """Return a function that makes an output of forms."""
    return lambda data: new.new_output("display_data", data=data, metadata=metadata)


def stream(text: str, name: str = "stdout") -> Any:
    """Return a write to a stream."""
    return new.new_output("stream", name=name, text=text)


@pytest.mark.parametrize(
    "data",
    [
        {"application/vnd.plotly.v1+json": {"data": []}},
        {"application/vnd.plotly.v1+json": {"data": []}, "text/plain": "Figure({\n 'data': []})"},
        {"application/json": {"a": 1}, "text/plain": "<IPython.core.display.JSON object>"},
        {"application/geo+json": {}, "text/plain": "<IPython.display.GeoJSON object>"},
        {"application/vnd.vegalite.v5+json": {}, "text/plain": "alt.Chart(...)"},
        {"application/vnd.vegalite.v5+json": {}, "text/plain": "<VegaLite 5 object>"},
        {"application/pdf": "JVBERi0=", "text/plain": "<__main__.Pdf at 0x7f00>"},
        {"application/vnd.someone+json": {}, "text/html": "<div></div>"},
        {"text/html": "<video src=x.mp4></video>", "text/plain": "<IPython.Video object>"},
        {"text/html": "<audio controls><source src=data:audio/wav;base64,a></audio>"},
        {"text/html": "<canvas></canvas><script>1</script>"},
        {"text/html": "<p>Loading Bokeh ...</p><script></script>", "text/javascript": "1"},
        {VIEW: {"model_id": "button"}, "text/plain": "Button(description='Go', style=Style())"},
    ],
)  # fmt: skip
def test_what_vanishes_is_said(data: dict[str, Any]):
    """No output of an unknown kind leaves a hole; what an object is called says nothing."""
    state = {"button": {"model_name": "ButtonModel", "state": {"description": "Go"}}}
    main = page(bundle()(data), stream("after"), widgets={STATE: {"state": state}})
    assert NOTE in main.get_text()
    assert "after" in main.get_text()
    assert len(main.select(".output")) == 2


@pytest.mark.parametrize(
    ("twin", "shown"),
    [
        ({"image/png": "aGk="}, "img[src^='data:image/png']"),
        ({"image/webp": "aGk="}, "img[src^='data:image/webp']"),
        ({"image/avif": "aGk="}, "img[src^='data:image/avif']"),
        ({"image/svg+xml": "<svg></svg>"}, "img[src^='data:image/svg+xml']"),
        ({"text/markdown": "**words**"}, "strong"),
        ({"text/plain": "balance    12.5"}, "pre"),
        ({"text/html": "<table><td>1</td></table>"}, "table"),
    ],
)
def test_a_twin_that_shows_is_shown(twin: dict[str, str], shown: str):
    """A picture, a table or a text in the place of a form that needs scripts."""
    for unknown in ({"application/vnd.plotly.v1+json": {}}, {"application/javascript": "1"}):
        main = page(bundle()(unknown | twin))
        assert main.select(shown)
        assert NOTE not in main.get_text()


def test_an_empty_output_leaves_nothing():
    """Neither a note nor a box."""
    for data in ({"text/html": "<div></div>"}, {"text/plain": "<Axes: >"}, {"text/plain": ""}, {}):
        assert not page(bundle()(data)).select(".output")


def test_a_table_that_waits_for_a_script_gives_way():
    """Of itables, its own fallback, or else the frame's text; never its "Loading"."""
    waits = "<tbody><tr><td>Loading ITables v2.9.1 from the internet...</td></tr></tbody></table>"
    script = "<script type='module'>new ITable()</script>"
    text = {"text/plain": "   a\n0  1"}
    hidden = f"<table id=t hidden>{waits}<div><table><tr><td>1</td></tr></table></div>{script}"
    main = page(bundle()({"text/html": hidden, **text}))
    assert [cell.get_text() for cell in main.select("table td")] == ["1"]
    assert "Loading" not in main.get_text()
    shown = f"<table><thead><tr><th>a</th></tr></thead>{waits}{script}"
    main = page(bundle()({"text/html": shown, **text}))
    assert main.pre.get_text() == text["text/plain"]
    assert not main.table
    loading = "<p>Loading dock: 5 pallets...</p>"
    assert "pallets" in page(bundle()({"text/html": loading})).get_text()


@pytest.mark.parametrize(
    ("writes", "seen"),
    [
        ([f"\r{n:3}%" for n in range(101)] + ["\n"], "100%"),
        (["a\r", "\x1b[K", "b"], "b"),
        (["10 %\b\b\b\b", "20 %\n"], "20 %"),
        (["\rfirst\n", "\rsecond", "\x1b[A\rFIRST"], "FIRST\nsecond"),
        (["see \x1b]8;;https://example.com\x1b\\the report\x1b]8;;\x1b\\\n"], "see the report"),
    ],
)
def test_a_progress_bar_is_one_line(writes: list[str], seen: str):
    """As it was seen in the end, in however many writes; in a widget as well."""
    for name in ("stdout", "stderr"):
        outputs = [stream(text, name) for text in writes]
        assert page(*outputs).pre.get_text() == seen
        state = {"out": {"model_name": "OutputModel", "state": {"outputs": outputs}}}
        view = bundle()({VIEW: {"model_id": "out"}})
        assert page(view, widgets={STATE: {"state": state}}).pre.get_text() == seen


def test_letters_that_a_font_lacks_are_said_once():
    """In the page's own font, however often matplotlib warns; other warnings stay."""
    warning = (
        "/home/me/2.py:3: UserWarning: Glyph {} (\\N{{CJK UNIFIED IDEOGRAPH-{:X}}}) missing"
        " from font(s) DejaVu Sans.\n  figure.savefig(file)\n"
    )
    text = "".join(warning.format(ord(each), ord(each)) for each in "株式株式")
    writes = [stream(text, "stderr"), stream(text, "stderr"), stream("UserWarning: x\n", "stderr")]
    lines = page(*writes).pre.get_text().split("\n")
    assert lines == ["Boxes in a chart replace letters that its font lacks: 株式", "UserWarning: x"]


def test_numbers_of_a_shortened_frame_are_set_right():
    """The dots of pandas are no text that a column of numbers holds."""
    for dots in ("...", "\N{HORIZONTAL ELLIPSIS}"):
        rows = "".join(f"<tr><th>{a}</th><td>P</td><td>{a}</td></tr>" for a in ("1", dots, "9"))
        head = "<thead><tr><th></th><th>partner</th><th>amount</th></tr></thead>"
        main = page(bundle()({"text/html": f"<table>{head}<tbody>{rows}</tbody></table>"}))
        for row in main.select("tr"):
            named = row.find_all(["td", "th"])
            assert "number" in named[-1].get("class", [])
            assert "number" not in named[1].get("class", [])


def test_a_styler_keeps_its_colours_each_time():
    """Its style sheet names cells by their ids; ids that nothing names are given once."""
    html = (
        "<style>#T_1_row0_col0 {background-color: #ffdddd}</style><table id=T_1><tr>"
        "<td id=T_1_row0_col0>1</td><td id=T_1_row0_col1>2</td></tr></table><p id=a>x</p>"
    )
    main = page(*[bundle()({"text/html": html})] * 2)
    ids = [[cell.get("id") for cell in table("td")] for table in main("table")]
    assert ids == [["T_1_row0_col0", "T_1_row0_col1"]] * 2
    assert len(main.select("#a")) == 1
    assert not main("style")
    assert all("light" in box["class"] for box in main.select(".output"))


def test_pandas_look_of_a_notebook_is_not_the_pages():
    """The style that pandas scopes to its own frame would set each text to the right."""
    html = "<style scoped>.dataframe thead th {text-align: right}</style><table><td>1</table>"
    assert not page(bundle()({"text/html": html})).select(".light")
