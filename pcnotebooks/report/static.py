"""A notebook as a static page: plain HTML that loads nothing and runs nothing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any

from pcnotebooks.report.allowed import allowed, allowed_css, allowed_tree
from pcnotebooks.report.leaks import refuse_secrets
from pcnotebooks.report.outputs import markdown, shown, widget_states

_WIDE = 10  # columns; tables that are at least as wide are printed smaller
_NUMBER = re.compile(r"[(+\-\u2212]?[\d.,'\u2019\u00a0\u202f]*\d[\d.,]*\)?(?:\s?%|[eE][+-]?\d+)?")
_MISSING = {"", "NaN", "NaT", "<NA>", "None", "nan", "...", "\N{HORIZONTAL ELLIPSIS}"}


def static_page(**_: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return the preprocessor that the package's nbconvert template names in its conf.json.

    It refuses secrets, and adds ``title``, ``sample``, ``sheets`` and ``main`` to the resources
    under ``pcnotebooks``. The template builds the page from them.
    """
    return _prepare


def _prepare(book: Any, resources: Any) -> tuple[Any, Any]:
    """Add the data for the template to the resources; the notebook is not changed."""
    refuse_secrets(book, resources.get("secrets", ()))
    facts = book.metadata.get("pcnotebooks", {})
    boxes = (box for cell in book.cells for box in _boxes(book, cell, resources, facts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 warns if HTML looks like a file name, a URL or XML
        main = _main(boxes)
    if not facts.get("code"):
        for line in main.select(".pcn-code-line"):  # at the end of a dashboard's view
            line.decompose()
    heading = main.find("h1")
    name = resources.get("metadata", {}).get("name", "Notebook")
    said = [main.get_text(), *(image["alt"] for image in main.find_all("img"))]
    title = heading.get_text(" ", strip=True) if heading else str(book.metadata.get("title", name))
    if heading is None:
        heading = allowed_tree("<h1></h1>").h1
        heading.string = title
        main.insert(0, heading)
    sheets = [style.extract().string or "" for style in main.find_all("style")]
    resources["pcnotebooks"] = {
        "title": title,
        "sample": any("Sample data, not an account" in words for words in said),
        # Every view of the package contains the same style sheet.
        "sheets": [allowed_css(sheet, sheet=True) for sheet in dict.fromkeys(sheets)],
        "main": allowed(main.decode_contents()),
        "foot": facts.get("foot", f"From the notebook {name}."),
    }
    return book, resources


def _boxes(
    book: Any, cell: Any, resources: Any, facts: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield the class and the HTML of each piece of a cell."""
    if cell.cell_type == "markdown":
        yield "prose", markdown(cell.source, cell.get("attachments", {}), resources)
    elif cell.cell_type == "code":
        if facts.get("code") and cell.source.strip():
            yield "code", f"<pre><code>{escape(cell.source)}</code></pre>"
        for html in shown(cell.get("outputs", ()), widget_states(book), resources):
            yield "output", html


def _main(boxes: Iterable[tuple[str, str]]) -> Any:
    """Return the boxes as one well-formed element with accessible names."""
    main = allowed_tree("<main></main>").main
    for kind, html in boxes:
        box = allowed_tree(f'<div class="{kind}"></div>').div
        box.extend(list(allowed_tree(html).contents))  # parsed separately, to close its tags
        if box.contents:
            main.append(box)
    _settle_links(main)
    _settle_colours(main)
    _settle_headings(main)
    _settle_tables(main)
    _settle_scrolling(main)
    _settle_names(main)
    return main


def _settle_links(main: Any) -> None:
    """Keep links that can be followed, and remove links to files, which a shared page lacks."""
    for link in main.select("a:not([href], [id])"):
        link.unwrap()
    for image in main.find_all("img"):
        if "src" in image.attrs:
            image["alt"] = image.get("alt") or "Picture"
        else:
            image.replace_with(f"[{image.get('alt') or 'picture'}]")


def _settle_colours(main: Any) -> None:
    """Keep coloured outputs on white: their authors did not choose colours for a dark page."""
    for box in main.find_all("div", recursive=False):
        coloured = box.select('style, [style*="color"], [style*="background"], [bgcolor], [color]')
        if not all(_knows_dark(tag) for tag in coloured):
            box["class"] = [*box["class"], "light"]


def _knows_dark(tag: Any) -> bool:
    """Whether a style belongs to the package, which has light and dark colours."""
    return "--pcn-" in (tag.string or "") or bool(
        tag.find_parent("svg") or tag.find_parent(class_="pcn")
    )


def _settle_headings(main: Any) -> None:
    """Make no heading skip a level, and give each the id that notebook links use."""
    level = 0
    for tag in main.find_all(re.compile(r"^h[1-6]$")):
        level = min(int(tag.name[1]), level + 1)
        tag.name = f"h{level}"
        tag["id"] = tag.get("id") or "-".join(tag.get_text(" ", strip=True).split())


def _settle_tables(main: Any) -> None:
    """Mark header cells, align numbers to the right, and make wide tables scroll."""
    for table in main.find_all("table"):
        del table["border"]
        for row in table.select('tr[style*="text-align"]'):
            del row["style"]
        _fold_head(table)
        for cell in table.select("th"):
            if cell.get_text(strip=True):
                cell["scope"] = "col" if cell.find_parent("thead") else "row"
            else:
                cell.name = "td"
            name = cell.string or ""
            if "_" in name:  # lets the name of a column break on paper
                cell.clear()
                cell.extend(list(allowed_tree(escape(name).replace("_", "_<wbr>")).contents))
        _align_numbers(table)
        if not table.find_parent(attrs={"role": "region"}):
            columns = max((len(row.find_all(["td", "th"])) for row in table("tr")), default=0)
            kind = "table wide" if columns >= _WIDE else "table"
            table.wrap(
                allowed_tree(f'<div class="{kind}" role="region" aria-label="Table"></div>').div
            )


def _fold_head(table: Any) -> None:
    """Move the name of the index, for which pandas adds a row, to the row of column names."""
    rows = table.select("thead tr")
    cells = [row.find_all("th", recursive=False) for row in rows]
    if len(rows) != 2 or len(cells[0]) != len(cells[1]):
        return
    pairs = list(zip(*cells, strict=True))
    if not any(upper.get_text(strip=True) and lower.get_text(strip=True) for upper, lower in pairs):
        for upper, lower in pairs:
            if lower.get_text(strip=True):
                upper.replace_with(lower)
        rows[1].decompose()


def _align_numbers(table: Any) -> None:
    """Mark cells with numbers and, if the table is a plain grid, the heads of their columns."""
    rows = [row.find_all(["td", "th"], recursive=False) for row in table.find_all("tr")]
    body = [row for row in rows if row and not row[0].find_parent("thead")]
    if table.select("[colspan], [rowspan]"):
        _mark([c for row in body for c in row if _NUMBER.fullmatch(c.get_text(strip=True))])
        return
    for place in range(max(map(len, body), default=0)):
        texts = {row[place].get_text(strip=True) for row in body if len(row) > place} - _MISSING
        if texts and all(_NUMBER.fullmatch(text) for text in texts):
            _mark([row[place] for row in rows if len(row) > place])


def _mark(cells: list[Any]) -> None:
    for cell in cells:
        cell["class"] = [*cell.get("class", []), "number"]


def _settle_scrolling(main: Any) -> None:
    """Make elements that may be wider than the page reachable by keyboard."""
    for tag in main.select("pre, .table, .chart, .pcn-wide"):
        tag["tabindex"] = "0"
    for tag in main.select(".chart, .pcn-wide"):
        tag["role"], tag["aria-label"] = "group", "Chart"


def _settle_names(main: Any) -> None:
    """Make every id, and every label of a region or group, unique."""
    sheets = " ".join(style.string or "" for style in main("style"))
    ids, styled = set(), set(re.findall(r"#([\w-]+)", sheets))
    for table in main.find_all("table"):
        own = {tag["id"] for tag in table.find_all(id=True)}
        styled |= own if own & styled else set()
    for tag in main.find_all(id=True):
        # The output occurs twice. References find the first one; styles still apply to both.
        if tag["id"] in ids:
            del tag["id"]
        elif tag["id"] not in styled:
            ids.add(tag["id"])
    labels: dict[str, int] = {}
    named = "[role=region], [role=group], section, nav, aside, form"
    for tag in main.select(f":is({named})[aria-label]"):
        label = tag["aria-label"]
        labels[label] = labels.get(label, 0) + 1
        if labels[label] > 1:
            tag["aria-label"] = f"{label} {labels[label]}"
