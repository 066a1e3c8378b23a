"""Outputs that want to run, load or leave, opened in a browser without the page's policy.

The policy is the second line of defence; here it is taken out. The kinds are those of public lists
of mutation attacks: text that one parser takes for text and the next one for a tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import nbformat
import pytest
from playwright.sync_api import Page

from pcnotebooks.report.notebook import _html

new = nbformat.v4
RUN = "fetch('URL/x')"
LEAVE = '<meta http-equiv="refresh" content="0;url=URL/x">'
IMAGE = f'<img src="URL/x" onerror="{RUN}">'

SCRIPT = f"<script>{RUN}</script>"

# Each {} is a refresh, an image that loads, and a script.
HIDDEN = [
    "{}",
    "<p>a</p><![CDATA[ x>{} ]]>",
    "<p>a</p><svg><style>{}</style></svg>",
    "<svg><style><![CDATA[</style>{}]]></style></svg>",
    "<svg></p><style><a id='</style>{}'>",
    "<math><mtext><table><mglyph><style><!--</style>{}--></style>",
    "<math><mtext><table><mglyph><style><math>{}</math></style>",
    "<form><math><mtext></form><form><mglyph><style></math>{}</style>",
    "<math><annotation-xml encoding='text/html'><style>{}</style></annotation-xml></math>",
    "<math><mi><style><!--</style>{}--></mi></math>",
    "<svg><foreignObject><p>{}</p></foreignObject></svg>",
    "<svg><desc><style><a title='</style>{}'></desc></svg>",
    "<svg><title><noscript>{}</noscript></title></svg>",
    "<svg><title><style><a alt='</style>{}'></style></title></svg>",
    "<noscript><p title='</noscript>{}'></noscript>",
    "<noembed><a title='</noembed>{}'></noembed>",
    "<noframes><a title='</noframes>{}'></noframes>",
    "<xmp><p title='</xmp>{}'></xmp>",
    "<textarea><a title='</textarea>{}'></textarea>",
    "<title><a title='</title>{}'></title>",
    "<iframe><a title='</iframe>{}'></iframe>",
    "<plaintext>{}",
    "<template>{}</template><select><template>{}</template></select>",
    "<select><option><style></option></select>{}</style>",
    "<select><iframe></select>{}</iframe>",
    "<!-- x --!>{}<!-- -->",
    "<!-->{}-->",
    "<!--><p title='-->{}'>",
    "<!a>{}<?a ?>{}</ a>{}",
    "<?xml version='1.0'?>{}",
    "<style>p{a}</style\n>{}<style></style>",
    "<style>p::after {content: '</style>{}'}</style>",
    "<style>p::after {content: '\\3c/style>{}'}</style>",
    "<style media='</style>{}'>p {a}</style>",
    "<script>'<!--<script>'</script>{}<!--</script>-->",
    "<table><td>{}<svg><td>{}</table>",
    "<table><tr><svg><g><style><table>{}</table></style>",
    "<a><table><a>{}</a></table></a><b><a><b>{}",
    "&lt;{}<p title=&quot;>{}&quot;>",
    "<p id='a' ID=\"&quot;>{}\" title=`>{}`>",
    "<h1>{}</h1><table><th>a_{}_b</th></table><table border=1><th>x_&lt;{}</th></table>",
    "<div hidden>{}</div><svg hidden><style>{}</style></svg>",
    "<body background=URL/x onload=\"fetch('URL/x')\">{}</body>",
    "<dialog open>{}</dialog><details open ontoggle=\"fetch('URL/x')\">{}</details>",
    "\x00<\x00s>{}<p\x00 title='>{}'>\ufeff{}",
]
PLAIN = [
    "<script>RUN</script><svg><script>RUN</script></svg><svg><script href='URL/x' /></svg>",
    "<script src='URL/x'></script><script type=module src='URL/x'></script>",
    "<link rel=stylesheet href='URL/x'><link rel=prefetch href='URL/x'>",
    "<link rel=dns-prefetch href='URL'><base href='URL/'><img src=load>",
    "<iframe src='URL/x'></iframe><iframe srcdoc='<script>RUN</script>'></iframe>",
    "<iframe src=\"javascript:top.location='URL/x'\"></iframe>",
    "<object data='URL/x'></object><embed src='URL/x'><applet code='URL/x'></applet>",
    "<video src='URL/x' poster='URL/x' autoplay></video><audio src='URL/x' autoplay>",
    "<picture><source srcset='URL/x'><img srcset='URL/x 2x'></picture><img lowsrc='URL/x'>",
    "<input type=image src='URL/x'><input autofocus onfocus=\"RUN\">",
    '<p autofocus tabindex=0 onfocus="RUN">x</p><a href=\'#\' autofocus onfocus="RUN">x</a>',
    "<form id=f action='URL/x'><input></form><button form=f formaction='URL/x'>x</button>",
    '<svg onload="RUN"><g onload="RUN"></svg><math href=\'URL/x\'>x</math>',
    "<svg><image href='URL/x'/><image xlink:href='URL/x'/><use href='URL/x#x'/></svg>",
    "<svg><feImage href='URL/x'/><animate attributeName=href to='URL/x'/></svg>",
    "<svg><a><animate attributeName=href values='javascript:RUN'/><text y=9>x</text></a></svg>",
    '<svg><set attributeName=onload to="RUN"/><animate onbegin="RUN" dur=1s /></svg>',
    "<svg><use href=\"data:image/svg+xml,<svg id='x' onload='RUN'/>#x\"/></svg>",
    "<svg><rect width=9 height=9 fill=\"url('URL/x#a')\" filter='url(URL/x#b)'/></svg>",
    '<svg><rect width=9 height=9 style="mask: url(URL/x#a); cursor: url(URL/x), auto"/></svg>',
    "<style>@import 'URL/x'; @import url(URL/x);</style><style>@\\69mport 'URL/x';</style>",
    "<style>@font-face {font-family: f; src: url(URL/x)} * {font-family: f}</style>",
    "<style>p {background: url(URL/x)} p {background: u\\72l('URL/x')}</style><p>x</p>",
    "<style>p {background: image-set('URL/x' 1x)} p {list-style: url(URL/x)}</style><p>x</p>",
    "<style>p {--a: url(URL/x); background: var(--a)}</style><p>x</p>",
    "<style>p {--a: 'URL/x'; background: image-set(var(--a) 1x)}</style><p>x</p>",
    "<style>@media all {p {background: url(URL/x)}} p {&:is(p) {background: url(URL/x)}}</style>",
    "<style>p {/* */background:/**/url(URL/x) /* } */; color: red}</style><p>x</p>",
    "<style>@namespace x 'URL/x'; @layer a {@import 'URL/x'; p {mask: url(URL/x)}}</style>",
    "<style>p {background: cross-fade(url(URL/x), red); content: src('URL/x')}</style><p>x</p>",
    "<p style=\"background: url('URL/x')\">x</p><p style='background: u&#114;l(URL/x)'>x</p>",
    "<p style='background: url(data:text/html,x), url(  URL/x  )'>x</p>",
    "<p style='x: ([{(; background: url(URL/x)'>x</p><p style='a:};background:url(URL/x)'>x</p>",
    "<table background='URL/x'><td background='URL/x'>x</td></table>",
    "<a href='javascript:RUN'>x</a><a href=' java\nscript:RUN'>x</a>",
    "<a href='#' ping='URL/x' onclick='RUN'>x</a><area href='javascript:RUN'>",
    "<img src='data:text/html,<script>RUN</script>'><a href='data:text/html,x'>x</a>",
    "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='RUN'/>\">",
    '<marquee onstart="RUN">x</marquee><keygen autofocus onfocus="RUN"><isindex action=\'URL/x\'>',
]
PAYLOADS = PLAIN + [
    hidden.replace("{}", each) for hidden in HIDDEN for each in (LEAVE, IMAGE, SCRIPT)
]
# What the browser made of the page; a handler or an address need not act at once.
LIVE = """[...document.querySelectorAll('main, main *, head *')].flatMap(each => [
  ...(/^(script|meta|base|link|iframe|frame|object|embed|form|input|button|video|audio|template|animate|set|foreignobject|noscript)$/i
    .test(each.localName) && !each.closest('head') ? [each.localName] : []),
  ...[...each.attributes].filter(({name, value}) => /^on|srcset|ping|action/.test(name)
    || (/href|src/.test(name) && !/^(#|data:image\\/|https?:)/.test(value))
    || (name == 'src' && !/^data:image\\//.test(value))).map(({name}) => name)])"""


@pytest.fixture(scope="module")
def counted() -> Iterator[tuple[str, list[str]]]:
    """Return a server's address, and the list that fills with what it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def cells_of(payload: str) -> list[nbformat.NotebookNode]:
    """Return a payload in the places where HTML comes in."""
    data = {"text/html": payload}
    return [
        new.new_code_cell("", outputs=[new.new_output("display_data", data=data)]),
        new.new_code_cell("", outputs=[new.new_output("display_data", {"text/markdown": payload})]),
        new.new_markdown_cell(payload),
    ]


def page_of(*cells: nbformat.NotebookNode) -> str:
    """Return the page of saved cells, less its policy."""
    html = _html(new.new_notebook(cells=[*cells]), Path("given.ipynb"))
    bare, found = re.subn(r"<meta [^>]*Content-Security-Policy[^>]*>", "", html)
    assert found == 1
    return bare


def test_the_server_hears_what_gets_through(open_page: Callable[..., Page], counted, tmp_path):
    """The check itself: each of the three payloads is heard if nothing is taken out."""
    url, asked = counted
    for payload in (LEAVE, IMAGE, SCRIPT):
        path = tmp_path / "raw.html"
        path.write_text(payload.replace("URL", url))
        asked.clear()
        open_page(path.as_uri()).wait_for_timeout(300)
        assert asked


def test_nothing_leaves_a_page_without_its_policy(
    open_page: Callable[..., Page], counted, tmp_path: Path
):
    """No request, no navigation, no script, and no tag or attribute that waits for a click."""
    url, asked = counted
    asked.clear()
    page = open_page("about:blank")
    path = tmp_path / "given.html"
    for payload in PAYLOADS:
        text = payload.replace("RUN", RUN).replace("URL", url)
        path.write_text(page_of(*cells_of(text)), encoding="utf-8")
        page.goto(path.as_uri())
        live = page.evaluate(LIVE)
        assert (live, asked, page.url) == ([], [], path.as_uri()), payload
    page.wait_for_timeout(300)
    assert (asked, page.url) == ([], path.as_uri())
