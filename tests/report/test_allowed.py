"""What of foreign HTML and CSS is kept: all that only shows."""

from __future__ import annotations

import pytest

from pcnotebooks.report.allowed import allowed, allowed_css


@pytest.mark.parametrize(
    "html",
    [
        (
            '<table><caption>x</caption><tbody><tr><td colspan="2" style="color: red;">1</td>'
            '<td data-head="Falls due" data-label="Overdue">2</td></tr>'
            "</tbody></table>"
        ),
        '<p dir="rtl" lang="he"><b>x</b><br><bdi>y</bdi> &lt;&amp;nbsp;\N{NO-BREAK SPACE}</p>',
        '<details open=""><summary>y</summary>x</details><progress value="1" max="2"></progress>',
        (
            '<a href="https://example.com/?a=1&amp;b=2">x</a><a href="mailto:x@example.com">y</a>'
            '<a href="#z">z</a>'
        ),
        '<img src="data:image/png;base64,aGk=" alt="x" width="3" height="4">',
        (
            '<svg viewBox="0 0 9 9" role="img"><title>t</title><defs><clipPath id="c">'
            '<rect width="9" height="9"></rect></clipPath><linearGradient id="g" gradientUnits="x">'
            '<stop offset="0" stop-color="#06c"></stop></linearGradient></defs>'
            '<g clip-path="url(#c)" fill="url(#g)" transform="scale(-1)"><use href="#c"></use>'
            '<path d="M0 0L9 9" stroke-width="2" style="stroke:var(--pcn-rule, #d9dce1);"></path>'
            '<text x="1" text-anchor="end" textLength="9"><tspan>words</tspan></text></g></svg>'
        ),
        "<math><mfrac><mn>1</mn><msqrt><mi>x</mi></msqrt></mfrac></math>",
    ],
)
def test_what_only_shows_is_kept(html: str):
    """Tables, links to click on, pictures within, drawings and mathematics, letter by letter."""
    assert allowed(html) == html


@pytest.mark.parametrize(
    "css",
    [
        "width: 10em; background: linear-gradient(90deg, #d65f5f 5.0%, transparent 5.0%);",
        "color: rgb(1 2 3 / 50%); transform: translateX(calc(1px + var(--a, 2px)));",
        "background: url(data:image/png;base64,aGk=); mask: url('#a');",
        "grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr)); --x: a b;",
        "color: red !important; content: 'url(x)';",
        "content: attr(data-head) ' ';",
    ],
)
def test_declarations_that_load_nothing_are_kept(css: str):
    """In a style and in a sheet, also within a rule that holds rules."""
    assert allowed_css(css).replace('"', "'") == css
    for sheet in (f"#T_1 td:hover > b{{{css}}}", f"@media print{{p::before{{{css}}}}}"):
        assert allowed_css(sheet, sheet=True).replace('"', "'") == sheet


@pytest.mark.parametrize(
    "css",
    [
        "background: url(//example.com/x)",
        "background: URL( 'https://example.com' )",
        "background: u\\72 l(x)",
        "background: image-set('x' 1x)",
        "background: -webkit-image-set(url(x) 1x)",
        "background: url(data:text/html,x)",
        "background: linear-gradient(red, blue), url(x)",
        "--x: {y: [(url(x))]}",
        "width: calc(1px + attr(x type(<url>)))",
        "behavior: expression(alert(1))",
        "background: url(x y)",
    ],
)
def test_declarations_that_load_are_left_out(css: str):
    """However they spell it; their neighbours stay."""
    assert allowed_css(f"color: red; {css}; top: 0") == "color: red; top: 0;"
    assert allowed_css(f"p{{{css}}}", sheet=True) == "p{}"


@pytest.mark.parametrize(
    "sheet",
    ["@import 'x';", "@import url(x) screen;", "@font-face{src: url(x)}", "@namespace 'x';", "-->"],
)
def test_rules_for_anything_else_are_left_out(sheet: str):
    """And what follows them stays."""
    assert allowed_css(f"{sheet} p{{color: red;}}", sheet=True).endswith("p{color: red;}")
    assert "x" not in allowed_css(f"{sheet} p{{color: red;}}", sheet=True)


def test_a_style_sheet_does_not_end_early():
    """It is text of the page's own element, in which a string may hold the end of that."""
    assert "</" not in allowed_css("p{content: '</style><p>'} </style> q{top: 0}", sheet=True)
    assert "<\\/style>" in allowed_css("p{content: '</style>'}", sheet=True)


def test_nests_without_end_are_left_out():
    """Neither a style nor its depth ends the report."""
    assert allowed_css("a: " + "(" * 10_000) == ""
    assert allowed('<p style="a: ' + "(" * 10_000 + '">x</p>') == '<p style="">x</p>'
    assert "x" in allowed("<div>" * 10_000 + "x")
