"""Notebook outputs as HTML, each in the richest form that displays without a kernel."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from pcnotebooks.report.allowed import allowed_tree
from pcnotebooks.report.terminal import joined, on_screen

# nbconvert is imported where it is used: if JupyterLab is installed, that takes a second.

_FORMS = (
    "text/html",
    "application/vnd.jupyter.widget-view+json",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/bmp",
    "text/markdown",
    "text/latex",
    "text/plain",
)
_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
_WIDGET_VIEW = _FORMS[1]
_NOTE = '<p class="note">{} cannot be shown here.</p>'
# HTML that shows nothing, or only a loading message, without a kernel or scripts.
_LIVE = re.compile(
    r"<(?:audio|button|canvas|embed|i?frame|input|object|script|select|textarea|video)\b",
    re.IGNORECASE,
)
_WAITS = re.compile(r"\bLoading\b.*?(?:\.\.\.|\N{HORIZONTAL ELLIPSIS})", re.DOTALL)
# The origin of a warning: the file on this machine and its line, which is code.
_WHERE = re.compile(r"^\S*[\\/]\S*\.py:\d+: (\w*Warning: .*)\n(?:  .*\n?)?", re.MULTILINE)
# matplotlib warns about each letter that its font lacks, each time it draws.
_LETTER = re.compile(r"^UserWarning: Glyph (\d+) .* missing from .*\n?", re.MULTILINE)
# The repr of a drawn object at the end of a cell: its memory address or its contents.
_OBJECT = re.compile(
    r" at 0x[\da-f]+>|^(?:<Axes|<Figure|Text\(|Figure(?:Widget)?\(\{)|^<[\w. ]+ object>$"
    r"|^[\w.]+\(\.\.\.\)$"
)


def markdown(source: str, attachments: Mapping[str, Any], resources: Any) -> str:
    """Return Markdown as HTML; dollar signs in a sentence mean amounts, not mathematics."""
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
    # Replace the checkboxes of a task list by characters, because the page has no forms.
    html = re.sub(r'<input [^>]*type="checkbox"[^>]*checked/>', "\N{BALLOT BOX WITH CHECK} ", html)
    return re.sub(r'<input [^>]*type="checkbox"[^>]*>', "\N{BALLOT BOX} ", html)


def widget_states(book: Any) -> Mapping[str, Any]:
    """Return the saved states of a notebook's widgets, by model."""
    saved = book.metadata.get("widgets", {}).get(_WIDGET_STATE, {})
    states: Mapping[str, Any] = saved.get("state", {})
    return states


def shown(outputs: Iterable[Any], states: Mapping[str, Any], resources: Any) -> list[str]:
    """Return outputs as HTML, without those that show nothing."""
    pieces = (_output(output, states, resources) for output in joined(outputs))
    return [html for html in pieces if html]


def _output(output: Any, states: Mapping[str, Any], resources: Any) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return _text(output["text"], "stderr" if output["name"] == "stderr" else "text")
    if kind == "error":
        words = on_screen(f"{output['ename']}: {output['evalue']}")
        return f'<p class="attention">{escape(words)}</p>'
    bundle = output.get("data", {})
    lost = bool(bundle.keys() - set(_FORMS))
    for mime in _FORMS:
        html = _form(mime, output, states, resources) if mime in bundle else ""
        if html:
            return html
        lost = lost or html is None
    return _NOTE.format("An output that needs a running notebook") if lost else ""


def _form(mime: str, output: Any, states: Mapping[str, Any], resources: Any) -> str | None:
    """Return one form of an output as HTML; None if it shows nothing without scripts."""
    content = output["data"][mime]
    if mime == _WIDGET_VIEW:
        return _widget(content.get("model_id", ""), states, resources) or None
    text = "".join(content) if isinstance(content, list) else content
    if mime == "text/html":
        return _shown_html(text)
    if mime == "text/markdown":
        return f'<div class="prose">{markdown(text, {}, resources)}</div>'
    if mime.startswith("image/"):
        facts = output.get("metadata", {})
        own = facts.get(mime, {})
        if mime == "image/svg+xml":
            text = b64encode(text.encode()).decode()
        return picture(mime, text, own.get("alt") or facts.get("alt") or "Picture", own)
    # The text of a widget is also only the repr of an object.
    return "" if _OBJECT.search(text) or _WIDGET_VIEW in output["data"] else _text(text, "text")


def picture(mime: str, content: str, words: str, size: Mapping[str, Any]) -> str:
    """Return a picture in base64; without `size`, one of double density appears twice as large."""
    sides = {side: size[side] for side in ("width", "height") if isinstance(size.get(side), int)}
    shown = "".join(f' {side}="{length}"' for side, length in sides.items())
    source = f"data:{mime};base64,{''.join(content.split())}"
    return f'<div class="chart"><img src="{source}" alt="{escape(words)}"{shown}></div>'


def _shown_html(html: str) -> str | None:
    """Return HTML that shows something without scripts; None if it needs them."""
    left = allowed_tree(html)
    words = left.get_text(" ", strip=True)
    live = _LIVE.search(html)
    if live and _WAITS.search(words):
        return None
    if words or left.find(["img", "svg", "table", "hr", "meter", "progress"]):
        return html
    return None if live else ""


def _text(text: str, kind: str) -> str:
    plain = on_screen(text)
    if kind == "stderr":
        plain = _WHERE.sub(r"\1\n", plain)
        letters = "".join(dict.fromkeys(chr(int(code)) for code in _LETTER.findall(plain)))
        said = f"Boxes in a chart replace letters that its font lacks: {letters}\n"
        plain = _LETTER.sub("", _LETTER.sub(said, plain, count=1))
    plain = plain.rstrip()
    return f'<pre class="{kind}">{escape(plain)}</pre>' if plain else ""


def _widget(model: str, states: Mapping[str, Any], resources: Any) -> str:
    """Return the saved view of a widget; for a control, its choice."""
    if model not in states:
        return _NOTE.format("A widget of the running notebook")
    state = states[model]["state"]
    name = states[model].get("model_name", "")
    if name.startswith("HTML"):
        return str(state.get("value", ""))
    if name == "OutputModel":
        return "".join(shown(state.get("outputs", ()), states, resources))
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
