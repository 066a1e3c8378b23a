"""The bundled notebooks in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Lab, LabPage, open_lab

NOTEBOOKS = sorted(path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def opened(browser: Browser, lab: Lab) -> Iterator[LabPage]:
    """Return a page with JupyterLab."""
    with open_lab(browser, lab, width=1280, height=5000) as page:
        yield page


@pytest.fixture
def run_notebook(opened: LabPage) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens a notebook, runs all of its cells and waits for the last."""

    def run(name: str) -> Page:
        opened.open(f"{name}.ipynb")
        opened.run_all()
        return opened.page

    yield run
    opened.close()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_and_shows_no_error(run_notebook: Callable[[str], Page], screenshots: Path, name: str):
    """Run All shows every output, each picture once, no error and no widget left undrawn."""
    page = run_notebook(name)
    page.wait_for_timeout(1500)  # pictures and widgets settle
    page.screenshot(path=screenshots / f"lab-{name}.png")
    notebook = page.locator(".jp-NotebookPanel:visible")
    cells = notebook.locator(".jp-CodeCell").all()
    pictures = [
        picture.get_attribute("src")
        for cell in cells
        for picture in cell.locator(".jp-OutputArea-output img").all()
    ]
    assert len(set(pictures)) == len(pictures)
    assert len(cells) > 2
    for wrong in (
        '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]',
        ".jp-mod-broken",
        ".pcn-error",
    ):
        assert notebook.locator(wrong).all_inner_texts() == []
    assert "Error displaying widget" not in notebook.inner_text()


def test_explores_by_keyboard_in_both_themes(
    run_notebook: Callable[[str], Page], opened: LabPage, screenshots: Path
):
    """A currency chosen by keyboard redraws charts and table; axe finds nothing in either theme."""
    page = run_notebook("02_balances")
    box = page.locator(".pcn-explore")
    charts = box.get_by_role("img")
    box.get_by_role("button", name="GBP").focus()
    page.keyboard.press("Enter")
    expect(charts).to_have_count(2)
    for theme in ("Dark", "Light"):
        opened.theme(theme)
        box.screenshot(path=screenshots / f"explore-{theme.lower()}.png")
        results = Axe().run(page, context=".pcn-explore")
        assert results.violations_count == 0, results.generate_report()
    box.get_by_role("radio", name="GBP").focus()
    page.keyboard.press("Space")
    expect(charts).to_have_count(2)
    expect(box).to_contain_text("GBP 751,094.39 owed, 73 % OneTime")
    expect(box.locator("tbody tr")).to_have_count(2)
    assert "CHF" not in box.locator("table").inner_text()
    box.get_by_role("radio", name="Recurring").check()
    expect(box.locator("tbody tr")).to_have_count(1)
    assert "548,138.52" not in box.inner_text()
    box.screenshot(path=screenshots / "explore-gbp-recurring.png")
