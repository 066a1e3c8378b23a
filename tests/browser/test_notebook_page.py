"""A rendered notebook as its reader meets it: a file, opened in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from pcnotebooks import render_notebook
from pcnotebooks.report.notebook import bundled_notebooks

OpenPage = Callable[..., Page]
BUNDLED = [path.stem for path in bundled_notebooks()]

PROSE = """\
### Costs between $5 and $10 or $x$

<script>document.title = "run"</script>
<img src="https://example.com/a.png" onerror="document.title = 'run'">
<meta http-equiv="refresh" content="0;url=https://example.com">

Some **bold** words, [a file](02_balances.ipynb), [the web](https://example.com), `code`.

- [x] done
- [ ] open

| currency | balance |
|---|---|
| GBP | 1,230.33 |

```python
print("$5")
```
"""
OURS = """\
from pcnotebooks import *
frame = summary_frame(*sample_history())
display(frame.head(), plot_panels(select(frame, currency=["USD", "GBP"])))
display(explore(frame), explore(frame), cloud_picker())
plot_payment_recency(frame);
"""
THEIRS = """\
import ipywidgets, matplotlib.pyplot as plt, pandas as pd, warnings
from IPython.display import HTML
table = pd.DataFrame({"amount": [1.5, None], "text": ["<b>x</b>", "$5 and $10"]})
display(table, table.style.highlight_null(color="yellow"), table.groupby("text").agg(["sum"]))
display(HTML("<script src='https://example.com/a.js'></script><p>beside it</p>"))
display(HTML("<style>@import url(https://example.com/a.css)</style>"))
display(HTML("<iframe src='//example.com'></iframe>"))
warnings.warn("mind this")
print("x" * 300)
plt.plot([1, 2]); plt.title("Two points"); plt.show()
ipywidgets.VBox([ipywidgets.IntSlider(5, description="Days"), ipywidgets.HTML("<i>html</i>")])
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a page of all that notebooks hold, kind and hostile."""
    folder = tmp_path_factory.mktemp("notebook")
    cells = [
        nbformat.v4.new_markdown_cell(PROSE),
        nbformat.v4.new_code_cell(OURS),
        nbformat.v4.new_markdown_cell("##### Another heading"),
        nbformat.v4.new_code_cell(THEIRS),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "all.ipynb")
    return render_notebook(folder / "all.ipynb", folder / "all.html", code=True).as_uri()


def test_opens_with_no_request_but_itself(open_page: OpenPage, rendered: str):
    """Opening and printing ask for nothing, and the policy has nothing to refuse."""
    page = open_page("about:blank")
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(rendered)
    page.pdf()
    page.wait_for_timeout(200)
    assert asked == [rendered]
    assert said == []
    assert page.url == rendered
    assert page.title() == "Costs between $5 and $10 or $x$ · Sample data"


@pytest.mark.parametrize(
    ("width", "scheme", "media"),
    [
        (1600, "light", "screen"),
        (900, "dark", "screen"),
        (360, "light", "screen"),
        (360, "dark", "screen"),
        (900, "dark", "print"),
    ],
)
def test_passes_the_accessibility_audit(
    open_page: OpenPage, rendered: str, screenshots: Path, width: int, scheme: str, media: str
):
    """No rule of axe is broken at any width, on light and dark ground, on screen and in print."""
    page = open_page(rendered, width=width)
    page.emulate_media(media=media, color_scheme=scheme)
    results = Axe().run(page)
    page.screenshot(path=screenshots / f"notebook-{width}-{scheme}-{media}.png", full_page=True)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_charts_follow_the_page_into_the_dark(open_page: OpenPage, rendered: str):
    """Text of explore's charts is as light as the page's; a figure is a picture with its words."""
    page = open_page(rendered, color_scheme="dark")
    fill = page.locator(".pcn svg text").first.evaluate("each => getComputedStyle(each).fill")
    assert fill in {"rgb(232, 232, 232)", "rgb(167, 173, 181)"}
    picture = page.locator(".chart img").first
    assert picture.get_attribute("src").startswith("data:image/png;base64,")
    assert "owed" in picture.get_attribute("alt")


def test_cards_name_their_figures_and_charts_print_large(open_page: OpenPage, rendered: str):
    """Without the heads of columns a figure has its name; half a sheet has the narrow drawing."""
    page = open_page(rendered, width=360)
    named = page.locator(".cards td[data-head]").evaluate_all(
        "all => all.map(each => [each.dataset.head, getComputedStyle(each, '::before').content])"
    )
    assert named
    assert all(head in content for head, content in named), named
    page.emulate_media(media="print")
    drawn = page.locator(".pcn-charts svg").evaluate_all(
        "all => all.filter(each => each.getBoundingClientRect().width)"
        ".map(each => each.viewBox.baseVal.width)"
    )
    assert set(drawn) == {262}


def test_nothing_is_cut_in_print(open_page: OpenPage, rendered: str):
    """On A4 nothing is wider than the paper."""
    page = open_page(rendered, width=680)  # A4 less its margins
    page.emulate_media(media="print")
    wide = page.evaluate(
        "[...document.querySelectorAll('main :not(svg *)')].filter(each =>"
        " each.getBoundingClientRect().right > 681).map(each => each.outerHTML.slice(0, 80))"
    )
    assert wide == []


@pytest.mark.soak
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_notebooks_are_fit_to_send(
    open_page: OpenPage, screenshots: Path, tmp_path: Path, monkeypatch, name: str
):
    """Each, at three widths: no request, no broken rule, no side scroll."""
    monkeypatch.chdir(tmp_path)
    address = render_notebook(name, tmp_path / f"{name}.html").as_uri()
    for width, scheme in ((1600, "light"), (900, "light"), (360, "dark")):
        page = open_page("about:blank", width=width, color_scheme=scheme)
        asked = []
        page.on("request", lambda request: asked.append(request.url))  # noqa: B023 (used at once)
        page.goto(address)
        page.screenshot(path=screenshots / f"{name}-{width}-{scheme}.png", full_page=True)
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert asked == [address]
