"""The raw answer is kept to the byte, and read exactly or refused with the reason."""

import errno
import hashlib
import json
import os
import random
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcnotebooks import render_report, write_csv, write_excel
from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, PayloadError
from pcnotebooks.payload.decode import decode, require_json
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from tests.builders import AT, body, detail, item, payload

BODIES = {
    "the documented example": sample_payload().body,
    "byte order mark": b"\xef\xbb\xbf" + sample_payload().body,
    "UTF-16": sample_payload().body.decode().encode("utf-16"),
    "Latin-1": sample_payload().body.decode().replace("€", "").encode("latin-1"),
    "empty": b"",
    "NUL, newlines, tabs": b'\x00\r\n\t"\\\x7f',
    "every byte": bytes(range(256)),
    "line separators": "\u2028\u2029\ufeff\uffff\U0001f4b7".encode(),
}


def of(body: bytes, **fields) -> Payload:
    """Return a payload of that body."""
    return Payload(**{"body": body, "cloud": "global", "partner": "Contoso", "retrieved_at": AT}
                   | fields)  # fmt: skip


def refusal(body: bytes) -> PayloadError:
    """Return the error that reading the body raises."""
    with pytest.raises(PayloadError) as caught:
        decode(of(body))
    return caught.value


def test_retrieved_at_is_kept_in_utc():
    """An aware time of any zone is the same moment in UTC."""
    zone = timezone(timedelta(hours=-8))
    kept = of(b"", retrieved_at=datetime(2024, 3, 4, 22, tzinfo=zone)).retrieved_at
    assert kept == AT
    assert kept.tzinfo is UTC


def test_a_naive_time_is_refused():
    """A time without a zone could be any of 38 moments."""
    with pytest.raises(PayloadError, match=r"2024-03-05T06:00:00 has no time zone") as caught:
        of(b"", retrieved_at=AT.replace(tzinfo=None))
    assert caught.value.remedy == "Pass a datetime with a time zone, such as datetime.now(UTC)."


@pytest.mark.parametrize("when", ["2024-03-05", None, AT.date()])
def test_what_is_no_datetime_is_refused(when):
    """A text or a day in place of retrieved_at is named, not stumbled over."""
    with pytest.raises(PayloadError, match="retrieved_at") as caught:
        of(b"", retrieved_at=when)
    assert caught.value.remedy == "Pass a datetime with a time zone, such as datetime.now(UTC)."


@pytest.mark.parametrize("body", ["{}", bytearray(b"{}"), None])
def test_a_body_that_is_not_bytes_is_refused(body):
    """Text has lost the bytes that were sent."""
    with pytest.raises(PayloadError, match=type(body).__name__) as caught:
        of(body)
    assert caught.value.remedy == "Pass response.content, the unchanged bytes."


def test_equal_by_value():
    """Two payloads of equal fields are one in a set; any other field tells them apart."""
    fields = {"request_id": "r", "correlation_id": "c"}
    one = of(b"{}", **fields)
    assert {one, of(b"{}", **fields)} == {one}
    for name, value in {
        "body": b"[]",
        "cloud": "china",
        "partner": "Fabrikam",
        "retrieved_at": AT + timedelta(microseconds=1),
        "request_id": None,
        "correlation_id": None,
        "resource": "invoices",
        "pages": (b"{}",),
    }.items():
        assert of(**{"body": b"{}"} | fields | {name: value}) != one


def test_a_cloud_stands_for_its_name():
    """A Cloud is kept as its name, so that a payload stays plain data."""
    cloud = Cloud("own", "", "https://login.example", "https://api.example")
    assert of(b"", cloud=cloud).cloud == "own"


def test_repr_tells_payloads_apart_and_leaves_out_the_body():
    """A list of payloads can be read; a balance is not in it."""
    assert repr(of(b"x" * 1234)) == (
        "Payload('Contoso', cloud 'global', 2024-03-05T06:00:00+00:00, 1,234 bytes)"
    )


def test_only_the_sample_cloud_is_sample_data():
    """Whether figures are an account's is told by the cloud alone."""
    assert of(b"", cloud="sample").is_sample
    assert not of(b"", partner="Contoso (sample)").is_sample


def test_sha256_is_of_the_bytes():
    """The hash is that of `sha256sum` on the body."""
    assert of(b"abc").sha256 == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_byte_and_id_comes_back(tmp_path, body):
    """What is loaded equals what was saved, whatever the bytes."""
    saved = of(body, cloud="china", request_id="r-1", correlation_id="c-1")
    assert Payload.load(saved.save(tmp_path / "a.json")) == saved


