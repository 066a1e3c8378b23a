"""The dashboard in a real JupyterLab and a real Notebook 7."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import IDLE, Lab, LabPage, open_lab, watch_strangers
from tests.services.identity_provider import CLIENT_ID, TENANT, USERNAME, signing_key
from tests.services.partner_center import INVOICES, Answer

SAMPLE = "import pcnotebooks as pc\n\npc.dashboard()"
LIVE = """\
import os
os.environ["REQUESTS_CA_BUNDLE"] = {bundle!r}
import pcnotebooks as pc
own = pc.Cloud("stand-in", "Stand-in", {authority!r}, {api!r})
pc.dashboard(cloud=own, client_id={client_id!r}, tenant={tenant!r})
"""
WIDE, MIDDLE, NARROW = 1400, 1100, 800
# What is wider than its place, or is scrolled sideways; words for screen readers take no place.
CUT = """box => [box, ...box.querySelectorAll("*")].filter(
    each => each.scrollWidth - each.clientWidth > 1 && each.clientWidth > 1
        && getComputedStyle(each).overflowX !== "visible" && !each.matches("pre, input, select")
).map(each => each.className)"""


@pytest.fixture(scope="module")
def opened(browser: Browser, lab: Lab) -> Iterator[LabPage]:
    """Return a page with JupyterLab."""
    with open_lab(browser, lab, width=WIDE, height=2400) as page:
        yield page


@pytest.fixture
def show(opened: LabPage) -> Iterator[Callable[[str], Locator]]:
    """Return a function that runs a new notebook's one cell and returns the dashboard."""

    def run(source: str) -> Locator:
        opened.open(opened.write(source).name)
        opened.run_all()
        box = opened.page.locator(".jp-NotebookPanel:visible .pcn-dashboard")
        expect(box).to_be_visible()
        return box

    yield run
    opened.close()


def _text(box: Locator) -> str:
    return " ".join(box.inner_text().replace("\xa0", " ").split())


def _says(box: Locator, *words: str) -> None:
    """Wait until the dashboard shows these words: its parts change one after another."""
    for each in words:
        expect(box).to_contain_text(each, use_inner_text=True)


def _drawn(box: Locator, charts: int) -> None:
    expect(box.get_by_role("img")).to_have_count(charts)


def _no_violations(page: Page, context: str) -> None:
    results = Axe().run(page, context=context)
    assert results.violations_count == 0, results.generate_report()


def test_cloud_and_currency_by_mouse_and_keyboard(
    show: Callable[[str], Locator], opened: LabPage, screenshots: Path
):
    """What is chosen is what is shown: sentence, figures, charts, table and line of code."""
    box = show(SAMPLE)
    _says(box, "Sample data, not an account", "751,094.39")
    _drawn(box, 0)
    box.screenshot(path=screenshots / "dashboard-all.png")
    box.get_by_role("button", name="CHF").focus()
    opened.page.keyboard.press("Enter")
    _drawn(box, 2)
    _says(box, "CHF 1,230.33 owed, all OneTime; never paid.")
    box.get_by_text("751,094.39").click()  # all of a row is its button
    _says(box, "GBP 751,094.39 owed, 73 % OneTime")
    _drawn(box, 2)
    box.get_by_role("radio", name="GBP").check()
    _drawn(box, 2)
    _says(
        box,
        "GBP 751,094.39 owed, 73 % OneTime; last paid 439 days ago.",
        "202,955.87 Recurring",
        "548,138.52 OneTime",
        "60 days left",
        "select(payment_recency(summary_frame(sample_payload())), currency='GBP')",
    )
    expect(box.locator("tbody tr")).to_have_count(3)
    expect(box.get_by_role("button", name="CHF")).to_have_count(0)
    box.screenshot(path=screenshots / "dashboard-gbp.png")

    box.get_by_role("radio", name="EUR").focus()
    opened.page.keyboard.press("Space")
    _says(box, "EUR 1,001.12 owed, all OneTime; never paid.")
    expect(box.get_by_role("radio", name="Recurring")).to_be_hidden()
    box.get_by_label("Cloud", exact=True).focus()
    opened.page.keyboard.press("p")  # Partner Center
    expect(box.get_by_role("button", name="Sign in and fetch")).to_be_visible()
    expect(box.get_by_role("img")).to_have_count(0)
    box.screenshot(path=screenshots / "dashboard-nothing-fetched.png")
    opened.page.keyboard.press("Home")  # Sample data
    _drawn(box, 2)
    _says(box, "EUR 1,001.12 owed")


