"""The controls by their state; how they look and feel is tested in a browser."""

from __future__ import annotations

import re
from datetime import date, timedelta
from threading import Thread

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from pcnotebooks import (
    CLOUDS,
    Cloud,
    ConfigurationError,
    cloud_picker,
    explore,
    payment_recency,
    sample_history,
    sample_payload,
    select,
    summary_frame,
)
from tests.builders import AT, detail, item, payload


def _controls(box) -> dict:
    return {control.description: control for control in box.children[0].children}


def _html(box) -> str:
    return box.html().replace("\N{NO-BREAK SPACE}", " ")


def _choose(box, control: str, label: str) -> None:
    _controls(box)[control].label = label


def test_cloud_picker_offers_sample_data_and_every_cloud():
    """Its value is a Cloud; sample data comes first; Germany is not offered."""
    picker = cloud_picker()
    assert picker.description == "Cloud"
    assert [cloud for _, cloud in picker.options[1:]] == list(CLOUDS.values())
    assert all(isinstance(cloud, Cloud) for _, cloud in picker.options)
    assert picker.value.name == "sample"
    picker.label = "Microsoft Cloud for US Government"
    assert picker.value is CLOUDS["us_government"]


def test_shows_everything_first():
    """Each currency's balances and recency, the table, and that it is sample data."""
    html = _html(explore(summary_frame(sample_payload())))
    assert html.count('<div class="pcn-desk">') == 6
    for words in ("GBP 751,094.39 owed, 73 % OneTime", "1 of 2 never paid", "Sample data"):
        assert words in html
    assert html.count('<th scope="row" class="name">') == 4


def test_a_frame_alone_has_no_trend():
    """Partners fetched at different times are not one balance over time."""
    later = payload(item("GBP", 5), partner="Fabrikam", at=AT + timedelta(days=9))
    html = _html(explore(summary_frame(payload(item("GBP", 5)), later)))
    assert html.count('<div class="pcn-desk">') == 2
    assert "Trend" not in html


def test_currency_and_invoice_type_choose():
    """What is chosen is shown, and nothing else."""
    box = explore(summary_frame(sample_payload()))
    _choose(box, "Currency", "GBP")
    assert "CHF" not in _html(box)
    assert _html(box).count('<div class="pcn-desk">') == 2
    _choose(box, "Invoice type", "Recurring")
    assert "Recurring: GBP 202,955.87 owed<" in _html(box)
    assert _controls(box)["Currency"].impossible == ("CHF", "EUR")
    assert "548,138.52" not in _html(box)
    _choose(box, "Currency", "All")
    _choose(box, "Invoice type", "All types")
    assert _html(box).count('<div class="pcn-desk">') == 6


def test_a_choice_without_rows_names_itself_and_the_way_out():
    """No row is no error; a button leads back to rows."""
    box = explore(sample_payload())
    box.value = {"currency": "CHF", "invoice_type": "Recurring"}
    said = "Partner Center states no Recurring charges in CHF."
    assert box.text() == f"Sample data. {said}"
    assert said in _html(box)
    assert 'pcn-error"' not in _html(box)
    assert box.frame.empty
    ways = box.children[4].children
    assert [button.description for button in ways] == ["All types", "All currencies"]
    ways[0].click()
    assert box.value["invoice_type"] is None
    assert box.children[4].children == ()
    assert "CHF 1,230.33 owed" in _html(box)


def test_as_of_moves_the_days():
    """The chosen day is the one from which days are counted."""
    box = explore(summary_frame(sample_payload()))
    _controls(box)["As of"].value = pd.Timestamp("2018-03-17").date()
    assert "440 days ago" in _html(box)


def test_offers_partners_only_where_there_are_several():
    """One partner needs no control; two can be told apart by it."""
    assert "Partner" not in _controls(explore(summary_frame(sample_payload())))
    box = explore(summary_frame(*sample_history()))
    _choose(box, "Partner", "Fabrikam (sample)")
    assert "EUR" not in _html(box)
    assert "JPY" in _html(box)


def test_offers_what_is_not_stated_where_it_occurs():
    """A currency without details can be chosen by its missing type."""
    box = explore(
        summary_frame(
            payload(item("GBP", 5), item("EUR", None, detail("Rebate", 3, currency="EUR")))
        )
    )
    options = [label for label, _ in _controls(box)["Invoice type"].options]
    assert options == ["All types", "Rebate", "Not stated"]
    _choose(box, "Invoice type", "Not stated")
    assert "GBP 5.00" in _html(box)
    assert "EUR" not in _html(box)


