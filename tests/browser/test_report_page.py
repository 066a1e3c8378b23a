"""The report as its reader meets it: a file, opened in a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from pcnotebooks import render_report, sample_history, sample_payload
from tests.builders import detail, item, payload

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the sample's report."""
    path = tmp_path_factory.mktemp("report") / "sample.html"
    render_report(sample_payload(), path, as_of="2018-03-16")
    return path.as_uri()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the sample history's report: two partners, six currencies."""
    path = tmp_path_factory.mktemp("report") / "history.html"
    render_report(sample_history(), path)
    return path.as_uri()


def test_opens_with_no_request_but_itself(open_page: OpenPage, sample: str):
    """Opening, switching and printing ask for nothing, and the policy has nothing to refuse."""
    page = open_page("about:blank")
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(sample)
    page.get_by_role("radio", name="GBP", exact=True).check()
    page.pdf()
    assert asked == [sample]
    assert said == []


@pytest.mark.parametrize(
    ("width", "scheme", "media"),
    [
        (1600, "light", "screen"),
        (900, "dark", "screen"),
        (360, "light", "screen"),
        (360, "dark", "screen"),
        (900, "light", "print"),
    ],
)
def test_passes_the_accessibility_audit(
    open_page: OpenPage, history: str, screenshots: Path, width: int, scheme: str, media: str
):
    """No rule of axe is broken at any width, on light and dark ground, on screen and in print."""
    page = open_page(history, width=width)
    page.emulate_media(media=media, color_scheme=scheme)
    results = Axe().run(page)
    page.screenshot(path=screenshots / f"report-{width}-{scheme}-{media}.png", full_page=True)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_switches_currency_by_keyboard_without_script(open_page: OpenPage, sample: str):
    """Arrow keys choose the currency with scripts switched off; All comes back."""
    page = open_page(sample, java_script_enabled=False)
    sections = page.locator("section.currency")
    expect(sections).to_have_count(3)
    page.get_by_role("radio", name="All", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert [section.is_visible() for section in sections.all()] == [True, False, False]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert [section.is_visible() for section in sections.all()] == [False, False, True]
    assert page.get_by_text("751,094.39").first.is_visible()
    page.keyboard.press("ArrowRight")
    assert all(section.is_visible() for section in sections.all())


def test_switches_partner_and_currency_together(open_page: OpenPage, history: str):
    """Choosing a partner and a currency leaves the one statement that is both."""
    page = open_page(history)
    page.get_by_role("radio", name="USD", exact=True).check()
    page.get_by_role("radio", name="Fabrikam (sample)", exact=True).check()
    shown = [each for each in page.locator(".statement").all() if each.is_visible()]
    assert [each.locator("h3").inner_text() for each in shown] == [
        "Fabrikam (sample) · Sample data"
    ]


def test_hides_a_currency_that_the_chosen_partner_does_not_have(open_page: OpenPage, history: str):
    """A heading without any statement below it is not left standing."""
    page = open_page(history)
    page.get_by_role("radio", name="Fabrikam (sample)", exact=True).check()
    shown = [each for each in page.locator("section.currency").all() if each.is_visible()]
    assert [each.locator("h2").inner_text() for each in shown] == ["JPY", "KWD", "USD"]


def test_prints_every_currency(open_page: OpenPage, sample: str):
    """What is printed does not depend on what was chosen on the screen."""
    page = open_page(sample)
    page.get_by_role("radio", name="CHF", exact=True).check()
    page.emulate_media(media="print")
    assert all(section.is_visible() for section in page.locator("section.currency").all())
    assert not page.locator("form.switches").is_visible()


def test_runs_nothing_that_the_service_sent(open_page: OpenPage, tmp_path: Path):
    """Markup in invoice types, symbols, partners and ids is text to the reader."""
    attack = '<script>window.hit=1</script><img src=x onerror="window.hit=1">"><svg/onload=hit=1>'
    hostile = item("GBP", None, detail(attack, 5, currencySymbol=attack), currencySymbol=attack)
    one = replace(payload(hostile, partner=attack), request_id=attack, correlation_id=attack)
    other = payload(hostile, partner="$x$ {{ 7 * 7 }} \u202ertl" + "y" * 10_000)
    path = render_report([one, other], tmp_path / "report.html", title=attack)
    page = open_page(Path(path).as_uri(), width=900)
    assert page.evaluate("window.hit") is None
    assert page.locator("script, img").count() == 0
    assert page.title().startswith("<script>")
    assert page.get_by_text("{{ 7 * 7 }}").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


def test_every_chart_is_named_and_described(open_page: OpenPage, sample: str):
    """A screen reader gets the finding as name and the figures as description."""
    page = open_page(sample)
    charts = page.get_by_role("img").all()
    assert len(charts) == 6
    snapshot = charts[-2].aria_snapshot()
    assert "GBP 751,094.39 owed, 73 % OneTime" in snapshot.replace("\N{NO-BREAK SPACE}", " ")
    described = page.locator("svg desc").all_text_contents()
    assert any(
        "OneTime GBP 548,138.52" in each.replace("\N{NO-BREAK SPACE}", " ") for each in described
    )