def test_is_accessible_in_both_themes_and_in_a_narrow_window(
    show: Callable[[str], Locator], opened: LabPage, screenshots: Path
):
    """Nothing is found by axe, and nothing is cut off."""
    box = show("import pcnotebooks as pc\n\npc.dashboard(payloads=pc.sample_history())")
    box.get_by_role("button", name="USD").first.click()
    _drawn(box, 4)
    for width in (WIDE, MIDDLE, NARROW):
        opened.page.set_viewport_size({"width": width, "height": 2400})
        for theme in ("Dark", "Light"):
            opened.theme(theme)
            box.screenshot(path=screenshots / f"dashboard-{width}-{theme.lower()}.png")
            _no_violations(opened.page, ".jp-NotebookPanel .pcn-dashboard")
        assert box.evaluate(CUT) == []
    opened.page.set_viewport_size({"width": WIDE, "height": 2400})


def test_signs_in_fetches_fails_and_recovers(
    show: Callable[[str], Locator],
    opened: LabPage,
    browser: Browser,
    identity_provider,
    partner_center,
    tls,
    authority_file: Path,
    screenshots: Path,
):
    """From the code in the panel to the figures; a broken service leaves them, with their time."""
    broken = Answer(status=403, body=b'{"code": "403", "description": "Forbidden"}')
    # The documented page of the list links to a next one, which repeats it.
    lists = [*[Answer(INVOICES)] * 2, broken]
    service = partner_center(Answer(), broken, lists=lists, tls=tls, key=signing_key())
    box = show(
        LIVE.format(
            bundle=str(authority_file), authority=identity_provider.url, api=service.url,
            client_id=CLIENT_ID, tenant=TENANT,
        )
    )  # fmt: skip
    assert identity_provider.requests == []
    box.get_by_role("button", name="Sign in and fetch").click()
    code = box.get_by_label("Code").input_value()
    opened.save()  # as Lab does by itself every two minutes
    assert not any(code in path.read_text() for path in opened.lab.folder.glob("*.ipynb"))
    box.screenshot(path=screenshots / "dashboard-sign-in.png")
    _no_violations(opened.page, ".jp-NotebookPanel .pcn-dashboard")
    own = browser.new_context(ignore_https_errors=True)
    page = own.new_page()
    page.goto(f"{identity_provider.url}/devicelogin")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="approve").click()
    own.close()
    refresh = box.get_by_role("button", name="Refresh")
    expect(refresh).to_be_enabled()
    _says(box, f"Signed in as {USERNAME} at Stand-in", "751,094.39", "retrieved")
    box.get_by_role("button", name="GBP").click()
    _drawn(box, 3)
    assert "Sample data, not an account" not in _text(box)

    refresh.click()
    expect(box.get_by_role("alert")).to_be_visible()
    _says(box, "403", "Admin agent", f"Not refreshed: {TENANT}, retrieved", "GBP 751,094.39 owed")
    box.screenshot(path=screenshots / "dashboard-refused.png")
    _no_violations(opened.page, ".jp-NotebookPanel .pcn-dashboard")
    box.get_by_role("button", name="Try again").click()
    expect(box.get_by_role("alert")).to_have_count(0)
    expect(box.get_by_text("Not refreshed")).to_have_count(0)

    box.get_by_role("button", name="Export report").click()
    saved = box.get_by_text(re.compile("^Saved invoice-summaries-"))
    expect(saved).to_be_visible()
    link = saved.get_by_role("link")
    name = link.inner_text()
    assert f"/files/{name}" in link.get_attribute("href")
    assert "751,094.39" in (opened.lab.folder / name).read_text(encoding="utf-8")
    opened.save()
    notebooks = opened.lab.folder.glob("new-*.ipynb")
    texts = [path.read_text(encoding="utf-8") for path in notebooks]
    assert not any(identity_provider.shown_in(text) or code in text for text in texts)


def test_in_notebook_7(browser: Browser, lab: Lab, screenshots: Path):
    """The other front end shows and does the same."""
    context = browser.new_context(viewport={"width": 1280, "height": 1600})
    page = context.new_page()
    strangers = watch_strangers(page)
    path = LabPage.write_in(lab, SAMPLE)
    page.goto(f"{lab.url}/notebooks/{path.name}?token={lab.token}")
    page.wait_for_function(IDLE, timeout=60_000)
    page.get_by_role("button", name="Run this cell").click()
    box = page.locator(".pcn-dashboard")
    expect(box).to_be_visible(timeout=60_000)
    box.get_by_role("radio", name="GBP").check()
    _drawn(box, 2)
    _says(box, "GBP 751,094.39 owed, 73 % OneTime; last paid 439 days ago.", "currency='GBP'")
    page.screenshot(path=screenshots / "dashboard-notebook-7.png")
    _no_violations(page, ".pcn-dashboard")
    context.close()
    assert strangers == []