def test_takes_the_latest_payload_only():
    """24 monthly payloads are one debt, not 24."""
    box = explore(summary_frame(*sample_history()))
    _choose(box, "Currency", "GBP")
    assert "GBP 257,081.13 owed" in _html(box)


def test_an_error_stands_in_the_widget(monkeypatch: pytest.MonkeyPatch):
    """A callback's exception, seen nowhere else, is shown with what to do, as text."""
    box = explore(summary_frame(sample_payload()))
    monkeypatch.setattr("pcnotebooks.widgets.explore.part", lambda *_, **__: 1 / 0)
    _choose(box, "Currency", "GBP")
    assert "ZeroDivisionError: division by zero" in box.children[1].value
    assert 'role="alert"' in box.children[1].value
    monkeypatch.undo()
    _choose(box, "Currency", "EUR")
    assert "EUR 1,001.12 owed" in _html(box)


def test_an_error_of_ours_brings_its_remedy(monkeypatch: pytest.MonkeyPatch):
    """What pcnotebooks raises is shown with message and remedy, markup escaped."""
    from pcnotebooks import ConfigurationError  # noqa: PLC0415

    def refuse(*_, **__):
        raise ConfigurationError("No <b>.", remedy="Do that.")

    monkeypatch.setattr("pcnotebooks.widgets.explore.part", refuse)
    html = explore(summary_frame(sample_payload())).children[1].value
    assert "No &lt;b&gt;." in html
    assert "Do that." in html


def test_no_figure_leaks_over_100_changes():
    """Callbacks draw on figures that pyplot never hears of."""
    box = explore(summary_frame(sample_payload()))
    for turn in range(100):
        _choose(box, "Currency", ("GBP", "CHF")[turn % 2])
    assert plt.get_fignums() == []


def test_a_click_opens_one_row_and_draws_no_other():
    """What stays is not sent again; an only row is open from the start."""
    box = explore(sample_payload())
    rows = box.children[3]
    assert rows.opened is None
    heads = [row.children[0].children for row in rows.children]
    assert [button.description for button, _ in heads] == ["CHF", "EUR", "GBP"]
    sent = []
    for _, cells in heads:
        cells.observe(lambda change: sent.append(change["owner"]), "value")
    heads[2][0].click()
    assert rows.opened == ("GBP", "Contoso (sample)")
    heads[0][0].click()
    assert [len(row.children) for row in rows.children] == [2, 1, 1]
    assert "CHF" in rows.children[0].children[1].value
    heads[0][0].click()
    assert rows.opened is None
    assert sent == []
    box.currency.value = "EUR"
    assert rows.opened is not None
    rows.children[0].children[0].children[0].click()
    assert rows.opened is None


def test_value_and_frame_are_observed_and_set():
    """What is chosen and the rows shown, whoever changes them."""
    box = explore(sample_payload())
    day = date(2018, 3, 16)
    nothing = {"currency": None, "invoice_type": None, "partner": None, "as_of": day}
    assert box.value == nothing
    seen = []
    box.observe(lambda change: seen.append((change["name"], change["new"])), ["value", "frame"])
    box.value = {"currency": "GBP", "as_of": "2018-03-17"}
    assert (box.currency.value, box.as_of.value) == ("GBP", date(2018, 3, 17))
    assert [name for name, _ in seen] == ["frame", "value"]
    assert seen[1][1] == nothing | {"currency": "GBP", "as_of": date(2018, 3, 17)}
    wanted = select(
        payment_recency(summary_frame(sample_payload()), as_of="2018-03-17"), currency="GBP"
    )
    pd.testing.assert_frame_equal(box.frame, wanted)
    box.as_of.value = None  # as its cross does: the day in use is filled in
    assert box.value["as_of"] == box.as_of.value == day
    box.frame = summary_frame(*sample_history())
    assert set(box.frame["currency"]) == {"GBP"}
    box.value = {"currency": None}
    assert len(box.frame) == 11
    with pytest.raises(ConfigurationError, match="The frame has no partner"):
        box.frame = pd.DataFrame({"currency": ["GBP"]})
    assert len(box.frame) == 11


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"currency": "gbp"}, "The currency 'gbp' is not available"),
        ({"invoice_type": ["Recurring"]}, "The invoice type"),
        ({"curency": "GBP"}, "The choice 'curency' is unknown"),
        ({"as_of": "soon"}, "as_of 'soon' is not a date"),
        ({"partner": ""}, "The partner '' is not available"),
    ],
)
def test_a_bad_value_is_refused_in_words(value: dict, said: str):
    """The value, the choices that there are, and nothing changed."""
    box = explore(sample_payload())
    before = box.value
    with pytest.raises(ConfigurationError, match=said):
        box.value = value
    assert box.value == before
    with pytest.raises(ConfigurationError, match="The currency 'XXX' is not available"):
        box.currency.value = "XXX"


