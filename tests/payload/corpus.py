"""Answers by name: what is read, with its figures, and what is refused, with the words.

Most are one currency with one invoice type, both with the same figures, in which one thing is odd.
"""

from __future__ import annotations

import base64
import gzip
import json
from decimal import Decimal
from typing import Any, NamedTuple

from pcnotebooks.payload.sample import sample_payload
from tests.builders import NONE, body, detail, item


class Row(NamedTuple):
    """What a frame has to say of a currency and invoice type."""

    currency: str = "GBP"
    invoice_type: str | None = "OneTime"
    balance: str = "12.34"
    paid: str | None = "5"
    paid_on: str | None = "2024-02-20T00:00:00+00:00"
    invoiced: str | None = "2024-02-08T00:00:00+00:00"


class Refusal(NamedTuple):
    """What the error has to say, after whose answer it is."""

    message: str
    path: str | None = None
    remedy: str = "Save the payload and report it: the service may have changed its answer."


class Literal(str):
    """JSON to be put into an answer as it is."""

    __slots__ = ()


def sent(
    currency: Any = "GBP",
    invoice_type: Any = "OneTime",
    balance: Any = Decimal("12.34"),
    **fields: Any,
) -> bytes:
    """Return the answer of one currency and invoice type."""
    literals = {}
    for name, value in {"balanceAmount": balance, **fields}.items():
        if isinstance(value, Literal):
            literals[f'"<{name}>"'.encode()] = value.encode()
            fields[name] = f"<{name}>"
    balance = fields.pop("balanceAmount", balance)
    paid = {"lastPaymentDate": "2024-02-20T00:00:00Z", "lastPaymentAmount": 5}
    part = detail(invoice_type, balance, currency=currency, **paid | fields)
    answer = body(item(currency, balance, part, **paid | fields))
    for mark, literal in literals.items():
        answer = answer.replace(mark, literal)
    return answer


def money(amount: str) -> bytes:
    """Return the answer in which both balances are this JSON."""
    return sent(balance=Literal(amount))


def paid_on(stamp: Any) -> bytes:
    """Return the answer with this date of the last payment."""
    return sent(lastPaymentDate=stamp)


def of_type(invoice_type: Any) -> bytes:
    """Return the answer with this invoice type."""
    return sent(invoice_type=invoice_type)


PLAIN = sent()
ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in "balanceAmount").encode()
EXAMPLE = sample_payload().body
TEXT = EXAMPLE.decode()
NEVER = Row(paid="0", paid_on=None)
BALANCE = "$.items[0].balanceAmount"
PAID_ON = "$.items[0].lastPaymentDate"