@settings(deadline=None)
@given(body=st.binary(), partner=st.text(), at=st.datetimes(timezones=st.just(UTC)))
def test_random_bytes_come_back(tmp_path_factory, body, partner, at):
    """So does any body, any partner label and any moment to the microsecond."""
    path = tmp_path_factory.getbasetemp() / "random.json"
    saved = of(body, partner=partner, retrieved_at=at)
    assert Payload.load(saved.save(path)) == saved


def test_the_path_comes_back_too(tmp_path):
    """Save returns the path, given as text or as a path."""
    assert of(b"{}").save(str(tmp_path / "a.json")) == tmp_path / "a.json"


def test_a_utf_8_body_is_readable_in_the_file(tmp_path):
    """The file is JSON that a person can read and `jq` can query."""
    path = sample_payload().save(tmp_path / "a.json")
    assert "751094.39" in json.loads(path.read_text("utf-8"))["body"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps access in lists, not in a mode")
def test_only_the_owner_can_read_it(tmp_path):
    """A new file is 0600, and so is one that replaces a file everybody could read."""
    path = tmp_path / "a.json"
    for _ in range(2):
        of(b"{}").save(path)
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path):
    """A payload that cannot be written (here: no JSON value as id) changes nothing."""
    path = of(b"old").save(tmp_path / "a.json")
    with pytest.raises(TypeError):
        of(b"new", request_id=object()).save(path)
    assert Payload.load(path).body == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_failing_replacement_leaves_no_litter(tmp_path):
    """Nothing stays behind when the place is taken by a folder."""
    (tmp_path / "a.json").mkdir()
    with pytest.raises(OSError, match=r"a\.json"):
        of(b"{}").save(tmp_path / "a.json")
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_missing_folder_is_named(tmp_path):
    """No folder is made, and the error is the one of every program."""
    with pytest.raises(FileNotFoundError) as caught:
        of(b"{}").save(tmp_path / "none" / "a.json")
    folder = str(tmp_path / "none")
    assert caught.value.args == (errno.ENOENT, "there is no such folder")
    assert caught.value.filename == folder


def test_the_file_is_written_beside_its_place(tmp_path, monkeypatch):
    """A name can be given at once only within one file system; until then the file is hidden."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    seen = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: seen.append(path) or replace(path, to))
    of(b"{}").save(tmp_path / "a.json")
    assert seen[0].parent == tmp_path
    assert seen[0].name.startswith(".pcnotebooks-")


def test_the_file_is_what_other_releases_read(tmp_path):
    """Letter by letter: a file is kept for years."""
    saved = of('{"£": 1}'.encode(), request_id="r-1").save(tmp_path / "a.json")
    assert (
        saved.read_bytes()
        == b"""{
 "format": "pcnotebooks.payload",
 "version": 1,
 "cloud": "global",
 "partner": "Contoso",
 "retrieved_at": "2024-03-05T06:00:00+00:00",
 "request_id": "r-1",
 "correlation_id": null,
 "sha256": "17158030e6d0f6901b653865c7a22e40b60c72a30a5aef357fb42aa0fc629be3",
 "labels_sha256": "74e4813ef1f505c92b194b3fecaaef0c685bd6ff1d973eb08b565a824882f576",
 "body_encoding": "utf-8",
 "body": "{\\"\\u00a3\\": 1}"
}"""
    )


def test_a_missing_file_is_an_os_error(tmp_path):
    """As everywhere in Python."""
    with pytest.raises(FileNotFoundError):
        Payload.load(tmp_path / "none.json")


def test_what_is_stated_can_be_put_right(tmp_path):
    """Cloud, partner and time given to load replace the file's own."""
    path = of(b"{}").save(tmp_path / "a.json")
    later = AT + timedelta(days=1)
    loaded = Payload.load(path, cloud="china", partner="Fabrikam", retrieved_at=later)
    assert loaded == of(b"{}", cloud="china", partner="Fabrikam", retrieved_at=later)


def test_a_byte_order_mark_before_the_file_does_no_harm(tmp_path):
    """Editors on Windows put one there."""
    path = sample_payload().save(tmp_path / "a.json")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Payload.load(path) == sample_payload()


@pytest.fixture
def saved(tmp_path) -> Path:
    """Return the path of a saved payload."""
    return sample_payload().save(tmp_path / "saved.json")


def change(path: Path, **fields) -> None:
    """Write other values into the file, as a person with an editor would."""
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


def test_cut_off_anywhere(saved):
    """A file that was cut off is refused, also where a raw answer would be welcome."""
    whole = saved.read_bytes()
    for size in range(0, len(whole.rstrip()), 7):
        saved.write_bytes(whole[:size])
        with pytest.raises(PayloadError):
            Payload.load(saved, cloud="global")


