"""From a session straight to a frame."""

from __future__ import annotations

import subprocess
import sys
import threading

import pandas as pd
import pytest

from pcnotebooks.errors import ConfigurationError, ServiceError
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.payload.sample import sample_payload
from pcnotebooks.service.fetch_many import fetch_all, invoice_summaries, invoices
from pcnotebooks.session.session import Session
from tests.services.partner_center import Answer, pages


def test_the_frame_is_that_of_the_fetched_payload(partner_center):
    """The figures are the documented example's; partner, cloud and time are the call's."""
    session = Session.from_token(partner_center().cloud, "token", partner="Contoso")
    before = pd.Timestamp.now("UTC")
    frame = invoice_summaries(session)
    example = summary_frame(sample_payload())
    own = ["partner", "cloud", "retrieved_at"]
    pd.testing.assert_frame_equal(frame.drop(columns=own), example.drop(columns=own))
    assert frame["partner"].unique().tolist() == ["Contoso"]
    assert frame["cloud"].unique().tolist() == ["stand-in"]
    assert frame["retrieved_at"].between(before, pd.Timestamp.now("UTC")).all()


def test_the_frame_of_the_list_is_that_of_its_payload(partner_center):
    """Every page of it is in the frame."""
    service = partner_center(*pages(5, 2))
    frame = invoices(Session.from_token(service.cloud, "token", partner="Contoso"))
    assert frame["invoice_id"].tolist() == [f"D{place:06}" for place in range(5)]
    assert frame["total_charges"].tolist() == [1.25] * 5
    assert frame["partner"].unique().tolist() == ["Contoso"]


def test_an_account_without_invoices_is_an_empty_frame(partner_center):
    """No items is no error, and every column is there."""
    service = partner_center(Answer(b'{"totalCount": 0, "items": []}'))
    frame = invoice_summaries(Session.from_token(service.cloud, "token"))
    assert len(frame) == 0
    assert list(frame) == list(summary_frame(sample_payload()))


def test_a_refusal_passes(partner_center):
    """What the service refuses is the caller's to see."""
    service = partner_center(Answer(b"", 403))
    with pytest.raises(ServiceError, match="403 Forbidden"):
        invoice_summaries(Session.from_token(service.cloud, "token"))


def test_several_partners_are_fetched_at_once_in_the_order_asked(partner_center):
    """Each waits for the others to have come: one after another they would wait for ever."""
    together = threading.Barrier(4, timeout=20)

    def meet(request):
        together.wait()
        return Answer(sample_payload().body)

    names = ["one", "two", "three", "four"]
    service = partner_center(*[meet] * 4)
    sessions = [Session.from_token(service.cloud, "token", partner=name) for name in names]
    results = fetch_all(sessions, resources=["invoice_summaries"])
    assert [payload.partner for payload in results] == names


def without_a_list(request):
    """Answer with the summaries, and refuse the list of invoices."""
    return Answer(b"", 403) if request.path == "/v1/invoices" else Answer()


def test_a_failure_takes_the_place_of_its_payload(partner_center):
    """Session by session, resource by resource; the error says whose and which it is."""
    good, bad = partner_center(), partner_center(*[without_a_list] * 2)
    results = fetch_all(
        [
            Session.from_token(good.cloud, "token", partner="Contoso"),
            Session.from_token(bad.cloud, "token", partner="Fabrikam"),
        ]
    )
    assert [getattr(each, "resource", type(each)) for each in results] == [
        "invoice_summaries",
        "invoices",
        "invoice_summaries",
        ServiceError,
    ]
    assert [each.partner for each in results[:3]] == ["Contoso", "Contoso", "Fabrikam"]
    assert "for 'Fabrikam' (invoices)" in str(results[3])


def test_the_resources_are_those_asked_for(partner_center):
    """In their order, and one may be named alone."""
    service = partner_center()
    session = Session.from_token(service.cloud, "token")
    both = fetch_all([session], resources=["invoices", "invoice_summaries"])
    assert [payload.resource for payload in both] == ["invoices", "invoice_summaries"]
    (payload,) = fetch_all(iter([session]), resources="invoices")
    assert payload.resource == "invoices"
    assert fetch_all([session], resources=()) == []


@pytest.mark.parametrize("resources", [["summaries"], "summaries", ["invoices", None]])
def test_an_unknown_resource_is_refused(partner_center, resources):
    """Before anything is asked, with the known ones."""
    service = partner_center()
    with pytest.raises(ConfigurationError, match="There is no resource") as caught:
        fetch_all([Session.from_token(service.cloud, "token")], resources=resources)
    assert caught.value.remedy == "Choose from invoice_summaries, invoices."
    assert service.requests == []


def test_nobody_to_ask():
    """No sessions, no answers, no thread."""
    assert fetch_all([]) == []


def test_a_bug_is_not_taken_for_a_refusal():
    """Only errors in words are in the list; anything else is raised."""
    with pytest.raises(AttributeError):
        fetch_all(["no session"], progress=False)


def test_progress_is_a_line_in_a_terminal(partner_center, monkeypatch, capsys):
    """A terminal sees how many have answered; a file or pipe sees nothing."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.delitem(sys.modules, "IPython")
    service = partner_center()
    sessions = [Session.from_token(service.cloud, "token")]
    fetch_all(sessions)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fetch_all(sessions)
    assert capsys.readouterr().err == "\r1 of 2 fetched\r2 of 2 fetched\n"
    fetch_all(sessions, progress=False)
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_in_a_notebook(partner_center):
    """A kernel is shown IPython's own bar, which ends full."""
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "from pcnotebooks import Cloud, Session, fetch_all\n"
        f"cloud = Cloud('stand-in', '', 'https://login.example', {partner_center().cloud.api!r})\n"
        "fetch_all([Session.from_token(cloud, 'token')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "2/2" in done.stdout
