"""The bundled notebooks in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Lab, watch_strangers

NOTEBOOKS = sorted(path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
# The indicator in the page says idle before there is a kernel; the application knows better.
IDLE = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.status === "idle";
}"""
DONE = """() => {
    const notebook = window.jupyterapp.shell.currentWidget;
    const cells = notebook.content.widgets.filter(cell => cell.model.type === "code");
    return cells.every(cell => cell.model.executionCount !== null && !cell.promptNode
        .textContent.includes("*"))
        && notebook.sessionContext.session.kernel.status === "idle";
}"""


@pytest.fixture(scope="module")
def lab_page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """Return one page with JupyterLab loaded; nothing in it may ask another machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 5000})
    page = context.new_page()
    strangers = watch_strangers(page)
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.wait_for_function("window.jupyterapp?.commands.hasCommand('docmanager:open')")
    page.evaluate("window.jupyterapp.restored.then(() => null)")
    yield page
    context.close()
    assert strangers == []


@pytest.fixture
def run_notebook(lab_page: Page) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens a notebook, runs all of its cells and waits for the last."""

    def run(name: str) -> Page:
        lab_page.evaluate(
            "path => window.jupyterapp.commands.execute('docmanager:open', {path})"
            ".then(() => null)",
            f"{name}.ipynb",
        )
        lab_page.wait_for_function(IDLE, timeout=60_000)
        lab_page.evaluate(
            "window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)"
        )
        lab_page.wait_for_function(DONE, timeout=120_000)
        return lab_page

    yield run
    lab_page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.sessionContext.shutdown();
            await panel.context.save();
            panel.dispose();
        }"""
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_and_shows_no_error(run_notebook: Callable[[str], Page], screenshots: Path, name: str):
    """Run All shows every output, each picture once, no error and no widget left undrawn."""
    page = run_notebook(name)
    page.wait_for_timeout(1500)  # pictures and widgets settle
    page.screenshot(path=screenshots / f"lab-{name}.png")
    notebook = page.locator(".jp-NotebookPanel:visible")
    cells = notebook.locator(".jp-CodeCell").all()
    pictures = [cell.locator(".jp-OutputArea-output img").count() for cell in cells]
    assert max(pictures) <= 1
    assert len(cells) > 2
    for wrong in (
        '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]',
        ".jp-mod-broken",
        ".pcn-error",
    ):
        assert notebook.locator(wrong).all_inner_texts() == []
    assert "Error displaying widget" not in notebook.inner_text()


def test_explores_by_keyboard_in_both_themes(
    run_notebook: Callable[[str], Page], screenshots: Path
):
    """A currency chosen by keyboard redraws charts and table; axe finds nothing in either theme."""
    page = run_notebook("01_start_here")
    box = page.locator(".pcn-explore")
    charts = box.get_by_role("img")
    expect(charts).to_have_count(4)  # three currencies and the recency
    for theme in ("Light", "Dark"):
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
            ".then(() => null)",
            f"JupyterLab {theme}",
        )
        page.wait_for_timeout(1000)
        box.screenshot(path=screenshots / f"explore-{theme.lower()}.png")
        results = Axe().run(page, context=".pcn-explore")
        assert results.violations_count == 0, results.generate_report()
    box.get_by_label("Currency", exact=True).focus()
    page.keyboard.press("g")  # GBP
    expect(charts).to_have_count(2)
    assert "GBP 751,094.39 owed, 73 % OneTime" in box.inner_text().replace("\xa0", " ")
    assert "CHF" not in box.locator(".pcn").inner_text()
    box.get_by_label("Invoice type", exact=True).select_option("Recurring")
    expect(box.locator("tbody tr")).to_have_count(1)
    assert "548,138.52" not in box.inner_text()
    box.screenshot(path=screenshots / "explore-gbp-recurring.png")
