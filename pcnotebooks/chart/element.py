"""SVG made fit to stand in a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

# Two or more neighbours of one style, as the labels of an axis and the marks of a line are.
_ALIKE = re.compile(
    r'<(text|use)\b[^>]* style="(?P<style>[^"]*)"[^>]*>(?:[^<]*</text>)?'
    r'(?:<\1\b[^>]* style="(?P=style)"[^>]*>(?:[^<]*</text>)?)+'
)


def slim(svg: str, *, prefix: str, colours: Mapping[str, str]) -> str:
    """Return what matplotlib drew, as light as a page likes it: a tenth of the bytes and less.

    Ids begin with `prefix`, and `colours` are replaced, both in tags alone and never in a text.
    """
    coloured = re.compile("|".join(colours))
    pointed_at = dict.fromkeys(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    names = {id_: f"{prefix}-{place}" for place, id_ in enumerate(pointed_at)}

    def dress(found: re.Match[str]) -> str:
        tag = re.sub(r' font-family: [^;"]*;?| transform="rotate\(-0 [^"]*"', "", found[0])
        tag = re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", tag)
        tag = re.sub(r"\s+", " ", tag)
        tag = re.sub(
            r' id="([^"]+)"', lambda id_: f' id="{names[id_[1]]}"' if id_[1] in names else "", tag
        )
        tag = re.sub(r'(href="#|url\(#)([^")]+)', lambda id_: id_[1] + names[id_[2]], tag)
        return coloured.sub(lambda colour: colours[colour[0]], tag)

    svg = re.sub(r">\s+<", "><", re.sub(r"<[^>]+>", dress, svg)).strip()
    svg = re.sub(r'<path [^>]* style="fill: none"/>', "", svg)  # an outline that nobody sees
    lighter = ""
    while lighter != svg:  # a group without attributes groups nothing
        lighter, svg = svg, re.sub(r"<(g|defs)></\1>|<g ?/>|<g>((?:(?!</?g\b).)*)</g>", r"\2", svg)
    return _ALIKE.sub(lambda found: _grouped(found["style"], found[0]), svg)


def _grouped(style: str, elements: str) -> str:
    """Return elements as a group that has the style which each of them has."""
    each = f' style="{style}"'
    return f"<g{each}>{elements.replace(each, '')}</g>"


def element(
    svg: str, *, prefix: str, title: str, description: str, size: tuple[float, float]
) -> str:
    """Return SVG as an element that those who do not see it are told of."""
    width, height = size
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" class="pcn-chart"'
        f' aria-labelledby="{prefix}-title {prefix}-desc" style="stroke-linejoin: round"'
        ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{prefix}-title">{escape(title)}</title>'
        f'<desc id="{prefix}-desc">{escape(description)}</desc>{svg}</svg>'
    )
