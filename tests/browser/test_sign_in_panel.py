"""The sign-in panel in a real JupyterLab, approved on the login service's own page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from pcnotebooks.service.fetch_many import invoice_summaries
from pcnotebooks.session.device_code import begin_sign_in
from pcnotebooks.session.session import username
from pcnotebooks.session.settings import resolve
from tests.browser.conftest import Lab, LabPage, open_lab
from tests.services.identity_provider import (
    CLIENT_ID,
    TENANT,
    USERNAME,
    IdentityProvider,
    signing_key,
)

SIGN_IN = """\
import os
os.environ["REQUESTS_CA_BUNDLE"] = {bundle!r}
from pcnotebooks import Cloud
from pcnotebooks.widgets.sign_in import sign_in_async
cloud = Cloud("stand-in", "Stand-in <Cloud>", {authority!r}, {api!r})
session = await sign_in_async(cloud, client_id={client_id!r}, tenant={tenant!r})
"""
USE = "session.credential.get_token(cloud.scope); 'used after ' + session.partner"


@pytest.fixture(scope="module")
def opened(browser: Browser, lab: Lab) -> Iterator[LabPage]:
    """Return a page with JupyterLab, 800 pixels wide."""
    with open_lab(browser, lab, width=800, height=900) as page:
        yield page


@pytest.fixture
def lab_page(opened: LabPage) -> Page:
    """Return the page itself."""
    return opened.page


@pytest.fixture
def run(
    opened: LabPage, identity_provider: IdentityProvider, authority_file: Path
) -> Iterator[Callable[[], Path]]:
    """Return a function that runs all cells of a new notebook that signs in and goes on."""

    def run() -> Path:
        source = SIGN_IN.format(
            bundle=str(authority_file),
            authority=identity_provider.url,
            api="https://127.0.0.1:9",
            client_id=CLIENT_ID,
            tenant=TENANT,
        )
        path = opened.write(source, USE)
        opened.open(path.name)
        opened.run_all(wait=False)  # the first cell waits for a user
        expect(_panel(opened.page)).to_be_visible(timeout=60_000)
        return path

    yield run
    opened.close()


def _panel(page: Page) -> Locator:
    return page.locator(".jp-NotebookPanel:visible .pcn-sign-in")


def _outputs(page: Page) -> Locator:
    return page.locator(".jp-NotebookPanel:visible .jp-OutputArea-output")


@contextmanager
def _verification(browser: Browser, identity_provider: IdentityProvider) -> Iterator[Page]:
    """Open the login service's page as the user's own browser does."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{identity_provider.url}/devicelogin")
    yield page
    context.close()


def _saved(opened: LabPage, path: Path) -> tuple[Any, str]:
    """Return the saved notebook, as it is and as text."""
    opened.save()
    text = path.read_text(encoding="utf-8")
    return json.loads(text), text


def _in_each_theme(opened: LabPage, look: Callable[[str], object]) -> None:
    for theme in ("Dark", "Light"):
        opened.theme(theme)
        look(theme.lower())


def test_signs_in_with_the_copied_code(
    run: Callable[[], Path],
    opened: LabPage,
    lab_page: Page,
    browser: Browser,
    identity_provider: IdentityProvider,
    screenshots: Path,
):
    """Copy fills the clipboard; once it is approved the next cell runs, and no code is saved."""
    path = run()
    panel = _panel(lab_page)

    def look(theme: str) -> None:
        lab_page.screenshot(path=screenshots / f"sign-in-waiting-{theme}.png")
        results = Axe().run(lab_page, context=".jp-NotebookPanel .pcn-sign-in")
        assert results.violations_count == 0, results.generate_report()

    _in_each_theme(opened, look)
    code = panel.get_by_label("Code").input_value()
    waiting = _saved(opened, path)[1]  # as Lab does by itself every two minutes
    assert "If you see no panel" in waiting
    assert code not in waiting
    assert "devicelogin" not in waiting
    link = panel.get_by_role("link")
    assert link.get_attribute("href") == f"{identity_provider.url}/devicelogin"
    assert link.get_attribute("target") == "_blank"
    assert "noopener" in (link.get_attribute("rel") or "")
    for words in (CLIENT_ID, "Stand-in <Cloud>", TENANT, "only if it was you"):
        assert words in panel.inner_text()
    expect(panel.get_by_role("timer")).to_have_text(re.compile(r"14:\d\d left"))
    expect(_outputs(lab_page)).to_have_count(1)

    panel.get_by_role("button", name="Copy").click()
    expect(panel.get_by_text("Copied")).to_be_visible()
    with _verification(browser, identity_provider) as page:
        page.get_by_label("Code").focus()
        page.keyboard.press("Control+V")
        assert page.get_by_label("Code").input_value() == code
        page.get_by_role("button", name="approve").click()
        expect(page.get_by_role("heading", name="You may close")).to_be_visible()

    expect(_outputs(lab_page)).to_have_count(2)
    expect(_outputs(lab_page).first).to_have_text(
        f"Signed in as {USERNAME} at Stand-in <Cloud>, tenant {TENANT}."
    )
    expect(_outputs(lab_page).last).to_have_text(f"'used after {TENANT}'")
    expect(panel).to_have_count(0)
    _in_each_theme(
        opened,
        lambda theme: lab_page.screenshot(path=screenshots / f"sign-in-done-{theme}.png"),
    )
    saved, text = _saved(opened, path)
    assert USERNAME in text
    assert code not in text
    assert "devicelogin" not in text
    assert not identity_provider.shown_in(text)
    assert "widgets" not in saved["metadata"]
    assert identity_provider.count("devicecode") == 1