READ: dict[str, tuple[bytes, list[Row]]] = {
    # Encodings and spellings of JSON
    "plain": (PLAIN, [Row()]),
    "byte order mark": (b"\xef\xbb\xbf" + PLAIN, [Row()]),
    "spaces around": (b"\r\n\t " + PLAIN + b" \r\n", [Row()]),
    "indented with tabs and CRLF": (
        json.dumps(json.loads(PLAIN), indent="\t").replace("\n", "\r\n").encode(),
        [Row()],
    ),
    "every letter of a name escaped": (
        PLAIN.replace(b"balanceAmount", ESCAPED),
        [Row()],
    ),
    "a type in escapes": (PLAIN.replace(b'"OneTime"', rb'"\u004fne\u0054ime"'), [Row()]),
    "a symbol beyond the first plane": (sent(currencySymbol="\U0001f4b7"), [Row()]),
    "line separators in a text": (sent(currencySymbol="\u2028\u2029\x7f"), [Row()]),
    "a byte order mark in a text": (sent(currencySymbol="\ufeff"), [Row()]),
    "right to left": (of_type("\u202eegap"), [Row(invoice_type="\u202eegap")]),
    # Dates
    "Z": (paid_on("2024-02-20T23:30:00Z"), [Row(paid_on="2024-02-20T23:30:00+00:00")]),
    "no zone": (paid_on("2024-02-20T23:30:00"), [Row(paid_on="2024-02-20T23:30:00+00:00")]),
    "a day alone": (paid_on("2024-02-20"), [Row()]),
    "a zone that moves the day on": (
        paid_on("2024-02-20T20:00:00-08:00"), [Row(paid_on="2024-02-21T04:00:00+00:00")]),
    "a zone that moves the day back": (
        paid_on("2024-02-20T01:00:00+05:45"), [Row(paid_on="2024-02-19T19:15:00+00:00")]),
    "a zone that moves the year": (
        paid_on("2023-12-31T23:59:59-00:01"), [Row(paid_on="2024-01-01T00:00:59+00:00")]),
    "minus no offset": (paid_on("2024-02-20T00:00:00-00:00"), [Row()]),
    **{
        f"{digits} decimals of a second": (
            paid_on(f"2024-02-20T23:59:59.{'9876543'[:digits]}Z"),
            [Row(paid_on=f"2024-02-20T23:59:59.{'9876543'[:digits][:6]:0<6}+00:00")],
        )
        for digits in range(1, 8)
    },
    "nine decimals of a second": (
        paid_on("2024-02-20T23:59:59.999999999"),
        [Row(paid_on="2024-02-20T23:59:59.999999+00:00")]),
    "a leap day": (paid_on("2000-02-29T00:00:00"), [Row(paid_on="2000-02-29T00:00:00+00:00")]),
    "before 1970": (
        paid_on("1969-12-31T23:59:59.5"), [Row(paid_on="1969-12-31T23:59:59.500000+00:00")]),
    "the first day of SQL Server": (
        paid_on("1753-01-01"), [Row(paid_on="1753-01-01T00:00:00+00:00")]),
    ".NET's last date": (
        sent(latestInvoiceDate="9999-12-31T23:59:59.9999999"),
        [Row(invoiced="9999-12-31T23:59:59.999999+00:00")]),
    "an invoice due after the last day": (
        sent(latestInvoiceDate="9999-12-01T00:00:00Z"),
        [Row(invoiced="9999-12-01T00:00:00+00:00")]),
    "a payment tomorrow": (
        paid_on("2024-03-06T00:00:00Z"), [Row(paid_on="2024-03-06T00:00:00+00:00")]),
    "zones mixed in an answer": (
        sent(lastPaymentDate="2024-02-20T00:00:00", latestInvoiceDate="2024-02-08T05:30:00+05:30",
             accountingDate="2024-03-01T00:00:00.1234567Z"), [Row()]),
    # No date
    **{
        f"never paid, {name}": (sent(lastPaymentDate=stamp, lastPaymentAmount=0), [NEVER])
        for name, stamp in {
            "as .NET writes it": NONE,
            "with Z": NONE + "Z",
            "with seven decimals": NONE + ".0000000",
            "west of London": NONE + "-12:00",
            "east of London": NONE + "+14:00",
            "in the year 1": "0001-12-31T23:59:59.9999999Z",
            "as a day": "0001-01-01",
            "null": None,
            "missing": ...,
        }.items()
    },
    "no date anywhere": (
        sent(lastPaymentDate=NONE, lastPaymentAmount=Decimal("0.00"), latestInvoiceDate=NONE + "Z",
             accountingDate=NONE, firstInvoiceCreationDate=NONE + "+01:00"),
        [NEVER._replace(paid="0.00", invoiced=None)]),
    "no date beside a payment": (paid_on(NONE), [Row(paid_on=None)]),
    "a date beside no payment": (sent(lastPaymentAmount=None), [Row(paid=None)]),
    "neither": (
        sent(lastPaymentAmount=..., lastPaymentDate=...), [Row(paid=None, paid_on=None)]),
    # Invoice types
    "an unknown type": (of_type("Perpetual"), [Row(invoice_type="Perpetual")]),
    "a type in small letters": (of_type("onetime"), [Row()]),
    "a type in capitals": (of_type("ONE_TIME"), [Row()]),
    "an odd-cased type": (of_type("rEcurRing"), [Row(invoice_type="Recurring")]),
    "a type with spaces around": (of_type(" Recurring\n"), [Row(invoice_type="Recurring")]),
    "a blank type": (of_type(" \t"), [Row(invoice_type=None)]),
    "an empty type": (of_type(""), [Row(invoice_type=None)]),
    "a type that is null": (of_type(None), [Row(invoice_type=None)]),
    "no type": (of_type(...), [Row(invoice_type=None)]),
    "a type called nan": (of_type("nan"), [Row(invoice_type="nan")]),
    "a type called None": (of_type("None"), [Row(invoice_type="None")]),
    "a type of only underscores": (of_type("___"), [Row(invoice_type="___")]),
    "a type of 5,000 letters": (of_type("x" * 5_000), [Row(invoice_type="x" * 5_000)]),
    # Amounts
    **{
        f"a balance of {amount}": (money(amount), [Row(balance=amount.strip('"'))])
        for amount in (
            "0", "-0", "0.00", "1", "-1", "12", "-751094.39", "0.1", "0.005", "1.5e3", "25E-2",
            "7.5109439E+5", "-1e-3", '"12.50"', '"-1E2"', '"+5"', '".5"', '"5."', '"007"',
            "900719925474099.3", "123456789012345.67", "999999999999999.9999", "-999999999999999",
            "1e14", "1e-28", "0." + "1" * 28, "9" * 15 + "." + "9" * 28,
        )
    },
    # Currencies
    "yen": (sent("JPY", balance=1234), [Row("JPY", balance="1234")]),
    "yen with a fraction": (sent("JPY", balance=Decimal("0.50")), [Row("JPY", balance="0.50")]),
    "dinars": (sent("KWD", balance=Decimal("1.234")), [Row("KWD", balance="1.234")]),
    "an unknown code": (sent("XTS"), [Row("XTS")]),
    "a code that is none": (sent("Q1"), [Row("Q1")]),
    "a code in small letters": (sent("gbp"), [Row()]),
    "a code with spaces around": (sent(" GBP\t"), [Row()]),
    "a currency stated twice": (
        body(*json.loads(PLAIN)["items"] * 2), [Row(), Row()]),
    "a currency stated twice, once in small letters": (
        body(*json.loads(PLAIN)["items"], *json.loads(sent("gbp"))["items"]), [Row(), Row()]),
    "300 currencies": (
        body(*(json.loads(sent(f"C{n:03}"))["items"][0] for n in range(300))),
        [Row(f"C{n:03}") for n in range(300)]),
    # Shapes
    "no items": (body(), []),
    "nothing but what is needed": (
        b'{"items":[{"currencyCode":"GBP","balanceAmount":1}]}',
        [Row("GBP", None, "1", None, None, None)]),
    **{
        f"details {name}": (
            body(item("GBP", 7, details=absent, latestInvoiceDate="2024-02-08")),
            [Row("GBP", None, "7", "0", None)])
        for name, absent in {"empty": [], "null": None, "missing": ...}.items()
    },
    "fields of a later version at each level": (
        PLAIN.replace(b"{", b'{"new":[1,{"x":null}],"": 1E400,"items2":{},').replace(
            b'"headers":[]', b'"headers":[[[]]]'), [Row()]),
    "details that do not add up": (
        body(item("GBP", Decimal("12.35"), detail("OneTime", Decimal("12.34"), lastPaymentAmount=5,
                  lastPaymentDate="2024-02-20"))), [Row()]),
    "a type stated twice": (
        body(item("GBP", None, detail("OneTime", 1), detail("one_time", 2))),
        [NEVER._replace(balance="1"), NEVER._replace(balance="2")]),
    "1,000 details": (
        body(item("GBP", None, *(detail("OneTime", Decimal("0.01")) for _ in range(1_000)))),
        [NEVER._replace(balance="0.01")] * 1_000),
    "a field stated twice, with one value": (
        PLAIN.replace(b'"balanceAmount":', b'"balanceAmount":12.340,"balanceAmount":'), [Row()]),
    "items stated twice, with the same bytes": (
        b"{%s,%s}" % ((b'"items":[{"currencyCode":"GBP","balanceAmount":1}]',) * 2),
        [Row("GBP", None, "1", None, None, None)]),
    "what nobody reads stated twice": (
        PLAIN.replace(b'"links":{', b'"links":{"next":1,"next":2,"balanceAmount":5,'), [Row()]),
    "nested 500 deep where nobody looks": (
        PLAIN.replace(b"{", b'{"x":' + b"[" * 500 + b"]" * 500 + b",", 1), [Row()]),
    "a part without a currency of its own": (
        body(item("GBP", 7, {"invoiceType": "OneTime", "summary": {"balanceAmount": 7}})),
        [Row(balance="7", paid=None, paid_on=None, invoiced=None)]),
    "a part whose currency is in small letters": (
        body(item("GBP", None, detail("OneTime", 7, currency="gbp"))),
        [NEVER._replace(balance="7")]),
}  # fmt: skip

