"""What a stranger writes is text: in pages, pictures, files, names of files and terminals.

The service's texts are its invoice types and symbols; a payload's file, which may be anybody's,
brings the partner's name and the cloud's. CSV and Excel have more cases in test_export; what a
browser does with all this stands in browser/test_injection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from matplotlib.text import Text

from pcnotebooks import (
    History,
    Payload,
    PcNotebooksError,
    dashboard,
    explore,
    payment_recency,
    plot_balances,
    plot_panels,
    plot_payment_recency,
    render_report,
    summary_frame,
    write_csv,
    write_excel,
)
from pcnotebooks.chart.svg import svg
from pcnotebooks.overview.charts import Chart
from tests.builders import AT, body, detail, item
from tests.models import balances_chart, recency_chart

HOSTILE = {
    "script": "<script>pwned()</script>",
    "handler": "\"><img src=x onerror=pwned()>'><svg onload=pwned()>",
    "end of all": "</style></script></svg></title>]]>--><b>",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "mathtext": r"$\frac{7}{7}$ costs $5 and \$6 $$",
    "entity": "&lt;script&gt;&amp;&#x3c;script&#62;",
    "formula": '=HYPERLINK("http://x.example/?"&A1,"pay")',
    "at": "@SUM(1+1)*cmd|'/C calc'!A0",
    "tab": "\t=1+1",
    "plus": "+1-1",
    "escape": "\x1b]0;pwned\x07\x1b[2J\x1b[31m\x9b31m",
    "turned": "\u202eevil\u2066\u200b",
    "lines": "one\r\nError: two\n\u2028three\x0bfour\x85five",
    "up": "../../../../tmp/up/..\\..\\up",
    "absolute": "/etc/passwd",
    "device": "CON",
    "nul": "a\x00b",
    "hive": "a/partner=b%2Fmonth=1999-01/cloud=x?y#z",
    "dots": "..",
    "long": "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 90,
    "css": "\\22 }body{display:none}/*'url(http://x.example)",
    "javascript": "javascript:pwned()//",
}
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def payload(text: str, *, at: Any = AT, balance: int = 7) -> Payload:
    """Return an answer with a text wherever somebody else chooses one."""
    part = detail(text, balance, currencySymbol=text)
    whole = item("GBP", None, part, detail("Recurring", 30), currencySymbol=text)
    return Payload(body(whole), "global", text, at, request_id=text, correlation_id=text)


@pytest.fixture(params=HOSTILE)
def text(request) -> str:
    """Return one text after the other."""
    return HOSTILE[request.param]


# --- pages and pictures


class _Tags(HTMLParser):
    """The tags of a page and their attributes; scripts, styles and texts by themselves."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def assert_inert(page: str, twin: str) -> None:
    """Assert that a page has the tags and attributes of its harmless twin, and none that acts."""
    tags, plain = _Tags(page), _Tags(twin)
    assert set(tags.names) <= set(plain.names)
    assert tags.names.count("script") == plain.names.count("script")
    known = {name for name, _ in plain.attributes} | {"textlength", "lengthadjust"}  # long labels
    assert {name for name, _ in tags.attributes} <= known
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    for name, value in tags.attributes:
        if name.endswith(("href", "src")):
            assert value.startswith(("#", "data:text/csv;"))


def everything(*, of: str = "", at: Any = AT) -> Payload:
    """Return an answer in which every text is an invoice type; its harmless twin of a name."""
    texts = [(of and f"{of}{place}") or each for place, each in enumerate(HOSTILE.values())]
    parts = [detail(each, 7, currencySymbol=each) for each in texts]
    return Payload(body(item("GBP", None, *parts)), "global", "".join(texts), at)


def test_pages_hold_text():
    """Report, explorer and dashboard are made of the same tags as those of harmless names."""
    later = AT.replace(month=4)
    pages = []
    for of in ("", "Type"):
        one, two = everything(of=of), everything(of=of, at=later)
        pages.append(
            [
                render_report([one, two], title=one.partner),
                explore(summary_frame(one)).html(),
                dashboard(payloads=[one, two])._repr_mimebundle_()["text/html"],
            ]
        )
    for page, twin in zip(*pages, strict=True):
        assert_inert(page, twin)