def test_cancels_by_keyboard(
    run: Callable[[], Path],
    opened: LabPage,
    lab_page: Page,
    identity_provider: IdentityProvider,
    screenshots: Path,
):
    """Tab leads from the link to Cancel; Enter there ends the cell, the polling and Run All."""
    path = run()
    panel = _panel(lab_page)
    code = panel.get_by_label("Code").input_value()
    panel.get_by_role("link").focus()
    for name in ("Code", "Copy", "Cancel"):
        lab_page.keyboard.press("Tab")
        focused = lab_page.evaluate(
            "document.activeElement.ariaLabel || document.activeElement.textContent"
        )
        assert focused == name
    lab_page.screenshot(path=screenshots / "sign-in-focus.png")
    lab_page.keyboard.press("Enter")
    expect(_outputs(lab_page)).to_have_count(2)
    assert _outputs(lab_page).first.inner_text().startswith("Signing in to Stand-in <Cloud> failed")
    assert "SignInError" in _outputs(lab_page).last.inner_text()
    _in_each_theme(
        opened,
        lambda theme: (
            lab_page.screenshot(path=screenshots / f"sign-in-cancelled-{theme}.png") and None
        ),
    )
    polls = identity_provider.count("poll")
    lab_page.wait_for_timeout(1500)
    assert identity_provider.count("poll") == polls
    _, text = _saved(opened, path)
    assert code not in text
    assert "used after" not in text.replace(json.dumps(USE), "")


def test_a_refusal_takes_the_panels_place(
    run: Callable[[], Path],
    opened: LabPage,
    lab_page: Page,
    browser: Browser,
    identity_provider: IdentityProvider,
    screenshots: Path,
):
    """A declined sign-in says what happened, what to do and the ids."""
    path = run()
    code = _panel(lab_page).get_by_label("Code").input_value()
    with _verification(browser, identity_provider) as page:
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="decline").click()
        expect(page.get_by_role("heading", name="You may close")).to_be_visible()
    alert = lab_page.locator(".jp-NotebookPanel:visible").get_by_role("alert")
    expect(alert).to_be_visible()
    for words in ("declined", "sign in again and accept", "Code authorization_declined"):
        assert words in alert.inner_text()

    def look(theme: str) -> None:
        lab_page.screenshot(path=screenshots / f"sign-in-refused-{theme}.png")
        results = Axe().run(lab_page, context=".jp-NotebookPanel .pcn-line")
        assert results.violations_count == 0, results.generate_report()

    _in_each_theme(opened, look)
    assert code not in _saved(opened, path)[1]


def test_a_code_typed_in_a_browser_signs_in(browser, identity_provider, partner_center, tls):
    """Outside a notebook: the code is typed into the page that the prompt names."""
    service = partner_center(tls=tls, key=signing_key())
    settings = resolve(
        identity_provider.cloud(service.cloud.api), client_id=CLIENT_ID, tenant=TENANT
    )
    started = begin_sign_in(settings)
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(started.code.url)
    page.locator("input[name=user_code]").fill(started.code.code)
    page.locator("button[name=approve]").click()
    session = started.wait()
    context.close()
    assert username(session) == USERNAME
    assert len(invoice_summaries(session)) == 4
