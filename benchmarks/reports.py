"""A report, from a payload to the file, against a notebook made into a page and other reporters."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import Browser, sync_playwright

from benchmarks import peers
from benchmarks.growth import exponents, memory
from benchmarks.paired import PYTHON, Goal, Row, alone, code, milliseconds, paired, process, show
from pcnotebooks import Payload, render_report, sample_history, sample_payload, select, totals_frame
from tests.browser.conftest import FLAGS
from tests.builders import detail, item, payload

_CODES = ("AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "JPY", "KWD", "NOK", "NZD", "SEK", "USD")
_PARTNERS = (5, 16, 50)
_LARGE = "50 partners, 3 currencies, 24 months"
_OF_ACCOUNTS = "150 accounts are worked out and drawn, each with three charts"
_OF_CHARTS = "1,200 hashes, 150 rows and the CSV take 0.4, before 450 charts and their tables"
_OF_WEASYPRINT = "nine tenths of it are in WeasyPrint, its parsers and its fonts"
_SAVED = "payload = pc.Payload.load({saved!r})"
_REPORT = f"import pcnotebooks as pc; {_SAVED}; pc.render_report(payload, {{page!r}})"
# What it is rendered with, and nothing rendered.
_IMPORTS = f"import pcnotebooks as pc; {_SAVED}; pc.render_report"
# What the report shows, in the cells of a notebook.
_CELLS = (
    f"import pcnotebooks as pc\n{_SAVED}\nframe = pc.summary_frame(payload)",
    "pc.plot_panels(frame)",
    "pc.plot_payment_recency(frame)",
    "pc.payment_recency(frame)",
    "pc.balances_by_type(frame)",
    "pc.reconcile(payload)",
)
_QUANTSTATS = """
import pandas, quantstats
series = pandas.read_csv({table!r}, index_col=0, parse_dates=True)["balance_amount"]
quantstats.reports.html(series.pct_change().dropna(), output={page!r})
"""
_PROFILING = """
import pandas
from ydata_profiling import ProfileReport
ProfileReport(pandas.read_csv({table!r}), minimal=True, progress_bar=False).to_file({page!r})
"""


def rows() -> Iterator[Row]:
    """Measure whole processes first, then what a running one takes."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _processes(Path(folder))
        yield from _warm(Path(folder))


def _processes(folder: Path) -> Iterator[Row]:
    names = {"saved": sample_payload().save(folder / "saved.json"), "page": folder / "page.html"}
    names = {name: str(path) for name, path in names.items()}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.format(**names)) for cell in _CELLS]
    )
    book, stock = folder / "equal.ipynb", folder / "stock.html"
    nbformat.write(notebook, book)
    nbconvert = process(
        PYTHON, "-m", "jupyter", "nbconvert", "--execute", "--to", "html", "--no-input",
        "--output", str(stock), str(book),
    )  # fmt: skip
    report = code(_REPORT.format(**names))
    name = "render_report, whole process"
    yield paired(
        name, report, "nbclient, nbconvert of equal cells", nbconvert,
        goal=Goal("ratio", 1 / 4), rounds=5,
    )  # fmt: skip
    yield from _files(Path(names["page"]), "nbconvert's", stock)
    yield paired(
        name, report, "its imports alone", code(_IMPORTS.format(**names)),
        goal=Goal("more", 120, "half of it is Jinja2 compiling the templates, once a process"),
    )  # fmt: skip
    rendered = str(folder / "rendered.html")
    yield paired(
        "render_notebook, whole process",
        code(f"import pcnotebooks; pcnotebooks.render_notebook({str(book)!r}, {rendered!r})"),
        "nbclient, nbconvert of the same", nbconvert, goal=Goal("ratio", 1.1), rounds=5,
    )  # fmt: skip
    yield from _files(Path(rendered), "nbconvert's", stock)
    table = folder / "trend.csv"
    _trend(table)
    for peer, source in (("quantstats", _QUANTSTATS), ("ydata-profiling", _PROFILING)):
        if missing := peers.absent(name, peer):
            yield missing
            continue
        page = folder / f"{peer}.html"
        theirs = code(source.format(table=str(table), page=str(page)), peers.PYTHON)
        yield paired(name, report, f"{peer}, a table of 24 months", theirs, rounds=3)
        yield from _files(Path(names["page"]), f"{peer}'s", page)


