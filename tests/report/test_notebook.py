"""Notebooks as reports: executed, safe to send on, and refused where they must be."""

from __future__ import annotations

import asyncio
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from base64 import b64decode
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import pcnotebooks
from pcnotebooks import ConfigurationError, ReportError, render_notebook, sample_payload
from pcnotebooks.overview.palette import PALETTE
from pcnotebooks.report.leaks import refuse_secrets, secret_in
from pcnotebooks.report.markup import error_html
from pcnotebooks.report.notebook import (
    _hidden_failure,
    _html,
    _literal,
    _read,
    bundled_notebooks,
)
from tests.services.planted import TOKEN

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "pcnotebooks" / "templates" / "nbconvert" / "pcnotebooks"
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL2FwaS50ZXN0In0.c2lnbmF0dXJl"
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
new = nbformat.v4


pytestmark = pytest.mark.usefixtures("empty_folder")


def code(source: str = "", *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    """Return a code cell as it was saved."""
    return new.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def shows(**bundle: str) -> Any:
    """Return an output in forms named like text_html."""
    data = {name.replace("_", "/"): content for name, content in bundle.items()}
    return new.new_output("display_data", data=data)


def html(text: str) -> Any:
    """Return an output in HTML."""
    return shows(text_plain="<IPython.core.display.HTML object>", text_html=text)


def book(*cells: Any, **metadata: Any) -> Any:
    """Return a notebook of cells; a text is a Markdown cell."""
    made = [new.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return new.new_notebook(cells=made, metadata=metadata)


def page(*cells: Any, **metadata: Any) -> BeautifulSoup:
    """Return the page of a notebook that was run before."""
    return BeautifulSoup(_html(book(*cells, **metadata), Path("given.ipynb")), "html.parser")


def saved(*cells: Any) -> Path:
    """Return the file of a notebook."""
    path = Path("given.ipynb")
    nbformat.write(book(*cells), path)
    return path


def main(*cells: Any, **metadata: Any) -> str:
    """Return what stands in the page's main part, as HTML."""
    return page(*cells, **metadata).main.decode_contents()


# Executed


def test_parameters_are_set_after_their_defaults():
    """As papermill does: in a cell after the tagged one, as Python values; what is given stays."""
    given = saved(
        code("a = b = c = d = e = 1", tags=("parameters",)),
        code("a = 'an earlier injection'", tags=("injected-parameters",)),
        code("print(repr((a, b, c, d, e)))"),
    )
    before = given.read_bytes()
    values = {"a": "it's $5", "b": date(2018, 3, 16), "c": [1, None, True], "d": {"x": 2.5}}
    path = render_notebook(given, "out.html", parameters=values)
    text = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").pre.get_text()
    assert text == """("it's $5", '2018-03-16', [1, None, True], {'x': 2.5}, 1)"""
    assert given.read_bytes() == before


@pytest.mark.parametrize(
    ("cells", "parameters", "said"),
    [
        ([code("x = 1", tags=("parameters",))], {"y": 2}, "no parameter 'y'.*parameters: x"),
        ([code("x = 1", tags=("parameters",))], {"x; 1/0": 2}, "no parameter"),
        ([code("x = 1", tags=("parameters",))], {"x": Decimal(1)}, "is a Decimal"),
        ([code("x = 1", tags=("parameters",))], {"x": sample_payload()}, "is a Payload"),
        ([code("x = 1")], {"x": 2}, "takes no parameters"),
    ],
)
def test_parameters_that_cannot_be_are_refused(cells, parameters, said):
    """A misspelt name would leave the sample data in the account's place: nothing is run."""
    with pytest.raises(ConfigurationError, match=f"(?s){said}"):
        render_notebook(saved(*cells), "out.html", parameters=parameters)
    assert not Path("out.html").exists()


def test_runs_inside_a_running_loop_and_in_the_current_folder():
    """A notebook may render another one; files are found where the caller stands."""
    Path("data.txt").write_text("found it")
    given = saved(code("print(open('data.txt').read())"))

    async def inside() -> Path:
        return render_notebook(given, "out.html")

    assert "found it" in asyncio.run(inside()).read_text(encoding="utf-8")


def test_a_failing_cell_is_named():
    """By number and first line, with the error; no file is written, nothing of it is hidden."""
    with pytest.raises(ReportError) as caught:
        render_notebook(saved("# Title", code("x = 1"), code("\nx / 0  # here")), "out.html")
    assert caught.value.message == (
        "Cell 3 (x / 0  # here) failed: ZeroDivisionError: division by zero."
    )
    assert caught.value.cell == 3
    assert not Path("out.html").exists()


@pytest.mark.parametrize(
    "source",
    [
        "out = ipywidgets.Output()\nwith out:\n    1 / 0",
        "ipywidgets.interactive(lambda n: 1 / n, n=(0, 3)).children[0].value = 0",
    ],
    ids=["output", "callback"],
)
def test_a_failure_that_hides_in_a_widget_fails_its_cell(source):
    """What nbclient takes for a success, because the traceback stands in a widget only."""
    cells = [code("1"), code("import ipywidgets\n" + source), code("2")]
    with pytest.raises(
        ReportError, match=r"Cell 2 \(import ipywidgets\) failed: ZeroDivision"
    ) as e:
        render_notebook(saved(*cells), "out.html")
    assert e.value.cell == 2


def test_a_failure_that_a_view_of_the_package_says_is_found():
    """What explore and the dashboard caught stands in them in words."""
    state = {"x": {"value": f"<style>p {{}}</style>{error_html(ValueError('a < b'))}"}}
    assert (_hidden_failure(state) or "").startswith("ValueError: a < b")
    assert _hidden_failure({"x": {"value": "<p>fine</p>", "outputs": []}, "y": {}}) is None


def test_an_expected_failure_is_shown():
    """The error of a cell tagged raises-exception, without the code around it."""
    error = new.new_output("error", ename="KeyError", evalue="'x'", traceback=["1/0", "in code"])
    left = main(code("", error))
    assert "KeyError: 'x'" in left
    assert "in code" not in left


def test_cells_are_counted_as_in_the_users_file():
    """The cell that sets the parameters is not one of them."""
    given = saved(code("x = 1", tags=("parameters",)), code("1 / x"))
    with pytest.raises(ReportError, match=r"Cell 2 \(1 / x\) failed") as caught:
        render_notebook(given, "out.html", parameters={"x": 0})
    assert caught.value.cell == 2


def test_a_secret_in_the_failure_is_not_repeated():
    """Neither in the message nor anywhere a traceback looks."""
    with pytest.raises(ReportError) as caught:
        render_notebook(saved(code(f"raise ValueError('Bearer {TOKEN}')")), "out.html")
    assert TOKEN not in str(caught.value)
    assert "the error message contains a bearer header" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_cell_without_end_is_stopped(monkeypatch):
    """A sign-in that waits for somebody would wait for ever."""
    monkeypatch.setattr("pcnotebooks.report.notebook._CELL_SECONDS", 1)
    with pytest.raises(ReportError, match=r"Cell 1 .* failed: it did not finish"):
        render_notebook(saved(code("import time; time.sleep(30)")), "out.html")


@pytest.mark.parametrize("content", ["", "{}", "[]", "x", '{"cells": 1, "nbformat": 4}', "\udcff"])
def test_what_is_no_notebook_is_said(content):
    """An error in words, for whatever the file holds."""
    path = Path("x.ipynb")
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReportError, match=r"x\.ipynb is not a notebook"):
        render_notebook(path, "out.html")


def test_a_kernel_that_is_not_there_is_named():
    """The remedy says where to choose another."""
    path = Path("x.ipynb")
    nbformat.write(book(code("1"), kernelspec={"name": "ir", "display_name": "R"}), path)
    with pytest.raises(ReportError, match="needs the kernel 'ir'"):
        render_notebook(path, "out.html")


def test_facts_that_are_null_are_not_known():
    """As some editors write them: the kernel, tags, widgets and titles."""
    cells = [code("x = 1", tags=("parameters",)), code("print(x)"), "text"]
    given = book(*cells)
    given.metadata.update(widgets=None, title=None, pcnotebooks=None)
    given.cells[1].metadata["tags"] = None
    given.metadata["language_info"] = {"name": None}
    unnamed = {"name": "python3", "display_name": None, "language": None}
    for kernel in (None, {"name": None, "display_name": "x"}, {}, unnamed, {"name": "python3"}):
        given.metadata["kernelspec"] = kernel
        Path("null.ipynb").write_text(json.dumps(given))
        path = render_notebook("null.ipynb", "out.html", parameters={"x": 5})
        assert BeautifulSoup(path.read_text("utf-8"), "html.parser").pre.get_text() == "5"


class Currency(StrEnum):
    """A choice among texts."""

    GBP = "GBP"


class Level(Enum):
    """A choice among numbers, or none."""

    HIGH = 2
    NONE = None


class Loud(str):
    """A text that writes itself otherwise."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "LOUD"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float64(2.5), "2.5"),
        (np.float64("nan"), "float('nan')"),
        (np.float64("-inf"), "float('-inf')"),
        (np.int16(3), "3"),
        (np.bool_(True), "True"),
        (np.str_("it's"), '"it\'s"'),
        (np.array(7), "7"),
        (np.datetime64("2018-03-16"), "'2018-03-16'"),
        (np.datetime64("2018-03-16T01:02:03", "ns"), "'2018-03-16T01:02:03'"),
        (np.datetime64("NaT"), "None"),
        (pd.Timestamp("2018-03-16", tz="UTC"), "'2018-03-16T00:00:00+00:00'"),
        (pd.NaT, "None"),
        (Currency.GBP, "'GBP'"),
        (Level.HIGH, "2"),
        (Level.NONE, "None"),
        (Loud("quiet"), "'quiet'"),
        ([np.int64(1), {Currency.GBP: (np.float64(0.5),)}], "[1, {'GBP': [0.5]}]"),
    ],
)
def test_parameters_are_written_as_plain_values(value: Any, written: str):
    """NumPy's scalars, pandas' dates and members of an Enum mean a plain value."""
    assert _literal("x", value) == written


@pytest.mark.parametrize(
    "value", [np.timedelta64(5, "ns"), np.array([1]), np.complex128(1), pd.NA, pd.Series([1]), b"x"]
)
def test_parameters_without_a_plain_value_are_refused(value: Any):
    """In words, before anything runs."""
    with pytest.raises(ConfigurationError, match="which cannot be passed to a cell"):
        _literal("x", value)


def test_files_that_are_not_there_are_said():
    """Neither a notebook nor a folder is made up."""
    with pytest.raises(FileNotFoundError):
        render_notebook("nothing.ipynb", "out.html")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        render_notebook(saved(code("1")), "nowhere/out.html")


@pytest.mark.parametrize("id_", ["", '"id": "same",'], ids=["none", "twice"])
def test_cells_without_ids_are_read(id_):
    """Files of older Jupyters, or with ids twice, are read without a warning."""
    path = saved(code("1", html("<p>first</p>")), code("2", html("<p>second</p>")))
    path.write_text(re.sub(r'"id": "\w+",', id_, path.read_text()))
    assert "<p>second</p>" in _html(_read(path), path)


def test_figures_say_what_they_show():
    """A chart of the package says title, figures and source; any other picture has its titles."""
    given = saved(
        code(
            "import matplotlib.pyplot as plt\n"
            "from pcnotebooks import *\n"
            "frame = summary_frame(sample_payload())\n"
            "plot_panels(frame)"
        ),
        code("plt.plot([1, 2]); plt.title('Cost of $5 and $6'); plt.xlabel('days');"),
        code("plot_balances(frame[:0]);"),
    )
    path = render_notebook(given, "out.html")
    text = path.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    soup = BeautifulSoup(text, "html.parser")
    *panels, own, other, nothing = soup.find_all("img")
    assert [panel["alt"][:3] for panel in panels] == ["CHF", "EUR"]  # a page ends between two
    assert own["alt"] == (
        "GBP 751,094.39 owed, 73 % OneTime: OneTime GBP 548,138.52; Recurring GBP 202,955.87."
        " Sample data, not an account · retrieved 16 Mar 2018."
    )
    assert other["alt"] == "Cost of $5 and $6; axes: days"
    assert nothing["alt"] == "No rows: none are stated, or none match."
    assert "Sample data" in soup.title.string
    assert "0x" not in soup.get_text()
    # Sharp on today's screens: twice as many pixels as are shown.
    png = b64decode(own["src"].removeprefix("data:image/png;base64,"))
    width, height = struct.unpack(">II", png[16:24])
    assert 600 < int(own["width"]) == pytest.approx(width / 2, abs=1)
    assert int(own["height"]) == pytest.approx(height / 2, abs=1)


@pytest.mark.parametrize(
    "asked",
    [
        "%config InlineBackend.figure_formats = ['svg']",
        "from matplotlib_inline.backend_inline import set_matplotlib_formats as f; f('svg')",
    ],
)
def test_figures_are_drawings_if_a_cell_asks_for_them(asked: str):
    """The inline backend's own SVG, described like a picture."""
    source = (
        "import matplotlib.pyplot as plt\n"
        f"{asked}\n"
        "from pcnotebooks import *\n"
        "plot_balances(select(summary_frame(sample_payload()), currency='CHF'));"
    )
    path = render_notebook(saved(code(source)), "out.html")
    (image,) = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find_all("img")
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"].startswith("CHF 1,230.33 owed")


# Shown


def test_no_code_unless_asked():
    """Cells' sources stand in the page only with code=True."""
    cell = code("secret_recipe = 1")
    assert "secret_recipe" not in str(page(cell))
    assert "secret_recipe" in main(cell, pcnotebooks={"code": True})


@pytest.mark.parametrize(
    "text",
    ["between $5 and $10", "$$5 or $$6", "$x_1$ and $y_2$", "US$ 5 *or* HK$ 7", r"\$5 or \$6"],
)
def test_dollars_are_dollars(text):
    """In Markdown cells and outputs; no mathematics, and emphasis between them still works."""
    wanted = text.replace("*", "").replace("\\", "")
    for soup in (page(text), page(code("", shows(text_markdown=text)))):
        assert wanted in soup.main.get_text()
        assert not soup.find("script")
    assert "<em>or</em>" in main("US$ 5 *or* HK$ 7")
    assert r"<code>\$HOME</code>" in main(r"`\$HOME`")


HOSTILE = [
    "<script>document.title = 1</script>",
    "<script src=https://example.com/a.js></script>",
    "<img src=https://example.com/a.png onerror=alert(1)>",
    "<img srcset='https://example.com/a.png 2x'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)' ping=https://example.com>x</a>",
    "<iframe src=https://example.com></iframe>",
    "<meta http-equiv=refresh content='0;url=https://example.com'>",
    "<base href=https://example.com>",
    "<link rel=stylesheet href=https://example.com/a.css>",
    "<form action=https://example.com><button>x</button></form>",
    "<object data=https://example.com></object>",
    "<svg><use xlink:href='https://example.com/a.svg#x'/><script>1</script></svg>",
    "<svg><image href=https://example.com/a.png /></svg>",
    "<style>@import url(https://example.com/a.css); p {background: url(//example.com/b)}</style>",
    "<p style='background: url(https://example.com/b)'>x</p>",
    "<video src=https://example.com poster=https://example.com/p></video>",
    "<body onload=alert(1)><table background=https://example.com></table>",
    "<!-- https://example.com -->",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_and_nothing_loads(text):
    """Whatever Markdown and outputs bring, no script, handler or foreign address is left."""
    for given in (text, code("", html(text)), code("", shows(text_markdown=f"x\n\n{text}"))):
        left = main("# Title", given)
        assert "example.com" not in left
        assert not re.search(r"<(script|iframe|meta|base|link|form|object)|\son\w+=|script:", left)


def test_text_is_text():
    """Templates, tags and colours of a terminal are shown as what was written."""
    stdout = new.new_output("stream", name="stdout", text="\x1b[31m{{ 7 * 7 }}\x1b[0m <b>&")
    assert "{{ 7 * 7 }} &lt;b&gt;&amp;" in main(code("", stdout))
    assert "{{ 7 * 7 }} {% raw %}" in main("{{ 7 * 7 }} {% raw %}")
    assert "<b>" not in main(code("", shows(text_plain="<b>x</b>")))


def test_warnings_stay_and_paths_go():
    """What a warning says is for the reader; the file and line of this machine are not."""
    text = (
        "/home/me/ipykernel_1/2.py:3: UserWarning: GBP: the difference is GBP 1.00.\n"
        "  reconcile(payload)\nmore\n"
    )
    left = page(code("", new.new_output("stream", name="stderr", text=text))).main.pre.get_text()
    assert left == "UserWarning: GBP: the difference is GBP 1.00.\nmore"


@pytest.mark.parametrize(
    "text",
    ["<Axes: title={'left': 'x'}>", "Text(0.5, 0, 'x')", "[<matplotlib.lines.Line2D at 0x7f00>]"],
)
def test_objects_are_no_output(text):
    """What a cell that draws ends with is noise to a reader."""
    assert main("# T", code("", shows(text_plain=text))).count("<div") == 1


def test_what_cannot_be_shown_is_said():
    """An output of scripts alone leaves a sentence, not a hole; its picture, if it has one."""
    script = "<script src=https://example.com/plotly.js></script><div></div>"
    assert "An output that needs a running notebook" in main(code("", html(script)))
    assert "An output that needs" in main(
        code("", shows(application_javascript="1", text_plain="<Javascript object>"))
    )
    assert "<img" in main(code("", shows(text_html=script, image_png="aGk=")))


def test_links_to_files_are_words():
    """A page that is sent on has no files beside it; links within it and to the web stay."""
    left = main("[a](02.ipynb) [b](https://example.com) [c](#There) \n\n## There")
    assert "<p>a <a" in left
    assert 'href="https://example.com"' in left
    assert 'href="#There"' in left
    assert 'id="There"' in left


def test_headings_skip_no_level():
    """The first is the page's; without any the notebook's name is."""
    soup = page("### a", "##### b", "# c", "### d")
    assert [tag.name for tag in soup.find_all(re.compile("^h[1-6]$"))] == ["h1", "h2", "h1", "h2"]
    assert soup.title.string == "a"
    bare = page("text")
    assert bare.h1.string == bare.title.string == "given"


def test_tables_say_what_heads_them():
    """Scopes, no empty head, pandas' second head row folded, numbers right, room to scroll."""
    frame = pcnotebooks.balances_by_type(pcnotebooks.summary_frame(sample_payload()))
    soup = page(code("", html(frame.to_html())))
    table = soup.table
    assert [cell.get_text() for cell in table.select("thead th")] == [
        "currency",
        "Recurring",
        "OneTime",
    ]
    assert {cell["scope"] for cell in table.select("thead th")} == {"col"}
    assert {cell["scope"] for cell in table.select("tbody th")} == {"row"}
    assert all("number" in cell["class"] for cell in table.select("td"))
    assert table.parent["role"] == "region"
    assert table.parent["tabindex"] == "0"
    assert not page(code("", html(frame.reset_index().to_html()))).select("th:empty")


def test_ids_and_labels_are_unique():
    """The same output twice keeps one id; regions are told apart."""
    text = "<p id=a>x</p><table><td>1</td></table>"
    soup = page(code("", html(text)), code("", html(text)))
    assert len(soup.select("#a")) == 1
    assert [tag["aria-label"] for tag in soup.select("[role=region]")] == ["Table", "Table 2"]


def test_widgets_have_a_static_twin():
    """HTML that a widget brings along; else what its saved state says; never a script."""
    states = {
        "box": ("VBoxModel", {"children": ["IPY_MODEL_drop", "IPY_MODEL_html", "IPY_MODEL_out"]}),
        "drop": (
            "DropdownModel",
            {"description": "Cloud", "_options_labels": ["Sample data", "China"], "index": 1},
        ),
        "html": ("HTMLModel", {"value": "<b>bold</b><script>1</script>"}),
        "out": (
            "OutputModel",
            {"outputs": [{"output_type": "stream", "name": "stdout", "text": "within"}]},
        ),
    }
    widgets = {STATE: {"state": {k: {"model_name": n, "state": s} for k, (n, s) in states.items()}}}
    view = {VIEW: {"model_id": "box"}, "text/plain": "VBox(...)"}
    left = main(code("", new.new_output("display_data", data=view)), widgets=widgets)
    for part in ("Cloud: China", "<b>bold</b>", "within"):
        assert part in left
    assert "script" not in left
    twin = view | {"text/html": "<p>the twin</p>"}
    left = main(code("", new.new_output("display_data", data=twin)), widgets=widgets)
    assert "the twin" in left
    assert "within" not in left
    left = main(code("", new.new_output("display_data", data=view)))
    assert "A widget of the running notebook" in left


def test_authors_colours_stand_on_white():
    """A coloured table was made for white paper; the package's own views know both."""
    assert page(code("", html("<p style='color: red'>x</p>"))).select(".output.light")
    assert not page(code("", html("<div class=pcn><style>p {}</style>x</div>"))).select(".light")


def test_the_policy_forbids_everything_else():
    """Should anything be overlooked, the browser still asks and runs nothing."""
    policy = page("x").select_one("meta[http-equiv=Content-Security-Policy]")["content"]
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def test_the_template_has_the_palette_of_the_charts():
    """Light, dark and inherited: a chart's colours are the page's."""
    css = (TEMPLATE / "page.css").read_text()
    for ground in (0, 1):
        colours = " ".join(f"--pcn-{name}: {both[ground]};" for name, both in PALETTE.items())
        assert css.count(colours) == (3 if ground == 0 else 1)
    assert " ".join(f"--pcn-{name}: inherit;" for name in PALETTE) in css


# Refused

SECRETS = [
    f"token {JWT} end",
    f"{{'access_token': '{JWT}'}}",
    f"Authorization: Bearer {TOKEN}",
    f"headers = {{'Authorization': 'Bearer {TOKEN}'}}",
    f"'refresh_token': '0.AXoA{TOKEN}'",
    "To sign in, open https://microsoft.com/devicelogin and enter the code CZ5GY2MDB to sign in.",
    "<a href='https://login.microsoft.com/device'>page</a><input value='WDJB-MJHT'>",
    "enter code ABCDEFGHJ at https://aka.ms/devicelogin",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.<wbr>eyJhdWQiOiJodHRwczovL2FwaS50ZXN0In0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_refused_with_the_cell(secret):
    """In every kind of output, in prose, and in a failed cell's words; never repeated."""
    outputs = [
        html(secret),
        shows(text_plain=secret),
        new.new_output("stream", name="stderr", text=secret),
        new.new_output("error", ename="E", evalue="x", traceback=["a", secret]),
        new.new_output("display_data", data={"application/json": {"deep": [{"x": secret}]}}),
    ]
    for cell in [*(code("show()", output) for output in outputs), f"**note** {secret}"]:
        with pytest.raises(ReportError) as caught:
            refuse_secrets(book("# T", code("1"), cell))
        assert caught.value.cell == 3
        assert str(caught.value).startswith("Cell 3 ")
        for part in (JWT[:60], TOKEN, "CZ5GY2MDB", "WDJB", "ABCDEFGHJ"):
            assert part not in str(caught.value)


def test_secrets_in_saved_widgets_are_refused():
    """They are part of the notebook's file, where nobody sees them."""
    state = {STATE: {"state": {"x": {"model_name": "HTMLModel", "state": {"value": JWT}}}}}
    with pytest.raises(ReportError, match="saved widget"):
        refuse_secrets(book(code("1"), widgets=state))


@pytest.mark.parametrize(
    "text",
    [
        "sha256 a24cc7b5fd24655ca8f31bfb43a75654429a56f3d247ceed70c55c53895e5da0",
        "request id 7b62f6e5-5d83-4a65-9ff1-6f04b5d0ff67",
        "Bearer tokens are asked for at https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "See https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code",
        "the access_token: never shown",
        "AADSTS7000218 says GBP 751,094.39",
        "session = await sign_in_async(picker.value, client_id='...', tenant='...')",
        "data:image/png;base64,eyJhbGciOiJub25lIn0eyJhbGciOiJub25lIn0",
    ],
)
def test_what_is_no_secret_is_not_refused(text):
    """Ids, hashes, addresses and words about tokens may be sent on."""
    assert secret_in(text) is None


def test_secrets_in_code_count_where_code_is_shown():
    """A source that stays behind leaks nothing."""
    leaking = code(f"token = '{JWT}'")
    refuse_secrets(book(leaking))
    with pytest.raises(ReportError, match="Cell 1 shows an access token"):
        refuse_secrets(book(leaking, pcnotebooks={"code": True}))


def test_bundled_notebooks_hold_no_secret():
    """All five pass the check that they are put to."""
    paths = bundled_notebooks()
    assert len(paths) == 5
    for path in paths:
        refuse_secrets(nbformat.read(path, as_version=4))


def test_rendering_a_notebook_that_shows_a_token_writes_nothing():
    """From the cell to the file that is not there."""
    source = f"head, *rest = {JWT.split('.')}\nprint('.'.join([head, *rest]))"
    with pytest.raises(ReportError, match=r"Cell 1 \(head, .* shows an access token"):
        render_notebook(saved(code(source)), "out.html")
    assert not Path("out.html").exists()


# For Jupyter's own command


def test_the_wheel_brings_the_template_to_nbconvert(tmp_path: Path):
    """As installed, `jupyter nbconvert --template pcnotebooks` makes the same page."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    site = tmp_path / "site"
    zipfile.ZipFile(next(tmp_path.glob("*.whl"))).extractall(site)
    (data,) = site.glob("*.data/data/share/jupyter")
    run = [sys.executable, "-m", "nbconvert", "--to", "html", "--template", "pcnotebooks"]
    environment = os.environ | {"PYTHONPATH": str(site), "JUPYTER_PATH": str(data)}
    given = saved("costs $5 and $10", code("hidden = 1", html("<p>shown</p><script>1</script>")))
    subprocess.run([*run, given], env=environment, check=True, capture_output=True)
    text = Path("given.html").read_text(encoding="utf-8")
    assert "<p>shown</p>" in text
    assert "costs $5 and $10" in text
    assert "hidden" not in text
    assert "<script" not in text
    assert "From the notebook given." in text


def test_the_template_refuses_secrets_by_itself():
    """Jupyter's own command goes through the same check."""
    with pytest.raises(ReportError, match="Cell 1 shows an access token"):
        page(code("", html(JWT)))


@pytest.mark.soak
@pytest.mark.parametrize("path", bundled_notebooks(), ids=lambda path: path.stem)
def test_bundled_notebooks_render(path: Path):
    """Each on the sample, marked as such, with its charts and tables, in less than 750 kB."""
    text = render_notebook(path.stem, "out.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 750_000
    assert "example.com" not in text
    if path.stem != "05_report":
        assert "Sample data" in BeautifulSoup(text, "html.parser").title.string
        assert text.count("<img") + text.count("<svg") >= 1
        assert text.count("<table") >= 1
    assert datetime.now(UTC).strftime("%Y") in text
