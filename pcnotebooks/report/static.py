"""A notebook as a static page: plain HTML that asks for nothing and runs nothing."""

from __future__ import annotations

import re
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from html import escape
from io import BytesIO
from typing import Any

from pcnotebooks.report.leaks import refuse_secrets

# bs4 and nbconvert are imported where they are used: beside JupyterLab that takes a second.

_PRIORITY = (
    "text/html",
    "application/vnd.jupyter.widget-view+json",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "text/markdown",
    "text/latex",
    "text/plain",
)
_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
# What runs, what loads, and what only works with a kernel.
_ACTIVE = (
    "applet, audio, base, button, canvas, embed, form, frame, iframe, input, link, meta, noscript,"
    " object, script, select, source, style[scoped], template, textarea, track, video"
)
_KEPT_LINK = re.compile(r"(?:https?:|mailto:|#)", re.IGNORECASE)
_OWN_ADDRESS = re.compile(r"#|data:image/", re.IGNORECASE)
_LOADING_STYLE = re.compile(
    r"@import[^;]*;?|url\(\s*(?![\"']?(?:#|data:))[^)]*\)|expression\([^)]*\)", re.IGNORECASE
)
_WIDE = 10  # columns, beyond which print is smaller
_NUMBER = re.compile(r"[(+\-\u2212]?[\d.,'\u2019\u00a0\u202f]*\d[\d.,]*\)?(?:\s?%|[eE][+-]?\d+)?")
_MISSING = {"", "NaN", "NaT", "<NA>", "None", "nan"}
# Where a warning was raised: a file of this machine, and the line that is hidden with the code.
_WHERE = re.compile(r"^\S*[\\/]\S*\.py:\d+: (\w*Warning: .*)\n(?:  .*\n?)?", re.MULTILINE)
# What a cell that draws ends with: an object, and where it lies in memory.
_OBJECT = re.compile(r" at 0x[\da-f]+>|^(?:<Axes|<Figure|Text\()|^<[\w.]+ object>$")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def static_page(**_: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return the preprocessor that the package's nbconvert template names in its conf.json.

    It refuses secrets, and puts ``title``, ``sample`` and ``main`` under ``pcnotebooks`` into
    the resources, from which the template makes the page.
    """
    return _prepare


def load_ipython_extension(shell: Any) -> None:
    """Have a kernel that runs for a page show its figures sharply, and describe them."""
    # The inline backend reads it when pyplot loads. Screens and paper have twice the density of
    # its own choice; what the user's configuration or a cell asks for, such as SVG, has precedence.
    shell.config.InlineBackend.setdefault("figure_formats", {"retina"})
    drawings = shell.display_formatter.formatters["image/svg+xml"]

    def describe(figure: Any, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return _figure_bundle(figure, apart=type(figure) not in drawings)

    # Not by mime type: pyplot's backend takes what is registered so for figures, when it loads.
    shell.display_formatter.mimebundle_formatter.for_type_by_name(
        "matplotlib.figure", "Figure", describe
    )


def _figure_bundle(figure: Any, *, apart: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """Return in words what a figure shows, whose picture the backend makes.

    The panels of a figure are pictures of their own, if they may: a page of paper ends between
    two, and a figure of many currencies is higher than a page.
    """
    charts = [_chart_in_words(ax) for ax in figure.axes]
    if apart and len(charts) > 1 and all(charts):
        return {"text/html": "".join(map(_panel, figure.axes, charts))}, {}
    others = [ax for ax, words in zip(figure.axes, charts, strict=True) if not words]
    named = _sentence([figure.get_suptitle(), *map(_title, others)], "; ")
    axes = _sentence([words for ax in others for words in (ax.get_xlabel(), ax.get_ylabel())])
    if not named and not any(charts):
        named = "Chart without a title"
    words = [*charts, "; axes: ".join(filter(None, (named, axes)))]
    # Of the whole output: what the backend says of its PNG replaces what is said of that form.
    return {}, {"alt": " ".join(filter(None, words))}


def _chart_in_words(ax: Any) -> str:
    """Return the description of a chart of the package, which is its foot's label."""
    foots = [text for text in ax.texts if text.get_label()]
    said = [words.rstrip(".") for foot in foots for words in (foot.get_label(), foot.get_text())]
    return f"{_sentence([_title(ax), _sentence(said, '. ')], ': ')}." if said else ""


def _panel(ax: Any, words: str) -> str:
    """Return one of a figure's charts as a picture of twice the density."""
    figure, content = ax.get_figure(root=True), BytesIO()
    figure.draw_without_rendering()
    box, margin = ax.get_tightbbox().transformed(figure.dpi_scale_trans.inverted()), 0.05
    width, height = figure.get_figwidth(), box.height + 2 * margin
    box.x0, box.x1, box.y0, box.y1 = 0, width, box.y0 - margin, box.y1 + margin
    figure.savefig(content, dpi=2 * figure.dpi, bbox_inches=box)
    size = {"width": round(width * figure.dpi), "height": round(height * figure.dpi)}
    return _picture("image/png", b64encode(content.getvalue()).decode(), words, size)


def _title(ax: Any) -> str:
    return _sentence([ax.get_title(loc=place) for place in ("left", "center", "right")], "; ")


def _sentence(texts: list[str], separator: str = ", ") -> str:
    words = (" ".join(text.split()) for text in texts)
    return separator.join(dict.fromkeys(word for word in words if word))


def _prepare(book: Any, resources: Any) -> tuple[Any, Any]:
    """Put what the template needs into the resources; the notebook stays as it is."""
    refuse_secrets(book)
    facts = book.metadata.get("pcnotebooks", {})
    boxes = [box for cell in book.cells for box in _boxes(book, cell, resources, facts)]
    main = _main(boxes)
    if not facts.get("code"):
        for line in main.select(".pcn-code-line"):  # with which the dashboard's view ends
            line.decompose()
    heading = main.find("h1")
    name = resources.get("metadata", {}).get("name", "Notebook")
    said = [main.get_text(), *(image["alt"] for image in main.find_all("img"))]
    title = heading.get_text(" ", strip=True) if heading else str(book.metadata.get("title", name))
    if heading is None:
        heading = _soup("<h1></h1>").h1
        heading.string = title
        main.insert(0, heading)
    resources["pcnotebooks"] = {
        "title": title,
        "sample": any("Sample data, not an account" in words for words in said),
        "main": main.decode_contents(),
        "foot": facts.get("foot", f"From the notebook {name}."),
    }
    return book, resources


def _boxes(
    book: Any, cell: Any, resources: Any, facts: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield the class and the HTML of each piece of a cell."""
    if cell.cell_type == "markdown":
        yield "prose", _markdown(cell.source, cell.get("attachments", {}), resources)
    elif cell.cell_type == "code":
        if facts.get("code") and cell.source.strip():
            yield "code", f"<pre><code>{escape(cell.source)}</code></pre>"
        for output in cell.get("outputs", ()):
            yield "output", _output(output, _widget_states(book), resources)


def _markdown(source: str, attachments: Mapping[str, Any], resources: Any) -> str:
    """Return Markdown as HTML; two dollar signs in a sentence are two amounts, no mathematics."""
    from nbconvert.filters import markdown_mistune as mistune  # noqa: PLC0415

    library: Any = mistune
    renderer = library.IPythonRenderer(
        escape=False,
        attachments=attachments,
        embed_images=True,
        exclude_anchor_links=True,
        path=resources.get("metadata", {}).get("path", ""),
    )
    reader = library.MarkdownWithMath(
        renderer, block=library.BlockParser(), inline=library.InlineParser()
    )
    html: str = reader.render(source)
    return html


def _widget_states(book: Any) -> Mapping[str, Any]:
    saved = book.metadata.get("widgets", {}).get(_WIDGET_STATE, {})
    states: Mapping[str, Any] = saved.get("state", {})
    return states


def _output(output: Any, states: Mapping[str, Any], resources: Any) -> str:
    """Return an output as HTML, in the richest of its forms that needs nothing to be shown."""
    kind = output["output_type"]
    if kind == "stream":
        return _text(output["text"], "stderr" if output["name"] == "stderr" else "text")
    if kind == "error":
        words = f"{output['ename']}: {output['evalue']}"
        return f'<p class="attention">{escape(_ANSI.sub("", words))}</p>'
    bundle = output.get("data", {})
    lost = "application/javascript" in bundle
    for mime in _PRIORITY:
        if mime == "text/plain" and lost:
            return '<p class="note">Something that only a running notebook shows stood here.</p>'
        html = _form(mime, output, states, resources) if mime in bundle else ""
        if html:
            return html
        lost = lost or html is None
    return ""


def _form(mime: str, output: Any, states: Mapping[str, Any], resources: Any) -> str | None:
    """Return one form of an output as HTML; None where nothing of it shows without scripts."""
    content = output["data"][mime]
    if mime == "application/vnd.jupyter.widget-view+json":
        return _widget(content.get("model_id", ""), states, resources)
    text = "".join(content) if isinstance(content, list) else content
    if mime == "text/html":
        return _shown_html(text)
    if mime == "text/markdown":
        return f'<div class="prose">{_markdown(text, {}, resources)}</div>'
    if mime.startswith("image/"):
        facts = output.get("metadata", {})
        own = facts.get(mime, {})
        if mime == "image/svg+xml":
            text = b64encode(text.encode()).decode()
        return _picture(mime, text, own.get("alt") or facts.get("alt") or "Picture", own)
    return "" if _OBJECT.search(text) else _text(text, "text")


def _picture(mime: str, content: str, words: str, size: Mapping[str, Any]) -> str:
    """Return a picture in base64; without its size one of twice the density is twice as large."""
    sides = {side: size[side] for side in ("width", "height") if isinstance(size.get(side), int)}
    shown = "".join(f' {side}="{length}"' for side, length in sides.items())
    source = f"data:{mime};base64,{''.join(content.split())}"
    return f'<div class="chart"><img src="{source}" alt="{escape(words)}"{shown}></div>'


def _shown_html(html: str) -> str | None:
    """Return HTML of which something is left without scripts; None where nothing is."""
    left = _without_active(_soup(html))
    if left.get_text(strip=True) or left.find(["img", "svg", "table", "hr"]):
        return html
    return None if re.search(r"<(?:script|iframe)", html, re.IGNORECASE) else ""


def _text(text: str, kind: str) -> str:
    plain = _ANSI.sub("", text)
    if kind == "stderr":
        plain = _WHERE.sub(r"\1\n", plain)
    plain = plain.rstrip()
    return f'<pre class="{kind}">{escape(plain)}</pre>' if plain else ""


def _widget(model: str, states: Mapping[str, Any], resources: Any) -> str:
    """Return what a widget showed when its notebook was saved; of a control its choice."""
    if model not in states:
        return '<p class="note">A control of the running notebook stood here.</p>'
    state = states[model]["state"]
    name = states[model].get("model_name", "")
    if name.startswith("HTML"):
        return str(state.get("value", ""))
    if name == "OutputModel":
        return "".join(_output(output, states, resources) for output in state.get("outputs", ()))
    children = [child.removeprefix("IPY_MODEL_") for child in state.get("children", ())]
    if children:
        return "".join(_widget(child, states, resources) for child in children)
    value = state.get("value")
    if "_options_labels" in state and isinstance(state.get("index"), int):
        value = state["_options_labels"][state["index"]]
    words = ": ".join(
        str(word)
        for word in (state.get("description"), value)
        if isinstance(word, str | float | int) and word != ""
    )
    return f'<p class="note">{escape(words)}</p>' if words and "Button" not in name else ""


def _soup(html: str) -> Any:
    from bs4 import BeautifulSoup  # noqa: PLC0415

    with warnings.catch_warnings():
        # An output may look like a file name, an address or XML; it is HTML.
        warnings.simplefilter("ignore")
        return BeautifulSoup(html, "html.parser")


def _main(boxes: list[tuple[str, str]]) -> Any:
    """Return the boxes as one element that is safe, sound and says what it is."""
    soup = _soup("<main></main>")
    for kind, html in boxes:
        if html.strip():
            box = soup.new_tag("div", attrs={"class": kind})
            box.extend(list(_soup(html).contents))  # by itself, so that it is closed
            soup.main.append(box)
    main = _without_active(soup).main
    _settle_addresses(main)
    _settle_links(main)
    _settle_colours(main)
    _settle_headings(main)
    _settle_tables(main)
    _settle_scrolling(main)
    _settle_names(main)
    return main


def _without_active(soup: Any) -> Any:
    """Take out what runs, what loads and what only works with a kernel."""
    from bs4 import Comment  # noqa: PLC0415

    for box in soup.select('input[type="checkbox"]'):  # of a task list
        box.replace_with(
            "\N{BALLOT BOX WITH CHECK} " if "checked" in box.attrs else "\N{BALLOT BOX} "
        )
    for tag in soup.select(_ACTIVE):
        tag.decompose()
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    return soup


def _settle_addresses(main: Any) -> None:
    """Take out every address of another place, and what would act on an event."""
    for tag in main.find_all(True):
        for name, value in list(tag.attrs.items()):
            if name == "style":
                tag[name] = _LOADING_STYLE.sub("none", value)
            elif _acts(tag, name, str(value).strip()):
                del tag[name]
    for style in main.find_all("style"):
        style.string = _LOADING_STYLE.sub("", style.string or "")


def _acts(tag: Any, name: str, value: str) -> bool:
    """Whether an attribute does something by itself: on an event, or by loading an address."""
    if name.endswith(("href", "src")) and (tag.name, name) != ("a", "href"):
        return not _OWN_ADDRESS.match(value)
    return name.startswith("on") or name in {"srcset", "ping", "background", "autofocus"}


def _settle_links(main: Any) -> None:
    """Leave links to click on, but none to a file: a page that is sent on has none beside it."""
    for link in main.find_all("a"):
        if not _KEPT_LINK.match(str(link.get("href", "")).strip()):
            link.unwrap()
    for image in main.find_all("img"):
        if "src" in image.attrs:
            image["alt"] = image.get("alt") or "Picture"
        else:
            image.replace_with(f"[{image.get('alt') or 'picture'}]")


def _settle_colours(main: Any) -> None:
    """Keep on white what its author coloured: no dark page was in mind."""
    for box in main.find_all("div", recursive=False):
        coloured = box.select('style, [style*="color"], [style*="background"], [bgcolor], [color]')
        if not all(_knows_dark(tag) for tag in coloured):
            box["class"] = [*box["class"], "light"]
    sheets: set[str] = set()
    for style in main.find_all("style"):
        if style.string in sheets:  # that of every view of the package
            style.decompose()
        else:
            sheets.add(style.string)


def _knows_dark(tag: Any) -> bool:
    """Whether a style is the package's own, which has colours for both grounds."""
    return "--pcn-" in (tag.string or "") or bool(
        tag.find_parent("svg") or tag.find_parent(class_="pcn")
    )


def _settle_headings(main: Any) -> None:
    """Let no heading skip a level, and give each the id that links in a notebook use."""
    level = 0
    for tag in main.find_all(re.compile(r"^h[1-6]$")):
        level = min(int(tag.name[1]), level + 1)
        tag.name = f"h{level}"
        tag["id"] = tag.get("id") or "-".join(tag.get_text(" ", strip=True).split())


def _settle_tables(main: Any) -> None:
    """Tell heads from cells, set numbers to the right, and let wide tables scroll."""
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
            if "_" in name:  # where a column's name may break on paper
                cell.clear()
                cell.extend(list(_soup(escape(name).replace("_", "_<wbr>")).contents))
        _align_numbers(table)
        if not table.find_parent(attrs={"role": "region"}):
            columns = max((len(row.find_all(["td", "th"])) for row in table("tr")), default=0)
            kind = "table wide" if columns >= _WIDE else "table"
            table.wrap(_soup(f'<div class="{kind}" role="region" aria-label="Table"></div>').div)


def _fold_head(table: Any) -> None:
    """Write the index's name, which pandas gives a row of its own, beside the columns' names."""
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
    """Mark numbers, with their column's head where a table is a plain grid."""
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
    """Let the keyboard reach what may be wider than the page."""
    for tag in main.select("pre, .table, .chart, .pcn-wide"):
        tag["tabindex"] = "0"
    for tag in main.select(".chart, .pcn-wide"):
        tag["role"], tag["aria-label"] = "group", "Chart"


def _settle_names(main: Any) -> None:
    """Give every id and every label of a region or group once."""
    ids: set[str] = set()
    for tag in main.find_all(id=True):
        if tag["id"] in ids:
            del tag["id"]  # the same output again; what refers to it finds the first
        else:
            ids.add(tag["id"])
    labels: dict[str, int] = {}
    named = "[role=region], [role=group], section, nav, aside, form"
    for tag in main.select(f":is({named})[aria-label]"):
        label = tag["aria-label"]
        labels[label] = labels.get(label, 0) + 1
        if labels[label] > 1:
            tag["aria-label"] = f"{label} {labels[label]}"
