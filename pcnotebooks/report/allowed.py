"""The allowed part of foreign HTML: nothing that runs, loads, navigates or posts.

nh3 parses HTML as a browser does, keeps only the tags and attributes listed here, and writes the
remaining tree. tinycss2 parses style sheets, and declarations that load anything are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

# nh3 and tinycss2 are imported where they are used, as bs4 and nbconvert are in report.static.

_TAGS = (
    "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup"
    " dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i"
    " img ins kbd label li main mark meter nav ol p pre progress q rp rt ruby s samp section small"
    " span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr"
    # Drawings, without animations, filters and foreign objects.
    " svg circle clipPath defs desc ellipse g image line linearGradient marker mask path pattern"
    " polygon polyline radialGradient rect stop symbol text textPath title tspan use"
    # Mathematics; without its tags, the fraction 1/2 would read 12.
    " math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot"
    " mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none"
)
# The content of these is removed too, because it is not text of the page or needs a kernel.
_HOLLOW = (
    "annotation annotation-xml applet audio button canvas datalist frameset iframe noembed noframes"
    " noscript object plaintext script select style template textarea video xmp"
)
_ATTRIBUTES = (
    "align alt bgcolor border cellpadding cellspacing class color colspan datetime data-head"
    " data-label dir face headers"
    " height hidden high href id lang low max media min nowrap open optimum reversed role rowspan"
    " scope scoped size span src start style tabindex title type valign value width"
    " baseline-shift cx cy d dominant-baseline dx dy fx fy lengthAdjust letter-spacing offset"
    " opacity orient paint-order pathLength points preserveAspectRatio r refX refY rx ry"
    " shape-rendering spreadMethod startOffset transform vector-effect viewBox visibility"
    " writing-mode x x1 x2 xlink:href xmlns y y1 y2"
    " accent columnalign display displaystyle linethickness mathvariant notation stretchy"
)
_PREFIXES = "aria- clip clip- fill font- gradient marker mask pattern stop- stroke text"
# Attributes of drawings whose values are CSS.
_PAINTS = re.compile(r"clip-path|fill|marker.*|mask|stroke")
# Functions of CSS that take no address. url() is handled separately: its address is checked.
_FUNCTION = re.compile(
    r"(?:repeating-)?(?:linear|radial|conic)-gradient|(?:rgb|hsl)a?|hwb|(?:ok)?l(?:ab|ch)|color"
    r"|color-mix|light-dark|var|calc|min|max|minmax|clamp|repeat|fit-content|counters?|matrix"
    r"|(?:translate|scale|rotate|skew)[xyz]?|drop-shadow|blur|opacity|circle|ellipse|inset|polygon"
)
_GROUPS = {"container", "keyframes", "layer", "media", "supports"}  # rules that hold rules
_PICTURE = re.compile(r"data:image/(?:avif|bmp|gif|jpeg|png|svg\+xml|webp)[;,]", re.IGNORECASE)
_PLACE = re.compile("#")
_LINK = re.compile(r"https?:|mailto:|#", re.IGNORECASE)
_ADDRESSES = {"a": _LINK, "img": _PICTURE, "image": _PICTURE}  # of any other tag: in this page


def allowed_tree(html: str) -> Any:
    """Return the allowed part of a piece of HTML as a tree, with its style sheets.

    Elements that a script would have to show are removed, and also scoped style sheets, such as
    those of pandas' tables in a notebook.
    """
    from bs4 import BeautifulSoup  # noqa: PLC0415

    tree = BeautifulSoup(allowed(html, sheets=True), "html.parser")
    for tag in tree.select("[hidden], style[scoped]"):
        tag.decompose()
    return tree


def allowed(html: str, *, sheets: bool = False) -> str:
    """Return the allowed part of a piece of HTML, well-formed; with style sheets if `sheets`."""
    import nh3  # noqa: PLC0415

    style = {"style"} if sheets else set()
    clean = nh3.clean(
        html,
        tags=style.union(_TAGS.split()),
        clean_content_tags=set(_HOLLOW.split()) - style,
        attributes={"*": set(_ATTRIBUTES.split())},
        generic_attribute_prefixes=set(_PREFIXES.split()),
        attribute_filter=_allowed_value,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )
    return clean.replace("&nbsp;", "\N{NO-BREAK SPACE}")


def _allowed_value(tag: str, name: str, value: str) -> str | None:
    if name in {"href", "src"}:
        return value if _ADDRESSES.get(tag, _PLACE).match(value.strip()) else None
    if name == "style":
        return allowed_css(value)
    if _PAINTS.fullmatch(name):
        return value if allowed_css(f"{name}: {value}") else None
    return value


@lru_cache(maxsize=1000)  # many elements of a large table or a drawing have the same style
def allowed_css(css: str, *, sheet: bool = False) -> str:
    """Return the allowed part of an element's style, or of a style sheet."""
    import tinycss2  # noqa: PLC0415

    parse = tinycss2.parse_stylesheet if sheet else tinycss2.parse_blocks_contents
    try:
        # As the text of an element, a style sheet ends at the first "</".
        return _written(parse(css)).replace("</", "<\\/")
    except RecursionError:  # nested more deeply than any author would
        return ""


def _written(nodes: Iterable[Any]) -> str:
    """Return rules and declarations as CSS, without those that load anything."""
    import tinycss2  # noqa: PLC0415

    parts = []
    for node in nodes:
        if node.type == "declaration" and all(map(_loads_nothing, node.value)):
            parts.append(f"{node.serialize()};")
        rule = f"@{node.lower_at_keyword}" if node.type == "at-rule" else ""
        if node.type == "qualified-rule" or (rule[1:] in _GROUPS and node.content):
            content = _written(tinycss2.parse_blocks_contents(node.content))
            parts.append(f"{rule}{tinycss2.serialize(node.prelude)}{{{content}}}")
    return " ".join(parts)


def _loads_nothing(token: Any) -> bool:
    """Whether a part of a value, including nested parts, refers to no other location."""
    held = getattr(token, "arguments", None) or getattr(token, "content", None) or []
    if token.type == "url" or (token.type == "function" and token.lower_name == "url"):
        address = "".join(each.value for each in held if each.type == "string")
        address = address or getattr(token, "value", "")
        return bool(_PLACE.match(address) or _PICTURE.match(address))
    known = token.type != "function" or _FUNCTION.fullmatch(token.lower_name)
    if token.type == "function" and token.lower_name == "attr":
        known = [each.type for each in held] == ["ident"]  # a text: with a type it may be anything
    return token.type != "error" and bool(known) and all(map(_loads_nothing, held))
