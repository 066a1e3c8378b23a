"""Decode an answer's bytes to typed values with exact amounts; errors name the JSON path."""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from decimal import Clamped, Context, Decimal, DecimalException, Overflow, Rounded, Subnormal
from typing import Any, NamedTuple, Protocol, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from pcnotebooks.errors import PayloadError, PcNotebooksWarning
from pcnotebooks.payload.checks import (
    BYTE_ORDER_MARK,
    Envelope,
    Kept,
    Shape,
    marks_of,
    may_repeat,
    miscounted,
    repeated,
    require_objects,
    too_many,
)
from pcnotebooks.text import is_blank

SUMMARIES, INVOICES = RESOURCES = ("invoice_summaries", "invoices")
# The service computes in .NET with up to 28 decimals. A number with more decimals, or more than 15
# digits before the point, is an attack, and adding such numbers would round.
_MONEY = Context(prec=43, Emin=-28, Emax=14, traps=[Clamped, Overflow, Rounded, Subnormal])


# A longer array is not split to describe an error, because each element would need 74 bytes.
_LOOKED_INTO = 2**22
_T = TypeVar("_T")


class Answer(Protocol):
    """Pages to decode, with the labels and ids for error messages; for example, a payload."""

    @property
    def body(self) -> bytes:
        """The bytes of the first page, unchanged."""
        ...

    @property
    def pages(self) -> tuple[bytes, ...]:
        """The bytes of every further page."""
        ...

    @property
    def resource(self) -> str:
        """One of RESOURCES."""
        ...

    @property
    def partner(self) -> str:
        """The label of the partner."""
        ...

    @property
    def request_id(self) -> str | None:
        """The request id, for Microsoft's support."""
        ...

    @property
    def correlation_id(self) -> str | None:
        """The correlation id, for Microsoft's support."""
        ...


class Page(NamedTuple):
    """One page of an answer, with its number from 1; None if it is the only one."""

    answer: Answer
    body: bytes
    number: int | None