def test_a_damaged_file_is_recognised(saved):
    """The message says that the file was one of ours, not that it is unknown."""
    saved.write_bytes(saved.read_bytes()[:-20])
    with pytest.raises(
        PayloadError, match=r"saved\.json is a saved payload that is truncated"
    ) as caught:
        Payload.load(saved)
    assert caught.value.remedy == "Restore it from a backup, or fetch again."


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"body": '{"items": []}'}, "sha256 differs"),
        ({"sha256": "0" * 64}, "sha256 differs"),
        ({"version": 2}, "resource"),
        ({"version": 2, "resource": "invoices"}, "pages"),
        ({"version": 2, "resource": "orders", "pages": []}, "its resource 'orders' is unknown"),
        ({"version": 2, "resource": "invoices", "pages": [{"body": ""}]}, "body_encoding"),
        (
            {
                "version": 2,
                "resource": "invoices",
                "pages": [{"body": "", "body_encoding": "utf-8"}],
            },
            "sha256 differs",
        ),
        ({"version": 3}, "version 3, but this release reads 1 and 2"),
        ({"version": "one"}, "version"),
        ({"body_encoding": "base64"}, "cannot be read"),
        ({"body_encoding": "klingon"}, "klingon"),
        ({"body_encoding": "rot13"}, "rot13"),
        ({"body_encoding": "base64", "body": "e30=!"}, "cannot be read"),
        ({"body_encoding": "base64", "body": "eyJpdG!VtcyI6IFtdfQ=="}, "cannot be read"),
        ({"body": None}, "body"),
        ({"cloud": None}, "cloud"),
        ({"retrieved_at": "yesterday"}, "retrieved_at"),
        *(
            ({name: value}, "its cloud, partner, time or ids were changed since it was saved")
            for name, value in {
                "cloud": "china", "partner": "Fabrikam", "request_id": "r-2", "correlation_id": "",
                "retrieved_at": "2034-01-01T00:00:00+00:00", "labels_sha256": "0" * 64,
            }.items()
        ),
    ],
)  # fmt: skip
def test_changed_fields(saved, fields, reason):
    """A change is refused with the field or the value that is wrong."""
    change(saved, **fields)
    with pytest.raises(PayloadError, match=reason) as caught:
        Payload.load(saved)
    assert caught.value.remedy == "Restore it from a backup, or fetch again."


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("2024-03-05T06:00:00", "retrieved_at .* has no time zone"),
        ("0001-01-01T00:00:00+01:00", "retrieved_at"),
    ],
)
def test_a_file_without_a_hash_of_its_labels(saved, sent, reason):
    """Older releases wrote none: such a file is read, and its labels are taken as they are."""
    document = json.loads(saved.read_text("utf-8"))
    del document["labels_sha256"]
    saved.write_text(json.dumps(document | {"partner": "Fabrikam"}), "utf-8")
    assert Payload.load(saved).partner == "Fabrikam"
    change(saved, retrieved_at=sent)
    with pytest.raises(PayloadError, match=reason):
        Payload.load(saved)


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("\udcff", "\\udcff"),
        ("Caf\udce9 1", "Caf\\udce9 1"),
        ("\ud83dX", "\\ud83dX"),
        ("\U0001f4b7", ...),
    ],
)
def test_half_a_character_in_a_label_is_spelt_out(tmp_path, label, kept):
    """A shell makes such halves of bytes that are no UTF-8: no file could hold them."""
    given = replace(sample_payload(), partner=label, request_id=label, correlation_id=label)
    assert given.partner == given.request_id == (label if kept is ... else kept)
    path = given.save(tmp_path / "a.json")
    assert Payload.load(path) == given
    assert Payload.load(path, partner=label) == given
    write_excel(tmp_path / "a.xlsx", given)
    write_csv(tmp_path / "a.csv", given)
    render_report(given, tmp_path / "a.html", title=label)


def test_a_missing_field(saved):
    """A file without its partner is not guessed at."""
    kept = json.loads(saved.read_text("utf-8"))
    del kept["partner"]
    saved.write_text(json.dumps(kept), "utf-8")
    with pytest.raises(PayloadError, match="partner"):
        Payload.load(saved)