ADDRESS = "Invoice summaries are JSON: check which address gave this answer."
UNCHANGED = "Save the answer's bytes unchanged; JSON is exchanged in UTF-8."
EMPTY = Refusal(
    "The body is empty where JSON was expected.",
    remedy="Fetch again; if it stays empty, a proxy or gateway swallows the answer.",
)
AGAIN = "The answer was cut off on its way or while it was saved: fetch again."
PROXY = (
    "A proxy, firewall or sign-in page answered in Partner Center's place:"
    " ask the network's administrators to allow the API host."
)


SUMMARY = "$.items[0].details[0].summary"


def at(path: str, shown: str) -> Refusal:
    """Return the refusal of a value of the wrong kind, or of its absence."""
    return Refusal(f"{path} is {shown}.", path)


def no_money(shown: str, path: str = BALANCE) -> Refusal:
    """Return the refusal of an amount."""
    return at(path, f"{shown!r}, not an amount of money")


def no_date(shown: str) -> Refusal:
    """Return the refusal of a date of payment."""
    return at(PAID_ON, f"{shown!r}, not a date")


def no_code(shown: str) -> Refusal:
    """Return the refusal of a currency code."""
    return at("$.items[0].currencyCode", f"{shown!r}, not a currency code")


def no_json(reason: str, answer: bytes) -> Refusal:
    """Return the refusal of what is no JSON."""
    shown = answer[:60].decode("utf-8", "replace")
    return Refusal(f"The body is not JSON ({reason}): {shown!r}.", remedy=ADDRESS)


