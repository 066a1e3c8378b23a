"""The log of the package, against real servers on loopback."""

from __future__ import annotations

import logging
import traceback

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from pcnotebooks.errors import ServiceError
from pcnotebooks.service import client
from pcnotebooks.service.fetch import fetch_invoice_summaries, fetch_invoices
from pcnotebooks.service.pdfs import save_invoice_pdfs
from pcnotebooks.session.session import Session, access_token
from tests.builders import invoice, invoices
from tests.services.callers import Rotating
from tests.services.partner_center import Answer, pages
from tests.services.planted import TOKEN
from tests.services.users import EXPIRING, signed_in


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(client, "sleep", lambda _: None)


@pytest.fixture
def log(caplog):
    """Return a function that gives what the package has logged, without any token."""
    caplog.set_level(1)

    def said(level=logging.INFO):
        for record in caplog.records:
            assert TOKEN not in f"{record.getMessage()} {vars(record)}"
        records = [record for record in caplog.records if record.name == "pcnotebooks"]
        return [record.getMessage() for record in records if record.levelno >= level]

    return said


def test_a_call_is_logged_with_its_ids(partner_center, log):
    """Each request, its status and size; a retry with its wait; a token that is renewed."""
    throttled = Answer(
        f'{{"message": "Not with {TOKEN}"}}'.encode(), 429, headers={"Retry-After": "7"}
    )
    service = partner_center(throttled, Answer(status=401), Answer())
    session = Session(service.cloud, Rotating("the-first-token", TOKEN), partner="Contoso")
    fetch_invoice_summaries(session)
    ids = service.requests[0].headers["MS-RequestId"]
    first, retry, second, renewed, third = log()
    assert first.startswith("GET /v1/invoices/summaries for 'Contoso': 429, ")
    assert "Retrying in 7.0 seconds (1 of 3). request id" in retry
    assert "asked for another" in renewed
    assert third.startswith("GET /v1/invoices/summaries for 'Contoso': 200, ")
    assert all(ids in each for each in (first, retry, second, third))
    assert any("Asking Rotating for a token" in each for each in log(logging.DEBUG))


def test_pages_and_pdfs_are_logged(partner_center, log, tmp_path):
    """How far a list has come, without the tokens of its links; each PDF at DEBUG."""
    service = partner_center(lists=pages(5, 2))
    session = Session.from_token(service.cloud, TOKEN)
    fetch_invoices(session)
    assert [each for each in log() if each.startswith("Page")] == [
        "Page 1 of invoices: 2, 2 so far",
        "Page 2 of invoices: 2, 4 so far",
        "Page 3 of invoices: 1, 5 so far",
    ]
    assert "token of page" not in "".join(log(1))
    save_invoice_pdfs(session, invoices(invoice("D1"), cloud=service.cloud.name), tmp_path)
    assert log(1)[-1] == "PDF of invoice 'D1': saved"


def test_the_origin_of_a_token_is_logged(identity_provider, log):
    """From the cache, or renewed at the login service; the fixture looks for secrets."""
    identity_provider.token_lifetime = EXPIRING
    session = signed_in(identity_provider)
    identity_provider.token_lifetime = 3600
    access_token(session)
    access_token(session)
    origins = [each.rpartition(" from ")[2] for each in log() if each.startswith("Token for")]
    assert origins[-2:] == ["the login service", "the cache"]


def test_without_a_handler_nothing_is_printed(partner_center, capfd):
    """A script that sets up no logging sees no line of it: none is above INFO."""
    fetch_invoice_summaries(Session.from_token(partner_center().cloud, TOKEN))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "is_shown"), [("2", False), ("57", True)])
def test_a_long_wait_is_shown_in_a_notebook(partner_center, capsys, seconds, is_shown):
    """A script's output has none of it."""
    throttled = Answer(status=429, headers={"Retry-After": seconds})
    session = Session.from_token(partner_center(*[throttled] * 2).cloud, TOKEN, partner="Contoso")
    fetch_invoice_summaries(session)
    assert capsys.readouterr().err == ""
    InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    try:
        session = Session.from_token(partner_center(throttled).cloud, TOKEN, partner="Contoso")
        fetch_invoice_summaries(session)
    finally:
        InteractiveShell.clear_instance()
    said = capsys.readouterr().err
    assert ("Retrying in 57.0 seconds (1 of 3)." in said) is is_shown
    assert said.count("\n") == is_shown


def test_a_traceback_shows_the_remedy_once(partner_center):
    """An error that is not caught says what to do, as does its text."""
    session = Session.from_token(partner_center(Answer(status=403)).cloud, TOKEN)
    with pytest.raises(ServiceError) as caught:
        fetch_invoice_summaries(session)
    text = "".join(traceback.format_exception(caught.value))
    assert text.count(caught.value.remedy) == 1