def test_flipped_bits_in_a_saved_file(saved):
    """A damaged file is refused, or the body that comes out of it is the one that went in."""
    chance = random.Random(20240305)  # noqa: S311  # damage that comes back, no secret
    whole = saved.read_bytes()
    loaded = 0
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        saved.write_bytes(damaged)
        with suppress(PayloadError):
            assert Payload.load(saved).body == sample_payload().body
            loaded += 1
    assert loaded < 50


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"a,b\n1,2\n", b"[]", b"5"])
def test_other_files(tmp_path, content):
    """A file of another kind is refused, with the way to load a raw answer."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(PayloadError, match="not a file that") as caught:
        Payload.load(path)
    assert caught.value.remedy == (
        "To load a raw answer of Partner Center, name its cloud:"
        ' Payload.load(\'other\', cloud="global", partner="..."), or in a shell'
        " --cloud global --partner NAME."
    )
    with pytest.raises(PayloadError):
        Payload.load(path, cloud="global")


@pytest.fixture
def raw(tmp_path) -> Path:
    """Return the path of an answer as curl saved it, ten days after its example."""
    path = tmp_path / "answer.json"
    path.write_bytes(b"\xef\xbb\xbf" + sample_payload().body)
    os.utime(path, (AT.timestamp(), AT.timestamp()))
    return path


def test_the_clouds_name_is_kept(raw):
    """Of a cloud's own object, too; a name that is no cloud's is refused with those that are."""
    own = Cloud("own", "Own", "https://login.example", "https://api.example")
    assert Payload.load(raw, cloud=own).cloud == "own"
    with pytest.raises(ConfigurationError, match="atlantis"):
        Payload.load(raw, cloud="atlantis")


def test_the_cloud_must_be_given(raw):
    """Nothing in a raw answer tells from which cloud it is."""
    with pytest.raises(PayloadError, match=r"answer\.json is not a file that Payload\.save"):
        Payload.load(raw)


def test_the_rest_has_defaults(raw):
    """The partner is empty, and the file's own time is when it was retrieved."""
    loaded = Payload.load(raw, cloud="us_government")
    assert loaded == Payload(raw.read_bytes(), "us_government", "", AT)


def test_a_raw_file_can_be_sample_data(raw):
    """The cloud of sample data is none of the clouds, and serves all the same."""
    assert Payload.load(raw, cloud="sample").is_sample


def test_everything_can_be_given(raw):
    """What is given counts; a Cloud serves as its name."""
    cloud = Cloud("own", "", "https://login.example", "https://api.example")
    later = AT + timedelta(days=3)
    loaded = Payload.load(raw, cloud=cloud, partner="Contoso", retrieved_at=later)
    assert loaded == Payload(raw.read_bytes(), "own", "Contoso", later)


def test_a_raw_file_that_is_no_answer_is_refused(tmp_path):
    """An error body saved by curl is found out on loading, not weeks later."""
    path = tmp_path / "answer.json"
    path.write_bytes(b'{"code": "900420", "description": "..."}')
    with pytest.raises(PayloadError, match=r"\$\.items is missing"):
        Payload.load(path, cloud="global")


def test_the_documented_example():
    """Three currencies, four details, every amount exact."""
    gbp, chf, eur = decode(sample_payload())
    assert [gbp.currency_code, chf.currency_code, eur.currency_code] == ["GBP", "CHF", "EUR"]
    assert gbp.balance_amount == Decimal("751094.39")
    assert [part.summary.balance_amount for part in gbp.details] == [
        Decimal("202955.87"),
        Decimal("548138.52"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_json():
    """Every full recording of the service began with one."""
    assert decode(of(BODIES["byte order mark"])) == decode(sample_payload())


def test_no_items_is_an_account_without_invoices():
    """An empty answer is one."""
    assert decode(payload()) == []


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        ("1000", "1000"),
        ("0", "0"),
        ("0.0", "0"),
        ("-0.0", "0"),
        ("751094.39", "751094.39"),
        ("0.1", "0.1"),
        ("-12.50", "-12.5"),
        ("1.5e3", "1500"),
        ("7.5109439E+5", "751094.39"),
        ("25e-2", "0.25"),
        ('"751094.39"', "751094.39"),
        ('"-1E2"', "-100"),
        ("9007199254740993", None),
        ("999999999999999.9999", "999999999999999.9999"),
        ("123456789012345.67", "123456789012345.67"),
        ("0.0000000001", "0.0000000001"),
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        ('"NaN"', None),
        ('"sNaN"', None),
        ('"-Infinity"', None),
        ('"inf"', None),
        ("1E+999999", None),
        ("1e-999999", None),
        ("1E+9999999999999999999999", None),
        ("1" + "0" * 10_000, None),
        ("1000000000000000", None),
        ("-1000000000000000", None),
        ('"12,50"', None),
        ('"1,000.00"', None),
        ('""', None),
        ('"£12"', None),
        ("true", None),
        ("[1]", None),
        ("{}", None),
        ("null", None),
    ],
)
def test_amounts_are_exact_or_refused(sent, amount):
    """An amount comes as it was written; what is not a bounded number is refused by path."""
    answer = b'{"items": [{"currencyCode": "GBP", "balanceAmount": %s}]}' % sent.encode()
    if amount is not None:
        assert decode(of(answer))[0].balance_amount == Decimal(amount)
        return
    error = refusal(answer)
    assert error.path in ("$.items[0].balanceAmount", None)
    if error.path is None:  # not even JSON: there is no value to point at
        assert sent.lstrip("-") in ("NaN", "Infinity")


