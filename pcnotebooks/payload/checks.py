"""Check the bytes of an answer for too many objects and for duplicate names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Reading needs up to 1,500 bytes of memory for a row and 100 for any other object, however short
# they are in the answer: without a limit, an answer of 64 MiB could need 1,500 MiB. The service
# writes at least 300 bytes for a row with its dates and 70 for an object. A small answer needs
# little memory in any case.
_ROWS, _BYTES_A_ROW, _OBJECTS, _BYTES_AN_OBJECT = 10_000, 250, 40_000, 40
_SMALL = 2**18
_ROW_NAMES = (b'"balanceAmount"', b'"totalCharges"')
# An escaped letter: a name that is written with escapes would not be counted.
_ESCAPED_LETTER = re.compile(rb"\\u00(?:[46][1-9a-f]|[57][0-9a])", re.IGNORECASE)


def too_many(bodies: Sequence[bytes]) -> str | None:
    """Return a sentence if an answer has too many objects for its size, otherwise None."""
    size = sum(map(len, bodies))
    if size < _SMALL:
        return None
    objects = sum(body.count(b"{") for body in bodies)
    rows = sum(body.count(name) for body in bodies for name in _ROW_NAMES)
    if any(b"\\" in body and _ESCAPED_LETTER.search(body) for body in bodies):
        rows = objects
    if rows > _ROWS + size // _BYTES_A_ROW or objects > _OBJECTS + size // _BYTES_AN_OBJECT:
        return f"The body holds {rows:,} figures in {objects:,} objects, but only {size:,} bytes."
    return None


class _Object(msgspec.Struct, gc=False):
    """Any object; a list of these needs little memory."""


class _Objects(msgspec.Struct, gc=False):
    items: list[_Object]


_OBJECTS_ONLY = msgspec.json.Decoder(_Objects)


def require_objects(text: bytes) -> None:
    """Raise msgspec's error if the items of a page are not objects, before they use memory."""
    _OBJECTS_ONLY.decode(text)


class Kept(msgspec.Struct, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """Fields of any object that are kept only to write the object again."""

    links: msgspec.Raw = msgspec.Raw()
    attributes: msgspec.Raw = msgspec.Raw()


class Envelope(Kept, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """A page, with its stated count as sent; a subclass types the items."""

    items: list[Any]
    total_count: msgspec.Raw = msgspec.Raw()


def miscounted(counts: Sequence[tuple[int, msgspec.Raw]]) -> str | None:
    """Return a clause if the number of items differs from the stated count, otherwise None.

    Both are given for each page. It is unknown whether the service counts a page or the whole
    list, but its count should never exceed the list.
    """
    came = sum(items for items, _ in counts)
    for _, raw in counts:
        sent = bytes(raw)
        stated = int(sent) if sent.isdigit() and len(sent) < 20 else came
        if stated > came or (len(counts) == 1 and stated != came):
            return f"the answer counts {stated:,} items (totalCount), but {came:,} came"
    return None


@dataclass(frozen=True)
class Shape:
    """The names that are read of an object, and the shapes of its nested objects."""

    names: frozenset[str]
    below: dict[str, Shape] = field(default_factory=dict)

    @classmethod
    def of(cls, struct: type[msgspec.Struct], **below: Shape) -> Shape:
        """Return the shape of objects that are decoded to a struct."""
        fields = msgspec.structs.fields(struct)
        return cls(
            frozenset(one.encode_name for one in fields if one.type is not msgspec.Raw), below
        )


_ENCODER = msgspec.json.Encoder(decimal_format="number")
_MARK, _ESCAPED_MARK = b'"', b"\\u0022"


def marks_of(struct: msgspec.Struct) -> int:
    """Return the number of quotation marks in a decoded struct that is written as JSON again."""
    return _ENCODER.encode(struct).count(_MARK)


def may_repeat(bodies: Sequence[bytes], marks: int) -> bool:
    """Return whether bodies may state a name twice, given the marks of the decoded values.

    Only one of two equal names is decoded, so the bodies have more quotation marks than the values
    that are written as JSON again. An escaped mark could hide this: it is written with one more.
    """
    if any(_ESCAPED_MARK in body for body in bodies):
        return True
    return sum(body.count(_MARK) for body in bodies) != marks


class _Name:
    """A name that never equals another one, so that a dict keeps duplicates."""

    def __init__(self, text: str) -> None:
        self.text = text


_MEMBERS = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda kind, text: kind(text))
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder(float_hook=Decimal)


def repeated(text: bytes, shape: Shape, path: str = "$") -> tuple[str, bytes, bytes] | None:
    """Return the path and the values of a name that an object states twice with different values.

    Only names of the shape are inspected, so a malicious text costs little time.
    """
    if text[:1] == b"[":
        for index, element in enumerate(_ELEMENTS.decode(text)):
            if found := repeated(bytes(element), shape, f"{path}[{index}]"):
                return found
    if text[:1] != b"{":
        return None
    members: dict[str, bytes] = {}
    for name, raw in _MEMBERS.decode(text).items():
        if name.text in shape.names:
            value = bytes(raw)
            first = members.setdefault(name.text, value)
            if _differ(first, value):
                return f"{path}.{name.text}", first, value
    for key in members.keys() & shape.below.keys():
        if found := repeated(members[key], shape.below[key], f"{path}.{key}"):
            return found
    return None


def _differ(first: bytes, again: bytes) -> bool:
    """Return whether two values differ as figures; 1 and 1.0 are equal."""
    if first == again:
        return False
    whole = any(value[:1] in (b"{", b"[") for value in (first, again))
    return whole or bool(_VALUE.decode(first) != _VALUE.decode(again))