def no_utf_8(place: int, byte: int) -> Refusal:
    """Return the refusal of another encoding."""
    return Refusal(f"The body is not UTF-8: byte {place} is 0x{byte:02x}.", remedy=UNCHANGED)


def cut(size: int, end: str) -> Refusal:
    """Return the refusal of an answer that was cut off."""
    return Refusal(f"The body ends in the middle, after {size} bytes: ...{end!r}.", remedy=AGAIN)


def page(start: str) -> Refusal:
    """Return the refusal of a page."""
    return Refusal(f"The body is HTML or XML, not JSON: {start!r}.", remedy=PROXY)


def not_read(*answers: tuple[str, bytes, str]) -> dict[str, tuple[bytes, Refusal]]:
    """Return the entries of what the JSON reader itself refuses, with its reason."""
    return {name: (answer, no_json(reason, answer)) for name, answer, reason in answers}


REFUSED: dict[str, tuple[bytes, Refusal]] = {
    # Encodings
    "UTF-16": (TEXT.encode("utf-16"), no_utf_8(0, 0xFF)),
    "UTF-16, the large end first": (b"\xfe\xff" + TEXT.encode("utf-16-be"), no_utf_8(0, 0xFE)),
    "UTF-16 without a mark": (PLAIN.decode().encode("utf-16-le"), no_utf_8(174, 0xA3)),
    "UTF-32": (PLAIN.decode().encode("utf-32"), no_utf_8(0, 0xFF)),
    "Latin-1": (PLAIN.decode().encode("latin-1"), no_utf_8(87, 0xA3)),
    "a euro in Windows' code": (b'{"x": "\x80"}', no_utf_8(7, 0x80)),
    "an overlong letter": (b'{"x":"\xc0\xa2"}', no_utf_8(6, 0xC0)),
    "half a character in UTF-8": (b'{"x":"\xed\xa0\x80"}', no_utf_8(6, 0xED)),
    "still compressed": (gzip.compress(PLAIN), no_utf_8(1, 0x8B)),
    "a picture": (b"\x89PNG\r\n\x1a\n", no_utf_8(0, 0x89)),
    # Nothing, pages, other formats
    "empty": (b"", EMPTY),
    "a byte order mark alone": (b"\xef\xbb\xbf", EMPTY),
    "blank": (b" \r\n\t", EMPTY),
    "a sign-in page": (
        b"<!doctype html><title>Sign in</title>", page("<!doctype html><title>Sign in</title>")),
    "XML": (
        b"\xef\xbb\xbf \n<?xml version='1.0'?><items/>",
        page(" \n<?xml version='1.0'?><items/>")),
    "a page in Latin-1": (b"<p>\xa3" + b"x" * 80, page("<p>\ufffd" + "x" * 56)),
    **not_read(
        ("plain text", b"Bad gateway", "invalid character (byte 0)"),
        ("CSV", b"partner,currency\r\nContoso,GBP\r\n", "invalid character (byte 0)"),
        ("PDF", b"%PDF-1.7", "invalid character (byte 0)"),
        ("a zip file", b"PK\x03\x04\x00\x00", "invalid character (byte 0)"),
        ("base64", base64.b64encode(PLAIN), "invalid character (byte 0)"),
        ("UTF-16 of ASCII", '{"items": []}'.encode("utf-16-le"),
         "object keys must be strings (byte 1)"),
        ("a guard against scripts", b")]}',\n" + PLAIN, "invalid character (byte 0)"),
        ("a script", b'callback({"items": []})', "invalid character (byte 0)"),
        ("a comment", b'{"items": [] /* none */}', "expected ',' or '}' (byte 13)"),
        ("single quotes", b"{'items': []}", "object keys must be strings (byte 1)"),
        ("a comma too many", b'{"items": [],}', "trailing comma in object (byte 13)"),
        ("two answers", b'{"items": []}\n{"items": []}', "trailing characters (byte 15)"),
        ("NUL at the end", b'{"items": []}\0', "trailing characters (byte 14)"),
        ("a control character", b'{"items": "\x01"}', "invalid character (byte 11)"),
        ("half a character escaped", rb'{"x": "\ud800 and more"}',
         "unexpected end of hex escape (byte 13)"),
        ("NaN", b'{"items": [{"balanceAmount": NaN}]}', "invalid character (byte 29)"),
        ("-Infinity", b'{"items": [{"balanceAmount": -Infinity}]}', "invalid character (byte 30)"),
        ("hexadecimal", b'{"items": [{"balanceAmount": 0x10}]}', "expected ',' or '}' (byte 30)"),
        ("a leading zero", b'{"items": [{"balanceAmount": 007}]}', "invalid number (byte 30)"),
        ("wrong, and then no JSON", b'{"items": 5, "x": nonsense}', "invalid character (byte 19)"),
        ("deep nesting", b'{"items": [], "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
         "maximum recursion depth exceeded while deserializing an object"),
    ),
    "two byte order marks": (
        b"\xef\xbb\xbf" * 2 + PLAIN,
        no_json("invalid character (byte 0)", b"\xef\xbb\xbf" + PLAIN)),
    # Cut off
    "a single brace": (b"{", cut(1, "{")),
    "cut in a name": (b'{"items": [{"curr', cut(17, '{"items": [{"curr')),
    "cut in the example": (EXAMPLE[:200], cut(200, EXAMPLE[160:200].decode())),
    "wrong, and then cut": (b'{"items": 5,', cut(12, '{"items": 5,')),
    # Other JSON
    "null": (b"null", at("$", "null. Expected `object`, got `null`")),
    "a list": (b"[]", at("$", "[]. Expected `object`, got `array`")),
    "a number": (b"12", at("$", "12. Expected `object`, got `int`")),
    "an answer in a text": (
        json.dumps('{"items": []}').encode(),
        at("$", r'"{\"items\": []}". Expected `object`, got `str`')),
    "an error of the service": (
        b'{"code": 900420, "description": "Unauthorized", "data": []}',
        at("$.items", "missing; the object holds code, description, data")),
    "a file that save wrote": (
        b'{"format": "pcnotebooks.payload", "version": 1, "body": "{}"}',
        at("$.items", "missing; the object holds format, version, body")),
    "another case": (b'{"Items": []}', at("$.items", "missing; the object holds Items")),
    "nothing": (b"{}", at("$.items", "missing; the object holds nothing")),
    "many other fields": (
        json.dumps({f"field{n}": n for n in range(20)}).encode(),
        at("$.items", "missing; the object holds "
           "field0, field1, field2, field3, field4, field5, field6, field7, field8, field...")),
    "items that are null": (
        b'{"items": null}', at("$.items", "null. Expected `array`, got `null`")),
    "items by name": (
        b'{"items": {"0": {}}}', at("$.items", '{"0": {}}. Expected `array`, got `object`')),
    "items stated twice, once wrongly": (
        b'{"items": [1], "items": []}',
        at("$.items[0]", "stated twice, once wrongly. Expected `object`, got `int`")),
    # Names stated twice, of which some programs read the first and others the last
    **{
        f"{new.decode()} stated twice": (
            PLAIN.replace(old, new, 1), at(path, f"stated twice, as {shown}"))
        for old, new, path, shown in (
            (b'"balanceAmount":', b'"balanceAmount":99,"balanceAmount":', BALANCE, "99 and 12.34"),
            (b'"balanceAmount":', b'"%s":99,"balanceAmount":' % ESCAPED, BALANCE, "99 and 12.34"),
            (b'"lastPaymentAmount":5', b'"lastPaymentAmount":null,"lastPaymentAmount":5',
             "$.items[0].lastPaymentAmount", "null and 5"),
            (b'"latestInvoiceDate":', b'"latestInvoiceDate":"2020-01-01","latestInvoiceDate":',
             "$.items[0].latestInvoiceDate", '"2020-01-01" and "2024-02-08T00:00:00"'),
            (b'"currencyCode":', b'"currencyCode":"EUR","currencyCode":',
             "$.items[0].currencyCode", '"EUR" and "GBP"'),
            (b'"invoiceType":', b'"invoiceType":"Recurring","invoiceType":',
             "$.items[0].details[0].invoiceType", '"Recurring" and "OneTime"'),
        )
    },
    "an empty item": (b'{"items": [{}]}', at(BALANCE, "missing; the object holds nothing")),
    "no currency": (
        b'{"items": [{"balanceAmount": 1, "currencySymbol": "x"}]}',
        at("$.items[0].currencyCode", "missing; the object holds balanceAmount, currencySymbol")),
    "an item without balance": (
        body(item(), {"currencyCode": "GBP"}),
        at("$.items[1].balanceAmount", "missing; the object holds currencyCode")),
    "a symbol that is a number": (
        sent(currencySymbol=7),
        at("$.items[0].currencySymbol", "7. Expected `str | null`, got `int`")),
    "details that are a text": (
        body(item(details="none")),
        at("$.items[0].details", '"none". Expected `array | null`, got `str`')),
    "a detail that is null": (
        body(item(details=[None])),
        at("$.items[0].details[0]", "null. Expected `object`, got `null`")),
    "a detail without summary": (
        body(item(details=[{"invoiceType": "OneTime"}])),
        at(SUMMARY, "missing; the object holds invoiceType")),
    "a summary that is a list": (
        body(item(details=[{"summary": [1]}])), at(SUMMARY, "[1]. Expected `object`, got `array`")),
    "a type that is a number": (
        of_type(7), at("$.items[0].details[0].invoiceType", "7. Expected `str | null`, got `int`")),
    # Amounts
    **{
        f"a balance of {sent_}": (money(sent_), no_money(shown))
        for sent_, shown in {
            '"NaN"': "NaN", '"sNaN"': "sNaN", '"inf"': "Infinity", '"-Infinity"': "-Infinity",
            "1e15": "1E+15", "-1000000000000000": "-1000000000000000", "1E+999999": "1E+999999",
            "9999999999999999.99": "9999999999999999.99",
            "1e-29": "1E-29", "1E-999999": "1E-999999",
            "0e99": "0E+99", "0e-71": "0E-71", "1." + "0" * 43: "1." + "0" * 43,
            "0." + "1" * 44: "0." + "1" * 44,
        }.items()
    },
    **{
        f"a balance of {shown}": (money(shown), at(BALANCE, f"{shown}. {reason}"))
        for shown, reason in {
            '"12,50"': "Invalid decimal string", '"1,000.00"': "Invalid decimal string",
            '"£12"': "Invalid decimal string", '"(12.00)"': "Invalid decimal string",
            '"0x10"': "Invalid decimal string", '""': "Invalid decimal string",
            '"<b>12</b>"': "Invalid decimal string", "null": "Expected `decimal`, got `null`",
            "true": "Expected `decimal`, got `bool`", "[1]": "Expected `decimal`, got `array`",
            "{}": "Expected `decimal`, got `object`",
        }.items()
    },
    "a balance of 80 letters": (
        money('"' + "x" * 78 + '"'), at(BALANCE, '"' + "x" * 78 + '". Invalid decimal string')),
    "a balance of 81 letters": (
        money('"' + "x" * 79 + '"'), at(BALANCE, '"' + "x" * 76 + ".... Invalid decimal string")),
    "a payment of NaN": (
        sent(lastPaymentAmount="NaN"), no_money("NaN", "$.items[0].lastPaymentAmount")),
    "too large a payment of a part": (
        body(item("GBP", None, detail("OneTime", 1, lastPaymentAmount=10**15))),
        no_money("1000000000000000", f"{SUMMARY}.lastPaymentAmount")),
    "too large a balance of a part": (
        body(item("GBP", 0, detail("OneTime", Decimal("-1e15")))),
        no_money("-1E+15", f"{SUMMARY}.balanceAmount")),
    # Dates
    **{
        f"paid on {shown!r}": (paid_on(shown), no_date(shown))
        for shown in (
            "", " ", "soon", "2024-02-30", "1900-02-29", "2100-02-29", "2024-13-01", "2024-00-10",
            "0000-00-00T00:00:00", "10000-01-01", "2024-2-5", "20240220", "2024-W08-2", "2024-051",
            "20/02/2024", "02/20/2024", "Tue, 20 Feb 2024 00:00:00 GMT", "1708387200",
            "/Date(1708387200000)/", "2024-02-20 00:00:00", "2024-02-20t00:00:00",
            "2024-02-20T00:00:00z", "2024-02-20T", "2024-02-20T00:00", "2024-02-20T24:00:00",
            "2024-02-20T00:00:60", "2024-02-20T00:00:00.", "2024-02-20T00:00:00,5",
            "2024-02-20T00:00:00.1234567890", "2024-02-20T00:00:00+24:00",
            "2024-02-20T00:00:00+0530", "2024-02-20T00:00:00 Z", " 2024-02-20", "2024-02-20\n",
            "9999-12-31T23:00:00-08:00", "-2024-02-20", "1" * 30, "\uff12\uff10\uff12\uff14-02-20",
        )
    },
    "paid on a number": (
        paid_on(20240220),
        at("$.items[0].lastPaymentDate", "20240220. Expected `str | null`, got `int`")),
    # Currencies
    **{
        f"the code {shown!r}": (sent(shown), no_code(shown))
        for shown in ("", "  ", "£", "GBP/EUR", "<b>", "A" * 9, "GB\nP", "g\u0131p",
                      "\uff27\uff22\uff30", "\ufb01m", "=1+1")
    },
    "a part in another currency": (
        body(item("GBP", None, detail("OneTime", 7, currency="EUR"))),
        at(f"{SUMMARY}.currencyCode", "'EUR', not the item's GBP")),
}  # fmt: skip