def test_days_of_several_payloads_stay_their_own():
    """No one day is in use, so none is filled in until one is chosen."""
    later = payload(item("GBP", 5), partner="Fabrikam", at=AT + timedelta(days=9))
    box = explore([payload(item("GBP", 5)), later])
    assert box.value["as_of"] is None
    box.value = {"as_of": AT.date()}
    assert box.as_of.value == AT.date()
    box.value = {"as_of": None}
    assert box.as_of.value is None


def test_the_static_view_states_source_and_day():
    """Without the date control, days are counted from a day that the reader cannot see."""
    for payloads, source in (
        ([sample_payload()], "Sample data, not an account · retrieved 16 Mar 2018"),
        ([payload(item("GBP", 5))], "Source: Partner Center · retrieved 5 Mar 2024"),
    ):
        box = explore(summary_frame(*payloads))
        assert f"{source}</p>" in _html(box)
        box.value = {"as_of": date(2026, 5, 20)}
        assert f"{source} · as of 20 May 2026</p>" in _html(box)


def test_many_currencies_are_a_list():
    """Beyond eight values a list takes the place of the buttons, with the same value."""
    names = ["GBP", "EUR", "USD", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN"]
    few, many = (explore(payload(*(item(name, 5) for name in part))) for part in (names[:8], names))
    kinds = [type(box.currency.children[0]).__name__ for box in (few, many)]
    assert kinds == ["RadioButtons", "Dropdown"]
    many.currency.children[0].label = "PLN"
    assert many.value["currency"] == "PLN"
    with pytest.raises(ConfigurationError, match="The currency 'Peso' is not available"):
        many.currency.label = "Peso"


def test_values_of_a_long_list_that_would_leave_no_rows_are_hidden():
    """All of them, however many; each control hides its own, and all return with the choice."""
    codes = [f"{first}{second}A" for first in "ABC" for second in "ABCD"]
    given = [payload(item(code, 5), partner=f"Partner {code}") for code in codes]
    box, other = explore(given), explore(given)
    box.value = {"currency": "BBA"}
    assert box.partner.impossible == tuple(f"Partner {code}" for code in codes if code != "BBA")
    assert box.currency.impossible == ()
    hidden = re.compile(r"(\.pcn-choice-\w+) :is\(.*, option\):is\((.*)\) { display: none }")
    rule = hidden.search(box.partner.children[1].value)
    assert rule[1][1:] in box.partner._dom_classes
    assert rule[1][1:] not in other.partner._dom_classes
    places = [int(place) for place in re.findall(r"nth-child\((\d+)\)", rule[2])]
    names = [label for label, _ in box.partner.options]
    assert tuple(names[place - 1] for place in places) == box.partner.impossible
    box.value = {"currency": None}
    assert box.partner.children[1].value == ""


def test_two_threads_choose_at_once():
    """JupyterLab delivers events on two threads; each ends with a view of what is chosen last."""
    box = explore(summary_frame(*sample_history()))
    days = [pd.Timestamp("2026-01-01").date() + timedelta(days=n) for n in range(150)]
    labels = [label for label, _ in _controls(box)["Currency"].options]
    seen: list[str] = []

    def turn(control: str, values: list) -> None:
        for value in values:
            if control == "As of":
                _controls(box)[control].value = value
            else:
                _choose(box, control, value)
            if "pcn-error" in box.children[1].value:
                seen.append(box.children[1].value)

    currencies = [labels[n % len(labels)] for n in range(150)]
    threads = [
        Thread(target=turn, args=("As of", days)),
        Thread(target=turn, args=("Currency", currencies)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == []
    last = _html(box)
    _controls(box)["As of"].value = days[0]
    _controls(box)["As of"].value = days[-1]
    assert _html(box) == last
    assert box.value == {name: control.value for name, control in box.controls.items()}


def test_text_for_front_ends_without_widgets():
    """What is owed, in words, and that it is sample data."""
    bundle = explore(summary_frame(sample_payload()))._repr_mimebundle_()
    text = bundle["text/plain"].replace("\N{NO-BREAK SPACE}", " ")
    assert text.startswith("Sample data. OneTime CHF 1,230.33. OneTime EUR")


def test_exporters_get_the_same_without_a_kernel():
    """The bundle holds the widget for a live front end and the view as HTML for the others."""
    box = explore(summary_frame(sample_payload()))
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "751,094.39" in bundle["text/html"]


def test_empty_frame():
    """An account without invoices gives controls with nothing to choose, and no error."""
    box = explore(summary_frame())
    assert "No balances are stated." in _html(box)