def test_pictures_hold_text_letter_by_letter():
    """No markup and no mathematics: well formed, and every name in it as it is."""
    ways: list[Callable[[pd.DataFrame], Chart]] = [
        balances_chart,
        lambda frame: recency_chart(payment_recency(frame)),
    ]
    for chart_of in ways:
        trees = []
        for of in ("", "Type"):
            drawn = svg(chart_of(summary_frame(everything(of=of))), prefix="p")
            # A control character, which XML cannot say, HTML reads as a replacement.
            trees.append(ET.fromstring(CONTROLS.sub("", drawn)))  # noqa: S314  our own
        kinds = [{each.tag for each in tree.iter()} for tree in trees]
        assert kinds[0] <= kinds[1]
        said = "".join(trees[0].itertext())
        for name in ("script", "handler", "end of all", "mathtext", "entity", "css"):
            assert HOSTILE[name] in said, name  # in the description; a label is cut


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("plot", [plot_balances, plot_payment_recency, plot_panels])
def test_figures_of_a_cell_are_drawn_without_mathematics(plot: Any):
    """Also saved as a picture, which draws every letter."""
    drawn = plot(summary_frame(everything()))
    figure = getattr(drawn, "figure", drawn)
    texts = [each for each in figure.findobj(Text) if "$" in each.get_text()]
    assert texts
    assert not any(each.get_parse_math() for each in texts)
    figure.canvas.draw()


# --- files


def test_spreadsheets_hold_text(text: str, tmp_path: Path):
    """No cell of either file is a formula or a link."""
    path = write_csv(tmp_path / "a.csv", payload(text))
    for cell in re.split(r"[,;\t\r\n]", path.read_text(encoding="utf-8-sig")):
        assert not re.match(r'"?\s*[=+@]', cell)
    book = openpyxl.load_workbook(write_excel(tmp_path / "a.xlsx", payload(text)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    assert {sheet.title for sheet in book} == {
        "summary", "totals", "details", "recency", "reconciliation", "provenance", "columns"
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["escape", "turned", "lines", "up", "absolute", "nul", "long"])
def test_exports_stay_in_their_folder(kind: str, tmp_path: Path, monkeypatch):
    """The dashboard names files after a partner: a name, one, and beside the notebook."""
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    box = dashboard(payloads=payload(HOSTILE[kind]))
    for button in box._hand_on.children[0].children:
        button.click()
        assert "Saved" in box._hand_on.children[1].outputs[0]["data"]["text/html"]
    names = [path.name for path in inner.iterdir()]
    assert len(names) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    assert all(len(name.encode()) <= 255 for name in names)
    assert all(re.fullmatch(r"invoice-summaries[\w.-]+", name) for name in names)


def test_the_history_stays_in_its_folder(text: str, tmp_path: Path):
    """Whatever the label, three levels of folders below each dataset, and the label comes back."""
    place = tmp_path / "inner" / "history"
    history = History(place)
    try:
        history.append(payload(text))
    except PcNotebooksError:  # too long for the name of a folder
        assert text == HOSTILE["long"]
        assert not place.exists()
        return
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        _, cloud, partner, month, _ = path.relative_to(place).parts
        assert cloud == "in_cloud=global"
        assert month == "month=2024-03"
        assert partner.startswith("account=")
        assert not CONTROLS.search(partner)
        assert not re.search(r'[<>:"\\|?*\s]', partner.removeprefix("account="))
        assert pq.ParquetFile(path).metadata.num_rows
    assert next(history.payloads()).partner == text
    assert set(history.summaries()["partner"]) == {text}
    assert history.verify().empty


# --- terminals


@pytest.fixture
def said(shell, capsys, home: Path) -> Callable[..., list[str]]:
    """Return a function that runs a command and returns the lines that it prints."""

    def run(*arguments: object) -> list[str]:
        shell(*arguments)
        captured = capsys.readouterr()
        return (captured.out + captured.err).split("\n")[:-1]

    return run


def test_a_terminal_obeys_nobody(said, home: Path):
    """Listing, changes, export and errors: a line each, and no character that does something."""
    history, kept = History(home / "history"), 0
    for text in HOSTILE.values():
        with suppress(PcNotebooksError):  # too long for a folder
            kept += history.append(payload(text))
            history.append(payload(text, at=AT.replace(month=5), balance=70))
    (home / "history" / "payloads" / "\x1b[31mstranger\n").touch()
    bad = Payload(b"{", "global", "".join(HOSTILE.values()), AT).save(home / "bad.json")
    for arguments, lines in (
        (("history", "list", "--history", home / "history"), kept),
        (("history", "changes", "--history", home / "history"), kept),
        (("history", "verify", "--history", home / "history"), 2),
        (("history", "export", home / "out", "--history", home / "history"), 2 * kept),
        (("report", "--payload", bad), 2),
    ):
        printed = said(*arguments)
        assert len(printed) == lines
        assert not any(CONTROLS.search(line) for line in printed)
    assert kept == len(HOSTILE) - 1


def test_an_error_obeys_nobody(text: str):
    """As Python itself prints it, in a terminal without a notebook around it."""
    with pytest.raises(PcNotebooksError) as caught:
        summary_frame(Payload(body({"items": text}), "global", text, AT))
    assert not CONTROLS.search(str(caught.value))
    assert not CONTROLS.search(repr(caught.value))