def test_a_payment_is_checked_as_a_balance_is():
    """The amount of the last payment is bounded too, at both levels."""
    for part, path in (
        (item(lastPaymentAmount="NaN"), "$.items[0].lastPaymentAmount"),
        (
            item("GBP", None, detail("OneTime", 1, lastPaymentAmount=Decimal("1E+99"))),
            "$.items[0].details[0].summary.lastPaymentAmount",
        ),
    ):
        error = refusal(body(part))
        assert error.path == path
        assert "not an amount of money" in str(error)


def test_amounts_add_as_decimals_do():
    """Ten cents and twenty are thirty."""
    (read,) = decode(payload(item("GBP", None, detail("A", "0.1"), detail("B", "0.2"))))
    assert sum(part.summary.balance_amount for part in read.details) == Decimal("0.3")


def test_a_code_has_up_to_eight_letters_and_digits():
    """The service may invent some."""
    (read,) = decode(payload(item("POINTS24", 1)))
    assert read.currency_code == "POINTS24"


@pytest.mark.parametrize("sent", ["gbp", " GBP ", "Gbp\t"])
def test_codes_are_read_in_capitals(sent):
    """A currency code's case and spaces say nothing."""
    (read,) = decode(payload(item(sent, None, detail("OneTime", 1, currency="GBP"))))
    assert read.currency_code == "GBP"


@pytest.mark.parametrize("sent", ["", "  ", "£", "GBP/EUR", "<b>", "A" * 9, "GB\nP"])
def test_a_text_that_is_no_code_is_refused(sent):
    """It would become a heading; the path and the value are named."""
    error = refusal(body(item(sent, 1)))
    assert error.path == "$.items[0].currencyCode"
    assert repr(sent) in str(error)


def test_a_part_in_another_currency_is_refused():
    """It could not be added to its item."""
    error = refusal(body(item("GBP", None, detail("OneTime", 1, currency="EUR"))))
    assert error.path == "$.items[0].details[0].summary.currencyCode"
    assert "'EUR', not the item's GBP" in str(error)


OPTIONAL = (
    "currencySymbol",
    "accountingDate",
    "firstInvoiceCreationDate",
    "lastPaymentDate",
    "lastPaymentAmount",
    "latestInvoiceDate",
)


@pytest.mark.parametrize("absent", [None, ...], ids=["null", "missing"])
@pytest.mark.parametrize("field", [*OPTIONAL, "details", "links", "attributes"])
def test_what_may_be_absent_at_the_top(field, absent):
    """Every field of an item but its currency and balance may be null or missing."""
    (read,) = decode(payload(item("GBP", 1, detail("OneTime", 1), **{field: absent})))
    assert read.balance_amount == 1


@pytest.mark.parametrize("absent", [None, ...], ids=["null", "missing"])
@pytest.mark.parametrize("field", [*OPTIONAL, "currencyCode", "attributes"])
def test_what_may_be_absent_in_a_detail(field, absent):
    """Every field of a nested summary but its balance may be null or missing."""
    (read,) = decode(payload(item("GBP", 1, detail("OneTime", 1) | {"summary": {
        name: value
        for name, value in (detail("OneTime", 1)["summary"] | {field: absent}).items()
        if value is not ...
    }})))  # fmt: skip
    assert read.details[0].summary.balance_amount == 1


@pytest.mark.parametrize("field", ["totalCount", "links", "attributes"])
def test_what_may_be_absent_around_the_items(field):
    """Only the items matter."""
    assert len(decode(of(body(item(), **{field: ...})))) == 1


def test_unknown_fields_do_no_harm_at_any_level():
    """The service may add fields whenever it likes, of any shape."""
    new = {"futureField": {"nested": [1, None, "x"]}, "another": "1"}
    part = detail("OneTime", 1, **new) | new
    (read,) = decode(of(body(item("GBP", None, part, **new), **new)))
    assert read.details[0].summary.balance_amount == 1


