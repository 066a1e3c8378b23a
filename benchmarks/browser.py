"""How long a choice in the dashboard takes until its reader sees the new picture, in JupyterLab."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.dashboards import CURRENCIES
from benchmarks.paired import ROOT, Row, show
from tests.browser.conftest import FLAGS, open_lab, running_lab

_CELL = f"""
import sys
sys.path.append({str(ROOT)!r})
import pcnotebooks as pc
from benchmarks.dashboards import ten_currencies
pc.dashboard(payloads=ten_currencies())
"""
# From the choice to the frame after the charts stood in the page.
_CHOOSE = """(box, currency) => new Promise(done => {
  const select = [...box.querySelectorAll("select")].find(each =>
    [...each.options].some(option => option.text === currency));
  const drawn = () => {
    const sections = [...box.querySelectorAll("section")];
    return sections.length === 1 && sections[0].ariaLabel === currency
      && sections[0].querySelectorAll("svg").length > 1;
  };
  const started = performance.now();
  const watch = new MutationObserver(() => {
    if (!drawn()) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
  });
  watch.observe(box, {childList: true, subtree: true});
  select.value = [...select.options].find(option => option.text === currency).value;
  select.dispatchEvent(new Event("change", {bubbles: true}));
})"""


def rows() -> Iterator[Row]:
    """Choose each of ten currencies five times."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        yield Row("a currency, in JupyterLab", [], note="no Chromium here")
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as lab,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=list(FLAGS)) as chromium,
        open_lab(chromium, lab, width=1400, height=2400) as page,
    ):
        page.open(page.write(_CELL).name)
        page.run_all()
        box = page.page.locator(".pcn-dashboard")
        box.locator(".pcn-row").nth(len(CURRENCIES) - 1).wait_for()
        taken = [box.evaluate(_CHOOSE, currency) for currency in CURRENCIES * 5]
    yield Row("currency, to the new picture in JupyterLab", taken)


if __name__ == "__main__":
    show(rows())