def _warm(folder: Path) -> Iterator[Row]:
    payloads, page = sample_history(), folder / "page.html"
    yield alone(
        "render_report, 3 currencies", lambda: render_report(sample_payload(), page),
        goal=Goal("alone", 40), rounds=21,
    )  # fmt: skip
    yield alone("6 currencies of 2 partners, 24 months", lambda: render_report(payloads, page))
    months = [_month(month) for month in range(24)]
    yield alone(
        "12 currencies, 24 months", lambda: render_report(months, page),
        goal=Goal("alone", 150), rounds=5,
    )  # fmt: skip
    pdf = page.with_suffix(".pdf")
    has_pdf = _has_pdf(pdf)
    if has_pdf:
        yield alone("the same as PDF, 3 currencies", lambda: render_report(sample_payload(), pdf))
    taken = []
    for size in _PARTNERS:
        given = of_partners(size)
        taken.append(min(milliseconds(lambda: render_report(given, page)) for _ in range(3)))  # noqa: B023
    yield Row(f"{_LARGE}: HTML", taken[-1:], goal=Goal("alone", 1000, _OF_ACCOUNTS))
    size = [page.stat().st_size / 1e6]
    yield Row(f"{_LARGE}: its file", size, goal=Goal("alone", 0.5, _OF_CHARTS), unit="MB")
    yield exponents("report of partners", _PARTNERS, taken)
    yield from memory(
        "report of partners", _PARTNERS, of_partners,
        "from pcnotebooks import render_report, sample_payload; render_report(sample_payload())",
        "render_report(given)",
    )  # fmt: skip
    if has_pdf:
        once = [milliseconds(lambda: render_report(given, pdf))]
        yield Row(f"{_LARGE}: PDF", once, goal=Goal("alone", 8000, _OF_WEASYPRINT))


def of_partners(count: int) -> list[Payload]:
    """Return two years of partners who owe in three currencies each."""
    return [
        replace(_month(month, _CODES[:3]), partner=f"Partner {number + 1}")
        for number in range(count)
        for month in range(24)
    ]


def _month(month: int, codes: Sequence[str] = _CODES) -> Payload:
    """Return a month of a partner who owes in some currencies, paid and invoiced anew."""
    when = datetime(2024 + month // 12, month % 12 + 1, 5, tzinfo=UTC)
    paid = {"lastPaymentDate": f"{when:%Y-%m}-02T00:00:00", "lastPaymentAmount": 81_000 + month}
    items = [
        item(
            code, None,
            detail("Recurring", 123_456 + 9_973 * month % 50_000, currency=code, **paid),
            detail("OneTime", 54_321 + 1_713 * month % 20_000, currency=code),
            latestInvoiceDate=f"{when:%Y-%m}-03T00:00:00", **paid,
        )
        for code in codes
    ]  # fmt: skip
    return payload(*items, at=when)


def _has_pdf(path: Path) -> bool:
    try:
        render_report(sample_payload(), path)
    except ValueError:
        return False
    return True


def _trend(path: Path) -> None:
    """Write a table that every reporter takes: the balances of one currency over time."""
    frame = select(totals_frame(*sample_history()), currency="JPY")
    frame.set_index(frame["retrieved_at"].dt.tz_localize(None))[["balance_amount"]].to_csv(path)


def _files(ours: Path, peer: str, theirs: Path) -> Iterator[Row]:
    """Return how large the files are, and what a browser asks others for when it opens them."""
    sizes = [path.stat().st_size / 1e6 for path in (ours, theirs)]
    yield Row("its file", sizes[:1], peer, sizes[1:], unit="MB")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        yield Row("its requests when opened", [], peer, note="no Chromium here")
        return
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=list(FLAGS)) as chromium,
    ):
        asked = [_requests(chromium, path) for path in (ours, theirs)]
    yield Row("its requests when opened", asked[:1], peer, asked[1:], unit="")


def _requests(chromium: Browser, path: Path) -> int:
    """Count requests; none is answered, so what an answer would ask for is not among them."""
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri(), wait_until="load")
    page.wait_for_timeout(1000)
    page.close()
    return sum(urlsplit(url).scheme in {"http", "https"} for url in asked)


if __name__ == "__main__":
    show(rows())
