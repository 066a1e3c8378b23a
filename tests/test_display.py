"""What a notebook shows of a payload, a session, a history and a report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from pcnotebooks import History, Session, render_report, sample_payload
from tests.builders import item, payload

TOKEN = "eyJhbGciOiJub25lIn0.eyJ0aWQiOiJjb250b3NvIn0.not-a-real-signature"


def _shown(value: Any) -> dict[str, str]:
    """Return what a kernel sends of a value, by its form."""
    bundle, _ = DisplayFormatter().format(value)
    return bundle


def test_a_payload_shows_its_labels_and_none_of_its_body():
    """One row a field, foreign text as text; its repr stays a line."""
    given = payload(item("GBP", 12345.67), partner="<script>alert(1)</script>", cloud="global")
    shown = _shown(given)
    for words in ("&lt;script&gt;", "Partner Center", " UTC<", given.sha256):
        assert words in shown["text/html"]
    assert "12345.67" not in shown["text/html"]
    assert shown["text/plain"] == repr(given)


def test_a_session_shows_no_token():
    """Where it asks, for whom, and the kind of its credential."""
    shown = _shown(Session.from_token("global", TOKEN, partner="Contoso"))
    for words in ("Contoso", "https://api.partnercenter.microsoft.com", "FixedToken"):
        assert words in shown["text/html"]
    assert not any(part in str(shown) for part in TOKEN.split("."))


def test_a_history_shows_itself_without_being_read(tmp_path: Path):
    """A large one would take long: its folder may even be gone."""
    history = History(tmp_path / "history")
    history.append(sample_payload(), sample=True)
    shutil.rmtree(tmp_path / "history")
    assert str(tmp_path / "history") in _shown(history)["text/html"]


def test_a_report_shows_its_page_in_a_notebook(tmp_path: Path):
    """In a frame that runs no script; it is still the text of the file."""
    html = render_report(sample_payload())
    shown = _shown(html)
    assert isinstance(html, str)
    assert html == render_report(sample_payload(), tmp_path / "x.html").read_text("utf-8")
    assert shown["text/html"].startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'sandbox="allow-downloads"' in shown["text/html"]
    assert shown["text/plain"] == f"<Report of {len(html):,} characters>"


@pytest.mark.parametrize("name", ["\u202e", "x" * 5000, "a\nb"])
def test_a_hostile_label_stays_in_its_row(name: str):
    """Nothing turns the text around, and one screen holds it."""
    html = _shown(payload(item("GBP", 1), partner=name))["text/html"]
    assert "\u202e" not in html
    assert len(html) < 2000
