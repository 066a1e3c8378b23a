"""What a stranger writes, in a real browser: nothing of it runs, loads or leads anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from pcnotebooks import Payload, render_notebook, render_report
from tests.browser.conftest import Lab, LabPage, open_lab
from tests.builders import AT
from tests.test_injection import HOSTILE, everything

OpenPage = Callable[..., Page]
# Whatever runs calls this; whatever loads is a request, which open_page and open_lab fail for.
TRAP = """
window.ran = [];
window.pwned = () => window.ran.push(`${event?.type} of ${event?.target?.outerHTML}`);
"""
CELL = """\
import pcnotebooks as pc
payloads = [pc.Payload.load({one!r}), pc.Payload.load({two!r})]
frame = pc.summary_frame(*payloads)
display(frame, pc.explore(frame), pc.dashboard(payloads=payloads))
pc.plot_balances(frame[frame["retrieved_at"] == frame["retrieved_at"].max()])
payloads
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the files of two answers of one partner, full of hostile names."""
    folder = tmp_path_factory.mktemp("hostile")
    return [
        Payload.save(everything(at=AT.replace(month=month)), folder / f"{month}.json")
        for month in (3, 4)
    ]


def assert_nothing_ran(page: Page, told: list[str]) -> None:
    """Assert that no trap was sprung, no dialog opened, and no policy had to step in."""
    for each in page.locator("a, button, input, label, select, summary, svg").all()[:200]:
        each.dispatch_event("mouseover")
        each.dispatch_event("focus")
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") == []
    assert told == []


def listening(page: Page) -> list[str]:
    """Return a list that fills with the dialogs and refusals of a page."""
    told: list[str] = []
    page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    page.on(
        "console",
        lambda said: told.append(said.text) if "Content Security Policy" in said.text else None,
    )
    page.add_init_script(TRAP)
    return told


def test_the_trap_would_spring(open_page: OpenPage, tmp_path: Path):
    """The same texts, written into a page as they are, do run."""
    (tmp_path / "careless.html").write_text("".join(HOSTILE.values()), encoding="utf-8")
    page = open_page("about:blank")
    listening(page)
    page.goto((tmp_path / "careless.html").as_uri())
    page.wait_for_function("window.ran.length > 1")


def test_nothing_runs_in_a_report(open_page: OpenPage, answers: list[Path], tmp_path: Path):
    """Opened, switched, hovered over and printed, with an address that is hostile, too."""
    payloads = [Payload.load(path) for path in answers]
    other = Payload(payloads[0].body.replace(b"GBP", b"EUR"), "global", "Contoso", AT)
    path = tmp_path / "report.html"
    render_report([*payloads, other], path, title=payloads[0].partner)
    page = open_page("about:blank")
    told = listening(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(
        f"{path.as_uri()}#currency=%3Cscript%3Epwned()%3C/script%3E&partner=javascript:pwned()"
    )
    for radio in page.get_by_role("radio").all():
        radio.check()
    page.pdf()
    assert_nothing_ran(page, told)
    assert len(asked) == 1
    assert page.locator("body").is_visible()
    assert "<script>pwned()</script>" in page.locator("main").inner_text()


def test_nothing_runs_in_a_rendered_notebook(
    open_page: OpenPage, answers: list[Path], tmp_path: Path
):
    """Frames, charts, controls and reprs of the same answers, without a kernel."""
    one, two = map(str, answers)
    cells = [nbformat.v4.new_code_cell(CELL.format(one=one, two=two))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "hostile.ipynb")
    path = render_notebook(tmp_path / "hostile.ipynb", tmp_path / "hostile.html", code=True)
    page = open_page("about:blank")
    told = listening(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert_nothing_ran(page, told)
    assert len(asked) == 1
    assert "<script>pwned()</script>" in page.locator("main").inner_text()


@pytest.fixture
def opened(browser: Browser, lab: Lab) -> Iterator[LabPage]:
    """Return a page with JupyterLab."""
    with open_lab(browser, lab, width=1400, height=2400) as page:
        yield page
        page.close()  # the notebook, with its kernel


def test_nothing_runs_in_jupyterlab(opened: LabPage, answers: list[Path], screenshots: Path):
    """In live controls, where a kernel writes HTML into the page that has the user's session."""
    page = opened.page
    told = listening(page)
    page.evaluate(f"() => {{ {TRAP} }}")  # this page is there already
    one, two = map(str, answers)
    opened.open(opened.write(CELL.format(one=one, two=two)).name)
    opened.run_all()
    box = page.locator(".jp-NotebookPanel:visible .pcn-dashboard")
    expect(box.get_by_role("img")).to_have_count(3)
    for choice in ("<script>pwned()</script>", "=HYPERLINK"):
        control = box.get_by_label("Invoice type", exact=True)
        option = control.locator("option", has_text=choice).first
        control.select_option(option.inner_text())
        expect(box.locator("tbody tr")).to_have_count(1)
    assert "<script>pwned()</script>" in control.inner_text()
    for name in ("Export report", "Save payload"):
        box.get_by_role("button", name=name).click()
        expect(box.get_by_role("status").last).to_contain_text("Saved")
    page.screenshot(path=screenshots / "injection-lab.png", full_page=True)
    assert page.evaluate("window.ran") == []
    assert told == []