@pytest.mark.parametrize(
    ("answer", "path", "value"),
    [
        (b"[]", "$", "[]"),
        (b"null", "$", "null"),
        (b'"text"', "$", '"text"'),
        (b"12", "$", "12"),
        (b"{}", "$.items", "missing"),
        (b'{"items": null}', "$.items", "null"),
        (b'{"items": {}}', "$.items", "{}"),
        (b'{"items": [null]}', "$.items[0]", "null"),
        (b'{"items": ["GBP"]}', "$.items[0]", '"GBP"'),
        (b'{"items": [{}]}', "$.items[0].balanceAmount", "missing"),
        (body(item(), item(balanceAmount=...)), "$.items[1].balanceAmount", "missing"),
        (body(item(), item(currencyCode=...)), "$.items[1].currencyCode", "missing"),
        (body(item(currencyCode=None)), "$.items[0].currencyCode", "null"),
        (body(item(currencyCode=826)), "$.items[0].currencyCode", "826"),
        (body(item(balanceAmount="abc")), "$.items[0].balanceAmount", '"abc"'),
        (body(item(balanceAmount=True)), "$.items[0].balanceAmount", "true"),
        (body(item(currencySymbol=["x"])), "$.items[0].currencySymbol", '["x"]'),
        (body(item(lastPaymentDate=20240305)), "$.items[0].lastPaymentDate", "20240305"),
        (body(item(accountingDate=False)), "$.items[0].accountingDate", "false"),
        (body(item(details={})), "$.items[0].details", "{}"),
        (body(item(details=["x"])), "$.items[0].details[0]", '"x"'),
        (body(item(details=[None])), "$.items[0].details[0]", "null"),
        (body(item(details=[{}])), "$.items[0].details[0].summary", "missing"),
        (
            body(item(details=[{"summary": None}])),
            "$.items[0].details[0].summary",
            "null",
        ),
        (
            body(item("GBP", 1, detail("A", 1), detail(7, 0))),
            "$.items[0].details[1].invoiceType",
            "7",
        ),
        (
            body(item("GBP", 1, detail("A", 1), detail("B", [0]))),
            "$.items[0].details[1].summary.balanceAmount",
            "[0]",
        ),
        (
            body(item("GBP", 1, detail("A", latestInvoiceDate={}))),
            "$.items[0].details[0].summary.latestInvoiceDate",
            "{}",
        ),
        (
            body(item(balanceAmount=["a" * 500])),
            "$.items[0].balanceAmount",
            "aaa...",
        ),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_told_by_path_and_value(answer, path, value):
    """The path leads to the value, and the value is shown, cut short where it is long."""
    error = refusal(answer)
    assert error.path == path
    assert f"{path} is {value}" in str(error) or value in str(error)
    assert len(error.message) < 250


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \r\n\t", "empty"),
        (b"<!doctype html><title>Sign in</title>", "HTML or XML"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?>", "HTML or XML"),
        (b"Bad gateway", "not JSON"),
        (b'{"items": []} {}', "not JSON"),
        (b"{'items': []}", "not JSON"),
        (b'{"items": [],}', "not JSON"),
        (BODIES["UTF-16"], "not UTF-8: byte 0 is 0xff"),
        ('{"items": []}'.encode("utf-16-le"), "not JSON"),
        (BODIES["Latin-1"], "not UTF-8: byte 128 is 0xa3"),
        (b'{"code": 1000, "description": "..."}', "holds code, description"),
    ],
)
def test_what_is_no_answer_is_told_apart(answer, words):
    """Each kind of wrong body has its own words, and a remedy."""
    error = refusal(answer)
    assert words in error.message
    assert error.remedy


@pytest.mark.parametrize("before", range(2**16 - 4, 2**16 + 2))
def test_a_character_may_lie_anywhere(before):
    """UTF-8 is checked piece by piece: a character across two is whole, a broken one is found."""
    start = b'{"items": []}'.ljust(before)
    assert decode(of(start + b" " * 4)) == []
    broken = refusal(start + b"\xe2\x82 ")
    assert f"not UTF-8: byte {before} is 0xe2" in broken.message
    assert "not UTF-8" not in refusal(start + "\N{EURO SIGN}".encode()).message
    assert f"byte {before} is 0xe2" in refusal(start + b"\xe2\x82").message


def test_partner_and_ids_are_told():
    """Of many payloads the one that failed is named, with what support asks for."""
    with pytest.raises(PayloadError, match=r"\(Contoso\)") as caught:
        decode(of(b"", request_id="r-1", correlation_id="c-1"))
    assert "request id r-1, correlation id c-1" in str(caught.value)


def test_cut_off_at_every_byte():
    """A cut answer is one PayloadError, at whichever of its 4,158 bytes."""
    whole = sample_payload().body.rstrip()
    for size in range(len(whole)):
        refusal(whole[:size])
    assert len(decode(of(whole))) == 3


def test_a_cut_is_called_a_cut():
    """The message says that the answer ends in the middle, and with what."""
    error = refusal(sample_payload().body[:200])
    assert "ends in the middle, after 200 bytes" in error.message


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b'{"items": 5,', id="then cut off"),
        pytest.param(b'{"items": 5, "x": nonsense}', id="then no JSON"),
        pytest.param(b'{"items": [1], "items": []}', id="then stated again"),
        pytest.param(
            b'{"items": [{"details": [5], "details": null, "currencyCode": "GBP"}]}',
            id="then stated again within an item",
        ),
        pytest.param(b'{"items": 5, "x": ' + b"[" * 99_999 + b"]" * 99_999 + b"}", id="deep"),
        pytest.param(b'{"items": 5, "x": ' + b"1" * 5_000 + b"}", id="a long number"),
    ],
)
def test_a_wrong_shape_in_an_answer_with_more_wrong(answer):
    """A second fault behind the first does not break the telling of either."""
    assert refusal(answer).path in (None, "$.items", "$.items[0]", "$.items[0].details[0]")


