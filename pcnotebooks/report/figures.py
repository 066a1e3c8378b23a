"""Sharp figures with text descriptions, in a kernel that runs a notebook for a page."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

from pcnotebooks.report.outputs import picture


def load_ipython_extension(shell: Any) -> None:
    """Make the kernel draw figures sharply, and describe them in text."""
    # The inline backend reads this when pyplot loads. Screens and paper have twice its default
    # density. Formats that the user's configuration or a cell sets, such as SVG, take precedence.
    shell.config.InlineBackend.setdefault("figure_formats", {"retina"})
    drawings = shell.display_formatter.formatters["image/svg+xml"]

    def describe(figure: Any, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return _figure_bundle(figure, apart=type(figure) not in drawings)

    # Not by mime type: pyplot's backend replaces formatters of a mime type when it loads.
    shell.display_formatter.mimebundle_formatter.for_type_by_name(
        "matplotlib.figure", "Figure", describe
    )


def _figure_bundle(figure: Any, *, apart: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the description of a figure; the backend draws its picture.

    If `apart`, each panel becomes a separate picture, so that a printed page can end between two
    panels: a figure of many currencies is taller than a page.
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
    # Metadata of the whole output, because the backend replaces the metadata of its PNG.
    return {}, {"alt": " ".join(filter(None, words))}


def _chart_in_words(ax: Any) -> str:
    """Return the description of one of the package's charts, stored as the label of its foot."""
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
    return picture("image/png", b64encode(content.getvalue()).decode(), words, size)


def _title(ax: Any) -> str:
    return _sentence([ax.get_title(loc=place) for place in ("left", "center", "right")], "; ")


def _sentence(texts: list[str], separator: str = ", ") -> str:
    words = (" ".join(text.split()) for text in texts)
    return separator.join(dict.fromkeys(word for word in words if word))
