"""The dashboard by its state, against a real identity provider and a real Partner Center."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from threading import Event
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from ipywidgets import HTML, Output

import pcnotebooks as pc
from pcnotebooks import (
    CLOUDS,
    Cloud,
    ConfigurationError,
    History,
    Payload,
    dashboard,
    payment_recency,
    sample_history,
    sample_payload,
    select,
    summary_frame,
)
from pcnotebooks.clouds import SAMPLE
from pcnotebooks.session.settings import profiles_file
from tests.builders import detail, item, of_summaries, payload
from tests.services.browser import visit
from tests.services.identity_provider import CLIENT_ID, TENANT, USERNAME, signing_key
from tests.services.loops import until
from tests.services.partner_center import INVOICES, Answer, Step


@pytest.fixture(autouse=True)
def _forgetful(home: Path) -> None:
    """Give each test an empty folder to write to."""


def plain_html(html: str) -> str:
    """Return the text of HTML."""
    html = re.sub(r"</?(strong|b|a)\b[^>]*>", "", html)
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(text).split())


class Hand:
    """What a user sees of a dashboard, and does with it."""

    def __init__(self, box: Any) -> None:
        self.box = box

    def all(self) -> list[Any]:
        """Return every widget shown, from the top."""
        found = [self.box]
        for widget in found:
            if widget.layout.display != "none":
                found += getattr(widget, "children", ())
        return [each for each in found if each.layout.display != "none"]

    def control(self, name: str) -> Any:
        """Return the control that is labelled so."""
        return next(each for each in self.all() if getattr(each, "description", "") == name)

    def has(self, name: str) -> bool:
        """Whether there is such a control."""
        return any(getattr(each, "description", "") == name for each in self.all())

    def press(self, name: str) -> None:
        """Press a button that can be pressed."""
        button = self.control(name)
        assert not button.disabled
        button.click()

    def choose(self, name: str, label: str) -> None:
        """Choose what a control offers by this label."""
        self.control(name).label = label

    def text(self) -> str:
        """Return the text of everything shown, markup taken out."""
        return plain_html(" ".join(self.htmls()))

    def htmls(self) -> list[str]:
        """Return the markup of everything shown."""
        shown = [each.value for each in self.all() if isinstance(each, HTML)]
        outputs = [each.outputs for each in self.all() if isinstance(each, Output)]
        return [*shown, *(each["data"]["text/html"] for found in outputs for each in found)]

    def open(self, currency: str, owner: str = "") -> None:
        """Open the row of an account, as a click does."""
        heads = [each for each in self.all() if "pcn-row" in each._dom_classes]
        for button, cells in (each.children for each in heads):
            if button.description == currency and owner in cells.value:
                button.click()
                return
        raise AssertionError(f"no row of {currency} {owner}")


@pytest.fixture
def live(identity_provider, partner_center, tls) -> Callable[..., tuple[Hand, Any]]:
    """Return a function that opens a dashboard on a Partner Center with these answers.

    Those of the summaries in turn, and those of the list of invoices in turn.
    """

    def open_(*answers: Step, lists: Sequence[Step] = (), **options: Any) -> tuple[Hand, Any]:
        service = partner_center(*answers, lists=lists, tls=tls, key=signing_key())
        cloud = Cloud("stand-in", "Stand-in", identity_provider.url, service.url)
        box = dashboard(cloud=cloud, client_id=CLIENT_ID, tenant=TENANT, **options)
        return Hand(box), service

    return open_


async def _sign_in(hand: Hand, press: str = "approve") -> None:
    """Sign in as the panel says, and wait until all is done."""
    hand.press("Sign in and fetch")
    await until(lambda: "type this code" in hand.text())
    html = next(html for html in hand.htmls() if "type this code" in html)
    code, url = re.search(r'value="([^"]+)"', html)[1], re.search(r'href="([^"]+)"', html)[1]
    await asyncio.to_thread(visit, url, press, user_code=code)
    await _idle(hand)


async def _idle(hand: Hand) -> None:
    await until(hand.box._working.done)
    hand.box._working.result()  # it has none to tell: all of them stand in the dashboard


# Without an account


def test_a_file_saved_while_figures_appear_is_still_named():
    """A button can be pressed as soon as the new state shows, before all is drawn."""
    box = dashboard()
    hand = Hand(box)
    pressed = []

    def press(_: object) -> None:
        if not pressed:
            pressed.append(hand.press("Save payload"))

    box._state.value = "earlier"
    box._state.observe(press, "value")
    box._show()
    assert pressed
    assert "Saved sample-invoice-summaries" in hand.text()


def test_begins_with_the_sample_data():
    """No account, no request, no doubt what it is."""
    hand = Hand(dashboard())
    assert hand.control("Cloud").value is SAMPLE
    hand.open("GBP")
    text = hand.text()
    for words in ("Sample data, not an account", "Balance owed 1,230.33",
                  "GBP 751,094.39 owed, 73 % OneTime", "202,955.87 Recurring",
                  "548,138.52 OneTime", "1 Jan 2017 Last paid",
                  "439 days ago", "invoice falls due", "60 days left",
                  "retrieved 16 Mar 2018, 12:00 UTC"):  # fmt: skip
        assert words in text, words
    assert not hand.has("Sign in and fetch")
    assert not hand.has("Refresh")


def test_offers_every_cloud_and_fetches_nothing_by_itself():
    """A cloud that is chosen is neither signed in to nor asked: sockets are closed to this test."""
    hand = Hand(dashboard())
    for cloud in CLOUDS.values():
        hand.choose("Cloud", cloud.label)
        assert hand.has("Sign in and fetch")
        assert not hand.has("Currency")
        assert not hand.has("Export report")
        assert hand.box.text() == f"Nothing has been fetched from {cloud.label} yet."
    hand.choose("Cloud", "Sample data")
    assert "Balance owed 751,094.39" in hand.text()


def test_without_a_client_id_the_setup_is_told():
    """The error stands in the dashboard, with what to do and Try again."""
    hand = Hand(dashboard(cloud="global"))

    async def press() -> None:
        hand.press("Sign in and fetch")
        await _idle(hand)

    asyncio.run(press())
    assert "Signing in needs a client id." in hand.text()
    assert "PCNOTEBOOKS_CLIENT_ID" in hand.text()
    assert hand.has("Try again")
    assert not hand.control("Cloud").disabled


def test_shows_the_payloads_given():
    """Several payloads give trends; several partners can be chosen."""
    hand = Hand(dashboard(payloads=sample_history()))
    assert hand.control("Cloud").value is SAMPLE
    hand.choose("Currency", "USD")
    assert (
        hand.box._explorer.html().count('<div class="pcn-desk">') == 4
    )  # three charts of one account are drawn narrow
    for words in ("2 accounts", "Contoso (sample)", "Fabrikam (sample)"):
        assert words in hand.text()
    hand.choose("Partner", "Fabrikam (sample)")
    assert "Contoso (sample)" not in hand.text()


def test_payloads_of_an_unknown_cloud_want_to_know_it():
    """Without addresses there is nowhere to sign in to."""
    with pytest.raises(ConfigurationError, match="no cloud 'elsewhere'"):
        dashboard(payloads=payload(item("GBP", 5), cloud="elsewhere"))


def test_a_choice_stays_where_it_can():
    """Another cloud keeps the currency if it has it; a cell run again keeps all choices."""
    payloads = [payload(item("GBP", 5, detail("Recurring", 5)), item("USD", 7), cloud="global")]
    hand = Hand(dashboard(payloads=payloads, cloud="sample"))
    hand.choose("Currency", "GBP")
    hand.control("As of").value = date(2018, 3, 20)
    hand.choose("Cloud", "Partner Center")
    assert hand.control("Currency").value == "GBP"
    hand.choose("Cloud", "Partner Center operated by 21Vianet")
    hand.choose("Cloud", "Partner Center")
    assert hand.control("Currency").value == "GBP"
    again = Hand(dashboard(payloads=payloads))
    assert again.control("Cloud").value is CLOUDS["global"]
    assert again.control("Currency").value == "GBP"
    assert again.control("As of").value == date(2018, 3, 20)
    hand.choose("Currency", "USD")
    hand.choose("Cloud", "Sample data")
    assert hand.control("Currency").label == "All"


def test_the_line_of_code_gives_the_table():
    """Whatever is chosen, the line below gives the frame that is shown."""
    payloads = sample_history()
    hand = Hand(dashboard(payloads=payloads))
    hand.choose("Currency", "USD")
    hand.choose("Invoice type", "Recurring")
    hand.choose("Partner", "Fabrikam (sample)")
    hand.control("As of").value = date(2025, 12, 31)
    line, of_invoices = hand.box._code()
    assert line in hand.text()
    assert "invoice_ageing(invoice_frame(" in of_invoices
    given = eval(line, vars(pc) | {"payloads": payloads, **_names()})  # noqa: S307
    wanted = select(
        payment_recency(summary_frame(*payloads), as_of="2025-12-31"),
        currency="USD", invoice_type="Recurring", partner="Fabrikam (sample)",
    )  # fmt: skip
    pd.testing.assert_frame_equal(given, wanted)
    assert len(wanted) == 1


def _names() -> dict[str, Any]:
    return {name: getattr(pc, name) for name in pc.__all__}


def test_hands_on_files_named_for_what_they_hold():
    """Payload, report, CSV and Excel beside the notebook; sample data is called so."""
    hand = Hand(dashboard())
    for button in ("Save payload", "Export report", "Export CSV", "Export Excel", "Export CSV"):
        hand.press(button)
    names = sorted(path.name for path in Path().glob("*invoice*"))
    stem = "sample-invoice-summaries-Contoso-sample-2018-03-16T120000Z"
    assert names == sorted(
        [f"{stem}.json", f"{stem}.html", f"{stem}.csv", f"{stem}-2.csv", f"{stem}.xlsx"]
    )
    assert Payload.load(f"{stem}.json") == sample_payload()
    assert "751,094.39" in Path(f"{stem}.html").read_text(encoding="utf-8")
    assert f'<a href="{stem}-2.csv" target="_blank">{stem}-2.csv</a>' in hand.htmls()[-1]


def test_the_line_of_code_writes_the_file():
    """What a button wrote, the line below writes again, byte for byte."""
    payloads = of_summaries(sample_history())
    hand = Hand(dashboard(payloads=payloads))
    hand.choose("Partner", "Fabrikam (sample)")
    hand.choose("Currency", "USD")
    hand.control("As of").value = date(2025, 12, 31)
    for button, suffix in (("Export report", ".html"), ("Export CSV", ".csv")):
        hand.press(button)
        (path,) = Path().glob(f"*{suffix}")
        text = hand.text()
        assert f"{path.name} in {Path.cwd()}, with every currency and invoice type." in text
        written = path.read_bytes()
        path.unlink()
        (line,) = re.findall(r"<code>((?:render|write).*?)</code>", " ".join(hand.htmls()))
        eval(unescape(line), _names() | {"payloads": payloads})  # noqa: S307
        assert path.read_bytes() == written
    hand.press("Save payload")
    assert ".save(" not in hand.text()


def test_hands_on_the_chosen_partner_as_of_the_chosen_day():
    """What is chosen goes into the file and its name; every currency is in it."""
    hand = Hand(dashboard(payloads=sample_history()))
    hand.choose("Partner", "Fabrikam (sample)")
    hand.control("As of").value = date(2025, 12, 31)
    hand.press("Export report")
    hand.press("Save payload")
    html = Path("sample-invoice-summaries-Fabrikam-sample-as-of-2025-12-31.html").read_text("utf-8")
    assert "Contoso" not in html
    assert "As of <strong>31\N{NO-BREAK SPACE}Dec\N{NO-BREAK SPACE}2025" in html
    assert "JPY" in html
    saved = [Payload.load(path) for path in Path().glob("*.json")]
    assert sorted(saved, key=lambda each: each.resource) == sample_history()[-2:]


def test_a_file_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    """The reason stands below the buttons."""
    hand = Hand(dashboard())
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    hand.press("Export CSV")
    assert "FileNotFoundError" in hand.text()


def test_front_ends_without_widgets_get_the_figures():
    """The bundle holds widget, text and HTML, each for who can show it."""
    bundle = dashboard()._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Sample data. CHF")
    assert bundle["text/html"].count('<div class="pcn-desk">') == 4
    assert "payment_recency(summary_frame(sample_payload()))" in bundle["text/html"]
    nothing = dashboard(cloud="china")._repr_mimebundle_()
    text = "Nothing has been fetched from Partner Center operated by 21Vianet yet."
    assert text in nothing["text/html"]


def test_neither_figures_nor_charts_pile_up_over_100_changes():
    """Pyplot hears of no figure, and widgets that are no longer shown are gone."""
    from ipywidgets.widgets.widget import _instances  # noqa: PLC0415  the one list of all

    hand = Hand(dashboard())
    hand.choose("Currency", "GBP")
    before = len(_instances)
    for turn in range(100):
        hand.choose("Currency", ("All", "GBP")[turn % 2])
    gc.collect()
    assert plt.get_fignums() == []
    assert len(_instances) == before


def test_value_and_frame_are_observed_and_set():
    """The cloud, the profile and the choices; a frame of another origin belongs in explore."""
    box = dashboard(payloads=[sample_payload(), payload(item("USD", 7), cloud="global")])
    assert box.value["cloud"] == "global"
    seen = []
    box.observe(lambda change: seen.append(change["new"]), "frame")
    box.value = {"cloud": "sample", "currency": "GBP", "as_of": date(2018, 3, 20)}
    assert box.cloud.value is SAMPLE
    assert (box.currency.value, box.partner.value) == ("GBP", None)
    (line,) = box._code()
    given = eval(line, _names() | {"payloads": [sample_payload()]})  # noqa: S307
    pd.testing.assert_frame_equal(seen[-1], given)
    assert box.frame is seen[-1]
    before = box.value
    for value in ({"cloud": "nowhere"}, {"profile": "gone"}, {"currency": "XXX"}, {"x": 1}):
        with pytest.raises(ConfigurationError, match=r"unknown|not available|no cloud|no profile"):
            box.value = value
        assert box.value == before
    with pytest.raises(ConfigurationError, match="built from its payloads"):
        box.frame = summary_frame(sample_payload())
    box.value = {"cloud": "china"}
    assert box.frame is None


def test_client_id_and_tenant_are_fields_if_none_is_known(home: Path, monkeypatch):
    """With a link to the documentation; what is typed is what signs in."""
    hand = Hand(dashboard())
    assert not hand.has("Client id")
    hand.choose("Cloud", "Partner Center")
    assert 'href="https://learn.microsoft.com/' in " ".join(hand.htmls())
    hand.control("Client id").value, hand.control("Tenant").value = "my app", "contoso.example"
    hand.press("Sign in and fetch")
    assert "'my app' is not a client id." in hand.text()
    assert not Hand(dashboard(cloud="global", client_id=CLIENT_ID)).has("Client id")
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", CLIENT_ID)
    assert not Hand(dashboard(cloud="global")).has("Client id")


# Signed in


def test_signs_in_fetches_and_refreshes(live, identity_provider):
    """The panel asks once; figures, partner and time appear; Refresh asks nobody."""

    async def work() -> tuple[Hand, Any]:
        hand, service = live()
        assert hand.box.text() == "Nothing has been fetched from Stand-in yet."
        await _sign_in(hand)
        hand.press("Refresh")
        await _idle(hand)
        return hand, service

    hand, service = asyncio.run(work())
    text = hand.text()
    assert f"Signed in as {USERNAME} at Stand-in, tenant {TENANT}" in text
    assert "Balance owed 751,094.39" in text
    assert "Sample data" not in text
    assert f"retrieved {datetime.now(UTC):%-d %b %Y}" in text
    asked = [request.path for request in service.requests]
    assert [asked.count(f"/v1/invoices{rest}") for rest in ("", "/summaries")] == [2, 2]
    assert identity_provider.count("devicecode") == 1
    assert f"*fetch_all([sign_in(cloud, client_id='{CLIENT_ID}'" in text


def test_open_invoices_and_ageing_are_shown_when_the_list_came(live):
    """With what is overdue, the three figures, and what was assumed; in the static view too."""

    async def work() -> Hand:
        hand, _ = live()
        await _sign_in(hand)
        return hand

    hand = asyncio.run(work())
    hand.open("GBP")
    for shown in (hand.text(), plain_html(hand.box._repr_mimebundle_()["text/html"])):
        for words in ("GBP 23,606.35 of 23,606.35 is overdue", "D02005YFHI", "Due (computed)",
                      "Stated GBP 751,094.39 = sum of parts GBP 751,094.39",
                      "Open by invoice GBP 23,606.35; not explained by invoices 727,488.04.",
                      "Likely: an unallocated payment",
                      "Due dates are computed", "invoice_ageing(invoice_frame("):  # fmt: skip
            assert words in shown, words
    hand.choose("Currency", "GBP")
    hand.choose("Invoice type", "OneTime")
    source, chosen = hand.box._origin().source(), "currency='GBP'"
    assert hand.box._code() == [
        f"select(payment_recency(summary_frame({source})), {chosen}, invoice_type='OneTime')",
        f"select(invoice_ageing(invoice_frame({source})), {chosen}, invoice_type='OneTime')",
    ]


LIST = [Answer(INVOICES)] * 2  # the documented page links to a next one, which repeats it
REFUSED = Answer(status=403, body=b'{"code": "403", "description": "Forbidden"}')


def test_balances_are_shown_if_the_list_fails(live):
    """With a note of why the list is missing, which the files that are handed on hold as well."""

    async def work() -> tuple[str, str, Hand]:
        hand, _ = live(lists=[REFUSED])
        await _sign_in(hand)
        failed = hand.text()
        hand.choose("Currency", "GBP")
        hand.press("Export report")
        await hand.box._hand_on.writing
        hand.press("Export Excel")
        await hand.box._hand_on.writing
        static = plain_html(hand.box._repr_mimebundle_()["text/html"])
        hand.press("Refresh")
        await _idle(hand)
        return failed, static, hand

    failed, static, hand = asyncio.run(work())
    note = f"{TENANT} · stand-in: the list of invoices could not be fetched."
    (report,), (book,) = Path().glob("*.html"), Path().glob("*.xlsx")
    notes = pd.read_excel(book, "provenance", header=None)[0].dropna()
    for shown in (failed, static, report.read_text("utf-8"), " ".join(notes)):
        assert note in shown
        assert "403" in shown
    assert "Balance owed 751,094.39" in failed
    assert f"Signed in as {USERNAME}" in failed
    assert "Not refreshed" not in failed
    assert "D02005YFHI" not in failed
    assert note not in hand.text()
    assert "D02005YFHI" in hand.text()


def test_invoices_are_shown_if_the_balances_fail(live):
    """The balance is not stated; the error is told, and Try again mends it."""

    async def work() -> tuple[str, Hand]:
        hand, _ = live(REFUSED)
        await _sign_in(hand)
        hand.open("GBP")
        failed = hand.text()
        (line,) = hand.box._code()
        assert line.startswith("invoice_ageing(invoice_frame(fetch_invoices(sign_in(")
        for button in ("Save payload", "Export CSV", "Export Excel", "Export report"):
            hand.press(button)
            await hand.box._hand_on.writing
        hand.press("Try again")
        await _idle(hand)
        return failed, hand

    failed, hand = asyncio.run(work())
    for words in ("the balances could not be fetched.", "Admin agent", "Not stated Balance owed",
                  "Open by invoice: GBP 23,606.35", "D02005YFHI"):  # fmt: skip
        assert words in failed, words
    assert "Not refreshed" not in failed
    names = [path.name for path in Path().glob("*invoice*")]
    assert sorted(name.rsplit(".")[-1] for name in names) == ["csv", "html", "json", "xlsx"]
    assert all(name.startswith("invoices-") for name in names)
    assert "could not be fetched" not in hand.text()
    assert "Balance owed 751,094.39" in hand.text()


def test_old_balances_stay_if_only_the_list_is_refreshed(live):
    """They are marked with their time, and the reason is a note."""

    async def work() -> Hand:
        hand, _ = live(Answer(), REFUSED, lists=[REFUSED])
        await _sign_in(hand)
        hand.press("Refresh")
        await _idle(hand)
        return hand

    hand = asyncio.run(work())
    hand.open("GBP")
    text = hand.text()
    for words in ("Balance owed 751,094.39", "Not refreshed", "the balances could not be fetched.",
                  "D02005YFHI"):  # fmt: skip
        assert words in text, words
    assert "the list of invoices could not be fetched" not in text


def test_a_note_is_its_partners_alone(live):
    """The file of another partner does not name it."""

    async def work() -> Hand:
        given = payload(item("GBP", 5), cloud="stand-in", partner="Contoso")
        hand, _ = live(payloads=[given], lists=[REFUSED])
        await _sign_in(hand)
        hand.choose("Partner", "Contoso")
        hand.press("Export report")
        await hand.box._hand_on.writing
        return hand

    asyncio.run(work())
    (report,) = Path().glob("*.html")
    assert "could not be fetched" not in report.read_text("utf-8")


def test_hands_on_balances_and_invoices(live):
    """Two payloads, two CSV files, each with the code that writes it again."""
    given = [sample_payload(), sample_payload("invoices")]
    hand = Hand(dashboard(payloads=given))
    hand.press("Save payload")
    assert {Payload.load(path) for path in Path().glob("*.json")} == set(given)
    hand.press("Export CSV")
    files = sorted(Path().glob("*.csv"))
    assert [path.name.split("-2018")[0] for path in files] == [
        "sample-invoice-summaries-Contoso-sample",
        "sample-invoices-Contoso-sample",
    ]
    written = [path.read_bytes() for path in files]
    assert b"23606.35" in written[1]
    lines = re.findall(r"<code>(write.*?)</code>", " ".join(hand.htmls()))
    for path in files:
        path.unlink()
    for line in lines:
        eval(unescape(line), _names() | {"payloads": given})  # noqa: S307
    assert [path.read_bytes() for path in files] == written


def test_a_failure_keeps_the_figures_with_their_time(live):
    """The error, its remedy and ids stand beside what was fetched before; Try again mends it."""

    async def work() -> tuple[str, str]:
        hand, _ = live(Answer(), REFUSED, lists=[*LIST, REFUSED])
        await _sign_in(hand)
        hand.press("Refresh")
        await _idle(hand)
        failed = hand.text()
        hand.press("Try again")
        await _idle(hand)
        return failed, hand.text()

    failed, mended = asyncio.run(work())
    for words in ("403 Forbidden", "Admin agent", "request id", "Balance owed 751,094.39",
                  f"Not refreshed: {TENANT}, retrieved"):  # fmt: skip
        assert words in failed
    assert "403" not in mended
    assert "Not refreshed" not in mended
    assert "Balance owed 751,094.39" in mended


def test_what_is_no_answer_of_the_service_replaces_nothing(live):
    """A wrong shape is told, and the figures stay."""
    wrong = Answer(body=json.dumps({"totalCount": 1, "items": [{"currencyCode": "GBP"}]}).encode())

    async def work() -> str:
        hand, _ = live(Answer(), wrong)
        await _sign_in(hand)
        hand.press("Refresh")
        await _idle(hand)
        return hand.text()

    text = asyncio.run(work())
    assert "$.items[0].balanceAmount" in text
    assert "Balance owed 751,094.39" in text


def test_a_declined_sign_in_can_be_tried_again(live, identity_provider):
    """What was declined is told; nothing was fetched; the next attempt begins anew."""

    async def work() -> tuple[str, Hand]:
        hand, service = live()
        await _sign_in(hand, press="decline")
        declined = hand.text()
        assert service.requests == []
        assert hand.has("Try again")
        await _sign_in(hand)
        return declined, hand

    declined, hand = asyncio.run(work())
    assert "declined" in declined
    assert "Balance owed 751,094.39" in hand.text()
    assert identity_provider.count("devicecode") == 2


def test_a_sign_in_can_be_cancelled(live, identity_provider):
    """Cancel in the panel ends the polling, and the dashboard can be used again."""

    async def work() -> Hand:
        hand, _ = live()
        hand.press("Sign in and fetch")
        await until(lambda: hand.has("Cancel"))
        hand.press("Cancel")
        await _idle(hand)
        return hand

    hand = asyncio.run(work())
    polls = identity_provider.count("poll")
    assert "cancelled" in hand.text()
    assert "type this code" not in hand.text()
    assert not hand.control("Sign in and fetch").disabled
    assert identity_provider.count("poll") == polls


def test_a_fetch_can_be_cancelled(live):
    """An answer that does not come is not waited for."""

    async def work() -> str:
        hand, _ = live(Answer(), Answer(delay=3), lists=[*LIST, Answer(delay=3)])
        await _sign_in(hand)
        hand.press("Refresh")
        await until(lambda: hand.has("Cancel"))
        hand.press("Cancel")
        await asyncio.wait({hand.box._working}, timeout=2)
        assert hand.box._working.done()
        return hand.text()

    text = asyncio.run(work())
    assert "Cancelled." in text
    assert f"Not refreshed: {TENANT}, retrieved" in text
    assert "Balance owed 751,094.39" in text


def test_a_sign_in_that_was_revoked_is_asked_for_again(live, identity_provider):
    """The button says so, and no old session is used."""
    expired = Answer(status=401, body=b"{}")

    async def work() -> Hand:
        hand, _ = live(Answer(), *[expired] * 3, lists=[*LIST, *[expired] * 3])
        await _sign_in(hand)
        identity_provider.revoked |= set(identity_provider.grants)
        hand.press("Refresh")
        await _idle(hand)
        return hand

    assert asyncio.run(work()).has("Sign in and fetch")


def test_a_profile_brings_its_cloud_and_partner(live, identity_provider, partner_center, tls):
    """Profiles are offered by name; choosing one chooses where to sign in and whose balance."""
    service = partner_center(tls=tls, key=signing_key())
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\npartner = "Contoso"\n'
        f'cloud = {{name = "own", label = "Own", authority = "{identity_provider.url}",'
        f' api = "{service.url}"}}\n[other]\ncloud = "china"\n'
    )

    async def work() -> Hand:
        hand = Hand(dashboard())
        hand.choose("Profile", "other")
        assert hand.control("Cloud").value is CLOUDS["china"]
        hand.choose("Profile", "contoso")
        assert hand.control("Cloud").label == "Own"
        await _sign_in(hand)
        return hand

    hand = asyncio.run(work())
    assert "sign_in(cloud, profile='contoso')" in hand.text()
    hand.press("Save payload")
    saved = [Payload.load(path) for path in Path().glob("*Contoso*.json")]
    assert {(each.partner, each.resource) for each in saved} == {
        ("Contoso", "invoice_summaries"), ("Contoso", "invoices"),
    }  # fmt: skip
    again = Hand(dashboard())
    assert again.control("Profile").value == "contoso"
    assert again.control("Cloud").label == "Own"


def test_a_profile_that_is_chosen_shows_its_own_figures(
    live, identity_provider, partner_center, tls
):
    """Those of another profile of the same cloud stay away until it is chosen again."""
    service = partner_center(tls=tls, key=signing_key())
    cloud = (
        f'cloud = {{name = "own", label = "Own", authority = "{identity_provider.url}",'
        f' api = "{service.url}"}}\n'
    )
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\npartner = "Contoso"\n{cloud}'
        f'[fabrikam]\nclient_id = "{CLIENT_ID}"\ntenant = "fabrikam.example"\n{cloud}'
    )

    async def work() -> None:
        hand = Hand(dashboard())
        hand.choose("Profile", "contoso")
        await _sign_in(hand)
        assert "Contoso, retrieved" in hand.text()
        hand.choose("Profile", "fabrikam")
        assert "owed" not in hand.text()
        assert hand.has("Sign in and fetch")
        hand.choose("Profile", "contoso")
        assert "Balance owed 751,094.39" in hand.text()
        assert hand.has("Refresh")
        hand.choose("Profile", "None")
        assert "Balance owed 751,094.39" in hand.text()

    asyncio.run(work())


def test_hands_on_while_a_sign_in_waits(live):
    """A code waits for a quarter of an hour; what is there can be written meanwhile."""

    async def work() -> None:
        given = payload(item("GBP", 5), cloud="stand-in", partner="Contoso")
        hand, _ = live(payloads=[given])
        hand.press("Sign in and fetch")
        await until(lambda: "type this code" in hand.text())
        hand.press("Export CSV")
        await asyncio.sleep(0)
        assert hand.control("Export CSV").disabled
        await hand.box._hand_on.writing
        assert not hand.control("Export CSV").disabled
        hand.press("Cancel")
        await _idle(hand)

    asyncio.run(work())
    assert [*Path().glob("invoice-summaries-Contoso-*.csv")]


# A history


def test_a_history_gives_trends_and_keeps_what_is_fetched(live, home):
    """What was kept of this cloud is shown with what is fetched, which is then kept, too."""
    before = payload(
        item("GBP", 700, detail("Recurring", 700)),
        cloud="stand-in", partner=TENANT, at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip
    other = payload(item("JPY", 5), cloud="global", partner="Another")
    history = History(home / "history")
    for each in (before, other):
        history.append(each)

    async def work() -> Hand:
        hand, _ = live(history=home / "history")
        assert "GBP 700.00 owed" in hand.text()
        assert "JPY" not in hand.text()
        await _sign_in(hand)
        return hand

    hand = asyncio.run(work())
    hand.open("GBP")
    assert "Up GBP 750,394.39 since 5 Jan 2026" in hand.text()
    kept = [each.resource for each in history.payloads(cloud="stand-in")]
    assert sorted(kept) == ["invoice_summaries", "invoice_summaries", "invoices"]
    assert "D02005YFHI" in hand.text()
    balances, invoices = (eval(line, _names()) for line in hand.box._code())  # noqa: S307
    assert set(balances["currency"]) == {"GBP", "CHF", "EUR"}
    assert invoices["invoice_id"].tolist() == ["G000024130", "G000024131", "D02005YFHI"]


def test_a_history_is_shown_from_the_start(home):
    """The cloud of its newest payload, before anything is chosen or fetched."""
    history = History(home / "history")
    history.append(payload(item("GBP", 700), cloud="global"))
    hand = Hand(dashboard(history=history))
    assert hand.control("Cloud").value is CLOUDS["global"]
    assert "GBP 700.00 owed" in hand.text()


def test_the_line_of_code_names_what_is_given_beside_a_history(home):
    """Both are shown, so both stand in it."""
    history = History(home / "history")
    history.append(payload(item("GBP", 5), partner="A"))
    given = [payload(item("GBP", 7), partner="B")]
    hand = Hand(dashboard(history=history, payloads=given, cloud="global"))
    assert "GBP 12.00 owed" in hand.text()
    shown = eval(hand.box._code()[0], _names() | {"payloads": given})  # noqa: S307
    assert shown["balance_amount"].tolist() == [5, 7]


def test_a_history_is_read_beside_the_kernels_other_work(home):
    """A large one takes its time, in which other cells can run."""
    may_read = Event()

    class Slow(History):
        def payloads(self, **choices: Any) -> Any:
            assert choices["cloud"] == "sample" or may_read.wait(30)
            return super().payloads(**choices)

    history = Slow(home / "history")
    history.append(payload(item("GBP", 700), cloud="global"))

    async def work() -> None:
        hand = Hand(dashboard(history=history, cloud="sample"))
        hand.choose("Cloud", "Partner Center")
        await until(lambda: "Reading the history." in hand.text())
        assert hand.control("Cloud").disabled
        may_read.set()
        await _idle(hand)
        assert "GBP 700.00 owed" in hand.text()
        assert not hand.control("Cloud").disabled

    asyncio.run(work())


def test_a_damaged_history_is_told_when_its_cloud_is_chosen(home):
    """A callback's exception is seen nowhere else."""
    history = History(home / "history")
    history.append(payload(item("GBP", 700), cloud="global"))
    for file in (home / "history" / "payloads").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-20])
    hand = Hand(dashboard(history=history, cloud="sample"))
    hand.choose("Cloud", "Partner Center")
    assert "damaged" in hand.text()
    asyncio.run(hand.box._refresh())  # which has an error of its own to tell, and no other
    assert "client id" in hand.text()
    hand.choose("Cloud", "Sample data")
    assert "Balance owed 751,094.39" in hand.text()


def test_a_profile_that_there_is_none_of_is_told():
    """By name, with those that there are; one last chosen and gone since is forgotten."""
    with pytest.raises(ConfigurationError, match="no profile 'gone'"):
        dashboard(profile="gone")


def test_sessions_of_ones_own_are_not_mixed_up():
    """A dashboard of one cloud shows nothing of another."""
    payloads = [
        payload(item("GBP", 5), cloud="global", partner="A"),
        payload(item("USD", 7), cloud="china", partner="B"),
    ]
    hand = Hand(dashboard(payloads=payloads))
    assert hand.control("Cloud").value is CLOUDS["china"]
    assert "USD 7.00" in hand.text()
    assert "GBP" not in hand.text()