def test_deep_nesting_is_refused():
    """An answer nested without end does not end the kernel."""
    deep = b"[" * 100_000 + b"]" * 100_000
    for answer in (deep, b'{"items": %s}' % deep, b'{"x": %s, "items": []}' % deep):
        refusal(answer)
        with pytest.raises(PayloadError):
            require_json(of(answer))


@pytest.mark.filterwarnings("ignore:.*counts .* items")
def test_flipped_bits_are_read_or_refused():
    """Of 3,000 damaged answers each is read, or is one PayloadError."""
    chance = random.Random(20240305)  # noqa: S311  # damage that comes back, no secret
    whole = sample_payload().body
    refused = 0
    for _ in range(3_000):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        try:
            decode(of(bytes(damaged)))
        except PayloadError:
            refused += 1
    assert 500 < refused < 3_000


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(answer):
    """No body at all raises anything else."""
    with suppress(PayloadError):
        decode(of(answer))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["items", "details", "summary", "balanceAmount", "currencyCode"])
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(deadline=None)
@given(value=JSON)
def test_any_json_is_read_or_refused(value):
    """Nor does any JSON, in the service's names or not."""
    answer = json.dumps({"items": value}).encode()
    with suppress(PayloadError):
        decode(of(answer))


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"code": 1000}', sample_payload().body])
def test_any_json_document_passes(answer):
    """What it says is looked at later."""
    require_json(of(answer))


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\xff\xfe", b'{"items": [', b"nope"])
def test_the_error_is_that_of_decode(answer):
    """The same body is refused for the same reason, whoever finds it."""
    with pytest.raises(PayloadError) as caught:
        require_json(of(answer))
    assert caught.value.remedy == refusal(answer).remedy


def test_two_lists_are_told_apart_by_their_pages():
    """The same bytes divided into other pages are another answer, with another hash."""
    answers = [
        of(b"ab", resource="invoices"),
        of(b"a", resource="invoices", pages=[b"b"]),
        of(b"a", resource="invoices", pages=(b"b", b"")),
        of(b"", resource="invoices", pages=(b"a", b"b")),
    ]
    assert len({answer.sha256 for answer in answers}) == len(set(answers)) == 4
    assert answers[0].sha256 == of(b"ab").sha256
    lines = "".join(f"{hashlib.sha256(page).hexdigest()}\n" for page in (b"a", b"b"))
    assert answers[1].sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_repr_names_a_list_and_counts_every_byte():
    """The resource is named when it is not the summaries."""
    assert repr(of(b"x" * 1000, resource="invoices")) == (
        "Payload('Contoso', cloud 'global', invoices, 2024-03-05T06:00:00+00:00, 1,000 bytes)"
    )
    assert "1,234 bytes in 3 pages)" in repr(
        of(b"x" * 1000, resource="invoices", pages=(b"x" * 200, b"x" * 34))
    )


@pytest.mark.parametrize("resource", ["orders", "Invoices", "", None])
def test_an_unknown_resource_is_refused(resource, tmp_path):
    """It could be read as neither."""
    with pytest.raises(PayloadError, match=r"The resource .* is unknown") as caught:
        of(b"{}", resource=resource)
    assert caught.value.remedy == "Use one of invoice_summaries, invoices."
    if resource is not None:
        with pytest.raises(PayloadError, match=r"The resource .* is unknown"):
            Payload.load(tmp_path / "none", resource=resource)