class Figures(Kept, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """The figures of a currency, or of one invoice type in it, with dates as sent."""

    balance_amount: Decimal
    currency_symbol: str | None = None
    accounting_date: str | None = None
    first_invoice_creation_date: str | None = None
    last_payment_date: str | None = None
    last_payment_amount: Decimal | None = None
    latest_invoice_date: str | None = None


class Part(Figures, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """The nested summary of an invoice type, in the currency of its item."""

    currency_code: str | None = None


class Detail(Kept, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """An invoice type with its figures."""

    summary: Part
    invoice_type: str | None = None


class Item(Figures, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """A currency with its figures and their split by invoice type."""

    currency_code: str
    details: list[Detail] | None = None


class _Answer(msgspec.Struct, gc=False):
    items: list[Item]


class _Pieces(Envelope, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    items: list[msgspec.Raw]


_ANSWER, _PIECES = map(msgspec.json.Decoder, (_Answer, _Pieces))
_ITEM = msgspec.json.Decoder(Item)
_SHAPE = Shape(
    frozenset(["items"]),
    {"items": Shape.of(Item, details=Shape.of(Detail, summary=Shape.of(Part)))},
)


def decode(answer: Answer) -> list[Item]:
    """Return the items of an answer, with exact amounts and uppercase currency codes.

    A blank invoice type becomes None.

    Raises
    ------
    PayloadError
        If a value is wrong; the message has its JSON path and the value.
    """
    return list(items_of(answer))


def items_of(answer: Answer) -> Iterator[Item]:
    """Yield the items of an answer one by one, so that a large answer needs little memory."""
    new = first_look(answer)
    marks = 0
    counts: list[tuple[int, msgspec.Raw]] = []
    types: dict[str | None, bool] = {}  # whether an invoice type is blank
    for page in pages_of(answer, SUMMARIES):
        text = _json_bytes(page)
        pieces, envelope = _pieces_of(page, text)
        marks += marks_of(envelope)
        counts.append((len(pieces), envelope.total_count))
        for index, piece in enumerate(pieces):
            item = _item_of(page, text, piece)
            details = item.details or ()
            if new:
                marks += marks_of(item)
            path = f"$.items[{index}]"
            item.currency_code = code = currency_code(page, path, item.currency_code)
            figures: list[Item | Part] = [item, *[detail.summary for detail in details]]
            if not _sound(figures, code) and (wrong := _first_wrong(figures, code)):
                place, name, value, expected = wrong
                inner = f"{path}.details[{place - 1}].summary" if place else path
                raise wrong_value(page, f"{inner}.{name}", value, expected)
            for detail in details:
                if detail.invoice_type not in types:
                    types[detail.invoice_type] = is_blank(detail.invoice_type or "")
                if types[detail.invoice_type]:
                    detail.invoice_type = None
            yield item
    finish_look(answer, _SHAPE, marks, counts)


def _pieces_of(page: Page, text: bytes) -> tuple[list[msgspec.Raw], Envelope]:
    """Return the bytes of each item of a page, and the page without them."""
    try:
        require_objects(text)  # first, because a raw element needs 74 bytes even if it is one digit
        whole = _PIECES.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise _unreadable(page, text, _ANSWER) from None
    return whole.items, msgspec.structs.replace(whole, items=[])


def _item_of(page: Page, text: bytes, piece: msgspec.Raw) -> Item:
    """Return an item of a page; the path of a fault needs the whole page."""
    try:
        return _ITEM.decode(piece)
    except (msgspec.DecodeError, RecursionError):
        raise _unreadable(page, text, _ANSWER) from None


def in_words(resource: str) -> str:
    """Return the name of a resource as used in sentences."""
    return resource.replace("_", " ")


def pages_of(answer: Answer, resource: str) -> Iterator[Page]:
    """Yield every page of an answer; raise PayloadError if it is of another resource."""
    if answer.resource != resource:
        raise PayloadError(
            f"Expected a payload of {in_words(resource)}, got one of {in_words(answer.resource)}."
        )
    several = len(answer.pages) > 0
    for number, body in enumerate((answer.body, *answer.pages), 1):
        yield Page(answer, body, number if several else None)


# The result of checking each answer's count. A body never changes, so one check is enough.
_LOOKED_AT: WeakKeyDictionary[Answer, str | None] = WeakKeyDictionary()


def first_look(answer: Answer) -> bool:
    """Return whether an answer is checked for the first time; raise if it has too many objects."""
    if answer in _LOOKED_AT:
        return False
    if reason := too_many((answer.body, *answer.pages)):
        raise refusal(
            answer,
            reason,
            remedy="Check which address gave this answer: Partner Center needs at least 300 bytes"
            " for a figure with its dates.",
        )
    return True


def finish_look(
    answer: Answer, shape: Shape, marks: int, counts: Sequence[tuple[int, msgspec.Raw]]
) -> None:
    """Raise if an object states a name twice with different values; warn about a wrong count.

    Parameters
    ----------
    answer
        An answer that was read.
    shape
        The parts of it that are used.
    marks
        The quotation marks of the decoded pages, as `marks_of` counts them.
    counts
        The number of items of each page, and the number that it states, as sent.
    """
    bodies = (answer.body, *answer.pages)
    if answer not in _LOOKED_AT:
        if may_repeat(bodies, marks):
            for page in pages_of(answer, answer.resource):
                if found := repeated(page.body.removeprefix(BYTE_ORDER_MARK).strip(), shape):
                    path, *values = found
                    shown = " and ".join(_cut(value.decode()) for value in values)
                    raise refusal(page, f"{path} is stated twice, as {shown}.", path=path)
        _LOOKED_AT[answer] = miscounted(counts)
    if words := _LOOKED_AT[answer]:
        whose = f" ({answer.partner})" if answer.partner else ""
        name = in_words(answer.resource).capitalize()
        warnings.warn(f"{name}{whose}: {words}.", PcNotebooksWarning, stacklevel=2)


def said_of_count(answer: Answer) -> str | None:
    """Return the clause about the wrong count of a decoded answer; None if the count is right."""
    return _LOOKED_AT.get(answer)


def read_whole(page: Page, whole: msgspec.json.Decoder[_T]) -> _T:
    """Return the decoded object of a page; for callers that keep all of it."""
    text = _json_bytes(page)
    try:
        return whole.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise _unreadable(page, text, whole) from None


def currency_code(page: Page, path: str, sent: str) -> str:
    """Return the uppercase currency code of the object at a path."""
    code = sent.strip().upper()
    # Check the sent text as well: the German sharp s becomes two ASCII letters in uppercase.
    if not (sent.isascii() and is_plain_code(code)):
        raise wrong_value(page, f"{path}.currencyCode", sent, "a currency code")
    return code


def is_plain_code(code: str) -> bool:
    """Return whether a text has the form of an uppercase currency code, known or not.

    No other text may become a heading.
    """
    return code.isascii() and code.isalnum() and len(code) <= 8 and code == code.upper()


def require_json(answer: Answer) -> None:
    """Raise the same PayloadError as `decode` if a body is not a JSON document."""
    for page in pages_of(answer, answer.resource):
        text = _json_bytes(page)
        try:
            msgspec.json.decode(text, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _not_json(page, text, str(error)) from None


def wrong_value(answer: Answer | Page, path: str, value: object, expected: str) -> PayloadError:
    """Return the error of a value that is not of the expected kind."""
    return refusal(answer, f"{path} is {_cut(str(value))!r}, not {expected}.", path=path)


def stamps(items: list[Item]) -> Iterator[tuple[str, str]]:
    """Yield the JSON path and the text of every date in the items."""
    names = [name for name in Figures.__struct_fields__ if name.endswith("_date")]
    wire = dict(zip(Figures.__struct_fields__, Figures.__struct_encode_fields__, strict=True))
    for index, item in enumerate(items):
        parts = [(f"$.items[{index}].details[{position}].summary", detail.summary)
                 for position, detail in enumerate(item.details or ())]  # fmt: skip
        for path, figures in [(f"$.items[{index}]", item), *parts]:
            for name in names:
                if (text := getattr(figures, name)) is not None:
                    yield f"{path}.{wire[name]}", text


def _sound(figures: list[Item | Part], currency: str) -> bool:
    """Return whether the figures of an item are valid; checking all at once is fast."""
    amounts = [one.balance_amount for one in figures]
    amounts += [paid for one in figures if (paid := one.last_payment_amount) is not None]
    codes = {one.currency_code for one in figures}
    return codes <= {None, currency} and are_money(amounts)


def _first_wrong(figures: list[Item | Part], currency: str) -> tuple[int, str, object, str] | None:
    """Return the index, name, value and expected kind of the first wrong field."""
    for place, one in enumerate(figures):
        if not are_money([one.balance_amount]):
            return place, "balanceAmount", one.balance_amount, "an amount of money"
        paid = one.last_payment_amount
        if paid is not None and not are_money([paid]):
            return place, "lastPaymentAmount", paid, "an amount of money"
        # A part in another currency could not be added to its item.
        stated = one.currency_code
        if stated is not None and stated.strip().upper() != currency:
            return place, "currencyCode", stated, f"the item's {currency}"
    return None


def are_money(amounts: Iterable[Decimal]) -> bool:
    """Return whether every amount is finite and within bounds."""
    try:
        return all(map(Decimal.is_finite, map(_MONEY.plus, amounts)))
    except DecimalException:
        return False


def _json_bytes(page: Page) -> bytes:
    """Return the body without its byte order mark; raise if it cannot be JSON."""
    text = page.body.removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        raise refusal(
            page,
            "The body is empty where JSON was expected.",
            remedy="Fetch again; if it stays empty, a proxy or gateway swallows the answer.",
        )
    if text.lstrip()[:1] == b"<":
        raise refusal(
            page,
            f"The body is HTML or XML, not JSON: {_excerpt(text)}.",
            remedy="A proxy, firewall or sign-in page answered in Partner Center's place:"
            " ask the network's administrators to allow the API host.",
        )
    if (place := _not_utf_8(text)) is not None:
        raise refusal(
            page,
            f"The body is not UTF-8: byte {place} is 0x{text[place]:02x}.",
            remedy="Save the answer's bytes unchanged; JSON is exchanged in UTF-8.",
        )
    return text


def _not_utf_8(text: bytes) -> int | None:
    """Return the index of the first byte that is not UTF-8; small chunks fit the CPU cache."""
    view, place = memoryview(text), 0
    while place < len(text):
        end = place + 2**16
        try:
            place += codecs.utf_8_decode(view[place:end], "strict", end >= len(text))[1]
        except UnicodeDecodeError as error:
            return place + error.start
    return None


def _unreadable(page: Page, text: bytes, whole: msgspec.json.Decoder[Any]) -> PayloadError:
    """Return the error of an unreadable page, with the place of the fault."""
    try:
        whole.decode(text)
    except msgspec.ValidationError as error:
        return _wrong_shape(page, text, str(error))
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(page, text, str(error))
    raise AssertionError("the page is readable as a whole, but not item by item")


def _not_json(page: Page, text: bytes, reason: str) -> PayloadError:
    if "truncated" in reason:
        return refusal(
            page,
            f"The body ends in the middle, after {len(text):,} bytes: ...{_excerpt(text[-40:])}.",
            remedy="The answer was cut off on its way or while it was saved: fetch again.",
        )
    return refusal(
        page,
        f"The body is not JSON ({reason.removeprefix('JSON is malformed: ')}): {_excerpt(text)}.",
        remedy=f"{in_words(page.answer.resource).capitalize()} are JSON:"
        " check which address gave this answer.",
    )


def _wrong_shape(page: Page, text: bytes, reason: str) -> PayloadError:
    """Return the error of a wrong value, with the path from msgspec's reason and the value."""
    complaint, _, place = reason.partition(" - at ")
    path = place.strip("`") or "$"
    try:
        value = msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(page, text, str(error))  # a later part of the text is not JSON
    try:
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            if name:
                value = msgspec.json.decode(value, type=dict[str, msgspec.Raw])[name]
            elif len(value) > _LOOKED_INTO:
                return refusal(page, f"{path}: {complaint}.", path=path)
            else:
                value = msgspec.json.decode(value, type=list[msgspec.Raw])[int(index)]
        shown = _cut(bytes(value).decode())
    except (msgspec.ValidationError, LookupError):
        shown = "stated twice, once wrongly"  # only the second of two equal names is found
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        path = f"{path}.{missing[1]}"
        names = msgspec.json.decode(value, type=dict[str, msgspec.Raw]) if "{" in shown else {}
        shown, complaint = f"missing; the object holds {_cut(', '.join(names)) or 'nothing'}", ""
    more = f" {complaint}." if complaint else ""
    return refusal(page, f"{path} is {shown}.{more}", path=path)


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _excerpt(text: bytes) -> str:
    return repr(text[:60].decode("utf-8", "replace"))


def refusal(
    answer: Answer | Page, message: str, *, path: str | None = None, remedy: str | None = None
) -> PayloadError:
    """Return the error of an answer; its message names the resource, the partner and the page."""
    number = None
    if isinstance(answer, Page):
        answer, _, number = answer
    whose = ", ".join(filter(None, (answer.partner, f"page {number}" if number else "")))
    return PayloadError(
        f"Not {in_words(answer.resource)}{f' ({whose})' if whose else ''}: {message}",
        path=path,
        remedy=remedy or "Save the payload and report it: the service may have changed its answer.",
        request_id=answer.request_id,
        correlation_id=answer.correlation_id,
    )