@pytest.mark.parametrize("pages", [["{}"], b"{}", "{}", [None]])
def test_a_page_that_is_not_bytes_is_refused(pages):
    """Bytes in place of a sequence of them are numbers."""
    with pytest.raises(PayloadError, match="A payload's page must be bytes, not"):
        of(b"{}", resource="invoices", pages=pages)


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES)
def test_every_page_comes_back(tmp_path, content):
    """With its resource, whatever its bytes; text stays readable in the file."""
    saved = of(b"{}", resource="invoices", pages=(content, b"{}"), request_id="r")
    assert Payload.load(saved.save(tmp_path / "a.json")) == saved


def test_the_file_of_a_list(tmp_path):
    """Version 2, which an older release refuses; a payload of summaries stays version 1."""
    saved = of(b'{"items": []}', resource="invoices", pages=(b"\xff",)).save(tmp_path / "a.json")
    file = json.loads(saved.read_text("utf-8"))
    assert file["version"] == 2
    assert file["resource"] == "invoices"
    assert file["body"] == '{"items": []}'
    assert file["pages"] == [{"body": "/w==", "body_encoding": "base64"}]
    paged = json.loads(of(b"{}", pages=(b"{}",)).save(tmp_path / "b.json").read_text("utf-8"))
    assert (paged["version"], paged["resource"]) == (2, "invoice_summaries")


def test_a_page_that_was_changed_is_found_out(tmp_path):
    """Each is part of the hash, and so is their order."""
    path = of(b"{}", resource="invoices", pages=(b"[1]", b"[2]")).save(tmp_path / "a.json")
    pages = json.loads(path.read_text("utf-8"))["pages"]
    for changed in (pages[::-1], pages[:1], [], [*pages, pages[0]]):
        change(path, pages=changed)
        with pytest.raises(PayloadError, match="sha256 differs"):
            Payload.load(path)


LIST = sample_payload("invoices").body


@pytest.mark.parametrize(
    ("answer", "given", "resource"),
    [
        (sample_payload().body, None, "invoice_summaries"),
        (sample_payload().body, "invoice_summaries", "invoice_summaries"),
        (LIST, None, "invoices"),
        (b"\xef\xbb\xbf" + LIST, "invoices", "invoices"),
        (b'{"items": []}', None, "invoice_summaries"),
        (b'{"items": []}', "invoice_summaries", "invoice_summaries"),
        (b'{"items": []}', "invoices", "invoices"),
    ],
)
def test_a_raw_answer_shows_its_resource(answer, given, resource, tmp_path):
    """By its fields; without items nothing shows it."""
    path = tmp_path / "answer.json"
    path.write_bytes(answer)
    assert Payload.load(path, cloud="global", resource=given).resource == resource


@pytest.mark.parametrize(
    ("answer", "given", "words"),
    [
        (LIST, "invoice_summaries", "are invoices, not invoice summaries"),
        (sample_payload().body, "invoices", "are invoice summaries, not invoices"),
        (b'{"items": [{"balanceAmount": 1, "totalCharges": 1}]}', None, "are both"),
        (b'{"items": [{"balanceAmount": 1}, {"totalCharges": 1}]}', "invoices", "are both"),
        (b'{"items": [{"b": 1, "a": 2}]}', None, "neither .*: they state a, b"),
        (b'{"items": [{}]}', "invoices", "neither .*: they state nothing"),
        (b'{"items": [1]}', "invoices", r"^Not invoices: \$\.items\[0\] is 1"),
        (b'{"items": [1]}', None, r"^Not invoice summaries: \$\.items\[0\] is 1"),
        (
            b'{"items": [{"totalCharges": 1}]}',
            None,
            r"Not invoices: \$\.items\[0\]\.\w+ is missing",
        ),
    ],
)
def test_a_raw_answer_of_another_resource_is_refused(answer, given, words, tmp_path):
    """What is neither, or both, or not what was asked for, in words."""
    path = tmp_path / "answer.json"
    path.write_bytes(answer)
    with pytest.raises(PayloadError, match=words) as caught:
        Payload.load(path, cloud="global", resource=given)
    assert caught.value.remedy


def test_the_resource_of_a_saved_file_can_be_put_right(tmp_path):
    """If it can be read as that one."""
    path = of(LIST).save(tmp_path / "a.json")
    assert Payload.load(path, resource="invoices") == of(LIST, resource="invoices")
    with pytest.raises(PayloadError, match="Not invoice summaries"):
        Payload.load(of(LIST, resource="invoices").save(path), resource="invoice_summaries")
