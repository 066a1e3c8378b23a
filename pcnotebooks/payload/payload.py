"""The service's raw answer, kept whole, and its one typed reading."""

from __future__ import annotations

import base64
import codecs
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Clamped, Context, Decimal, DecimalException, Overflow, Rounded, Subnormal
from pathlib import Path
from typing import Any, Self

import msgspec

from pcnotebooks.clouds import SAMPLE, Cloud, get_cloud
from pcnotebooks.errors import PayloadError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# .NET, which the service computes in, keeps 28 decimals; what is longer than they and 15 digits
# before the point is an attack, and would be rounded where amounts are added.
_MONEY = Context(prec=43, Emin=-28, Emax=14, traps=[Clamped, Overflow, Rounded, Subnormal])
_FORMAT = "pcnotebooks.payload"


@dataclass(frozen=True)
class Payload:
    """One answer of ``GET /v1/invoices/summaries`` with what tells it from others.

    Parameters
    ----------
    body
        The answer's bytes, unchanged.
    cloud
        Name of the cloud that was asked; ``"sample"`` for sample data.
    partner
        Label of the partner whose balance it is; may be empty.
    retrieved_at
        When it was fetched; aware, kept in UTC.
    request_id, correlation_id
        ``MS-RequestId`` and ``MS-CorrelationId`` of the call.

    Raises
    ------
    PayloadError
        For a naive `retrieved_at`, or a body that is not bytes.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> sample_payload()
    Payload('Contoso (sample)', cloud 'sample', 2018-03-16T12:00:00+00:00, 4,158 bytes)
    """

    body: bytes = field(repr=False)
    cloud: str
    partner: str
    retrieved_at: datetime
    request_id: str | None = None
    correlation_id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.body, bytes):
            raise PayloadError(
                f"A payload's body is bytes, not {type(self.body).__name__}.",
                remedy="Pass response.content, the bytes as they came.",
            )
        if isinstance(self.cloud, Cloud):
            object.__setattr__(self, "cloud", self.cloud.name)
        object.__setattr__(self, "retrieved_at", _utc(self.retrieved_at))

    def __repr__(self) -> str:
        when = self.retrieved_at.isoformat()
        return f"Payload({self.partner!r}, cloud {self.cloud!r}, {when}, {len(self.body):,} bytes)"

    @property
    def is_sample(self) -> bool:
        """Whether this is sample data and not an account's."""
        return self.cloud == SAMPLE.name

    @property
    def sha256(self) -> str:
        """Hash of the body, 64 hexadecimal digits."""
        return hashlib.sha256(self.body).hexdigest()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the payload to one JSON file that only its owner can read; return its path.

        The file appears whole or not at all. A body in UTF-8 stays readable in it.
        """
        try:
            text, encoding = self.body.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(self.body).decode("ascii"), "base64"
        document = {
            "format": _FORMAT,
            "version": 1,
            "cloud": self.cloud,
            "partner": self.partner,
            "retrieved_at": self.retrieved_at.isoformat(),
            "request_id": self.request_id,
            "correlation_id": self.correlation_id,
            "sha256": self.sha256,
            "body_encoding": encoding,
            "body": text,
        }
        path = Path(path)
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
        # mkstemp makes the file 0600, and replacing keeps that.
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".pcnotebooks-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        return path

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        cloud: str | Cloud | None = None,
        partner: str | None = None,
        retrieved_at: datetime | None = None,
    ) -> Self:
        """Read a file that `save` wrote, or a raw answer that another tool saved.

        Parameters
        ----------
        path
            The file.
        cloud, partner, retrieved_at
            What to put in place of the file's own. A raw answer states none of them:
            `cloud` is then required, `partner` is empty and `retrieved_at` is the file's time
            unless given. A copied file's time may be that of the copy: give it where you know it.

        Raises
        ------
        PayloadError
            If the file is neither, or its body was changed since it was saved.
        ConfigurationError
            For a cloud that there is not.
        OSError
            If it cannot be read.
        """
        path = Path(path)
        content = path.read_bytes()
        saved = _saved(content, path)
        if saved is None:
            if cloud is None:
                raise PayloadError(
                    f"{path} is not a file that Payload.save wrote.",
                    remedy="If it is Partner Center's raw answer, say from which cloud:"
                    f' Payload.load({path.name!r}, cloud="global", partner="..."); what its'
                    " save(...) writes is such a file.",
                )
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            payload = cls(
                content,
                _cloud_name(cloud),
                partner or "",
                retrieved_at or modified,
            )
            decode(payload)  # a raw file proves itself by being read
            return payload
        if cloud is not None:
            saved["cloud"] = _cloud_name(cloud)
        if partner is not None:
            saved["partner"] = partner
        if retrieved_at is not None:
            saved["retrieved_at"] = retrieved_at
        return cls(**saved)


def _cloud_name(cloud: str | Cloud) -> str:
    return cloud if cloud == SAMPLE.name else get_cloud(cloud).name


def _utc(moment: object) -> datetime:
    remedy = "Pass an aware datetime, such as datetime.now(UTC)."
    if not isinstance(moment, datetime):
        raise PayloadError(f"retrieved_at {moment!r} is no datetime.", remedy=remedy)
    if moment.tzinfo is None:
        raise PayloadError(f"retrieved_at {moment.isoformat()} has no time zone.", remedy=remedy)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PayloadError(f"retrieved_at {moment.isoformat()} is no time in UTC.") from None


class _SavedFile(msgspec.Struct):
    format: str
    version: int
    cloud: str
    partner: str
    retrieved_at: datetime
    sha256: str
    body_encoding: str
    body: str
    request_id: str | None = None
    correlation_id: str | None = None


def _saved(content: bytes, path: Path) -> dict[str, Any] | None:
    """Return the fields of a file that `save` wrote; None for any other file."""
    try:
        head = msgspec.json.decode(content.removeprefix(BYTE_ORDER_MARK), type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        head = {}
    if head.get("format") != _FORMAT:
        if f'"{_FORMAT}"'.encode() in content[:80]:
            raise PayloadError(
                f"{path} is a saved payload that ends in the middle or is damaged.",
                remedy="Take it from a backup, or fetch again.",
            )
        return None
    try:
        file = msgspec.convert(head, _SavedFile)
        if file.version != 1:
            raise ValueError(f"it has version {file.version}, and this release reads version 1")
        if file.body_encoding == "base64":
            body = base64.b64decode(file.body, validate=True)
        else:
            body = file.body.encode(file.body_encoding)
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise ValueError("its body is not the one that was saved: the sha256 differs")
    except (ValueError, LookupError, msgspec.ValidationError) as error:
        raise PayloadError(
            f"{path} is a saved payload that cannot be read: {error}.",
            remedy="Take it from a backup, or fetch again.",
        ) from None
    kept = ("cloud", "partner", "retrieved_at", "request_id", "correlation_id")
    return {"body": body} | {name: getattr(file, name) for name in kept}


class Figures(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """What the service states of a currency, or of one invoice type in it. Stamps as sent."""

    balance_amount: Decimal
    currency_symbol: str | None = None
    accounting_date: str | None = None
    first_invoice_creation_date: str | None = None
    last_payment_date: str | None = None
    last_payment_amount: Decimal | None = None
    latest_invoice_date: str | None = None


class Part(Figures, kw_only=True, rename="camel", gc=False):
    """The nested summary of an invoice type; its currency is the item's."""

    currency_code: str | None = None


class Detail(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """An invoice type with its figures."""

    summary: Part
    invoice_type: str | None = None


class Item(Figures, kw_only=True, rename="camel", gc=False):
    """A currency with its figures and their split by invoice type."""

    currency_code: str
    details: list[Detail] | None = None


class _Answer(msgspec.Struct, gc=False):
    items: list[Item]


class _Pieces(msgspec.Struct, gc=False):
    items: list[msgspec.Raw]


_ANSWER, _PIECES, _ITEM = map(msgspec.json.Decoder, (_Answer, _Pieces, Item))


def decode(payload: Payload) -> list[Item]:
    """Return the items of a payload: amounts exact and within bounds, currency codes in capitals.

    A blank invoice type is None.

    Raises
    ------
    PayloadError
        With the JSON path and the offending value.
    """
    return list(items_of(payload))


def items_of(payload: Payload) -> Iterator[Item]:
    """Yield what `decode` returns, an item at a time: a large answer is never there as a whole."""
    text = _json_bytes(payload)
    try:
        pieces = _PIECES.decode(text).items
        if text.count(b'"items"') > 1:  # stated twice, it may be: then each must fit
            _ANSWER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise _unreadable(payload, text) from None
    for index, piece in enumerate(pieces):
        try:
            item = _ITEM.decode(piece)
        except (msgspec.DecodeError, RecursionError):
            raise _unreadable(payload, text) from None
        code = item.currency_code.strip()
        # An unknown code is kept; a text that cannot be one must not become a heading.
        if not (code.isascii() and code.isalnum() and len(code) <= 8):
            raise wrong_value(
                payload, f"$.items[{index}].currencyCode", item.currency_code, "a currency code"
            )
        item.currency_code = code = code.upper()
        if wrong := _wrong_field(item, code):
            name, value, expected = wrong
            raise wrong_value(payload, f"$.items[{index}].{name}", value, expected)
        for position, detail in enumerate(item.details or ()):
            if detail.invoice_type is not None and not detail.invoice_type.strip():
                detail.invoice_type = None
            if wrong := _wrong_field(detail.summary, code):
                name, value, expected = wrong
                path = f"$.items[{index}].details[{position}].summary.{name}"
                raise wrong_value(payload, path, value, expected)
        yield item


def require_json(payload: Payload) -> None:
    """Raise the same PayloadError as `decode` for a body that is no JSON document at all."""
    text = _json_bytes(payload)
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json(payload, text, str(error)) from None


def wrong_value(payload: Payload, path: str, value: object, expected: str) -> PayloadError:
    """Return the error for a value that is not what it should be."""
    return _error(payload, f"{path} is {_cut(str(value))!r}, not {expected}.", path=path)


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


def _wrong_field(figures: Item | Part, currency: str) -> tuple[str, object, str] | None:
    """Return name, value and what was expected of a field that is wrong."""
    if not _is_money(figures.balance_amount):
        return "balanceAmount", figures.balance_amount, "an amount of money"
    paid = figures.last_payment_amount
    if paid is not None and not _is_money(paid):
        return "lastPaymentAmount", paid, "an amount of money"
    # A part in another currency could not be added to its item.
    stated = figures.currency_code
    if stated is not None and stated != currency and stated.strip().upper() != currency:
        return "currencyCode", stated, f"the item's {currency}"
    return None


def _is_money(amount: Decimal) -> bool:
    try:
        _MONEY.plus(amount)
    except DecimalException:
        return False
    return amount.is_finite()


def _json_bytes(payload: Payload) -> bytes:
    """Return the body without byte order mark, if it can be JSON at all."""
    text = payload.body.removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        raise _error(
            payload,
            "The body is empty where JSON was expected.",
            remedy="Fetch again; if it stays empty, a proxy or gateway swallows the answer.",
        )
    if text.lstrip()[:1] == b"<":
        raise _error(
            payload,
            f"The body is HTML or XML, not JSON: {_excerpt(text)}.",
            remedy="A proxy, firewall or sign-in page answered in Partner Center's place:"
            " ask whoever runs the network to let the api host through.",
        )
    if (place := _not_utf_8(text)) is not None:
        raise _error(
            payload,
            f"The body is not UTF-8: byte {place} is 0x{text[place]:02x}.",
            remedy="Save the answer's bytes unchanged; JSON is exchanged in UTF-8.",
        )
    return text


def _not_utf_8(text: bytes) -> int | None:
    """Return the first byte that is not UTF-8; in pieces that stay in the processor's cache."""
    view, place = memoryview(text), 0
    while place < len(text):
        end = place + 2**16
        try:
            place += codecs.utf_8_decode(view[place:end], "strict", end >= len(text))[1]
        except UnicodeDecodeError as error:
            return place + error.start
    return None


def _unreadable(payload: Payload, text: bytes) -> PayloadError:
    """Return what is wrong with an answer, told by its place in the whole."""
    try:
        _ANSWER.decode(text)
    except msgspec.ValidationError as error:
        return _wrong_shape(payload, text, str(error))
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(payload, text, str(error))
    raise AssertionError("readable as a whole, and not in pieces")


def _not_json(payload: Payload, text: bytes, reason: str) -> PayloadError:
    if "truncated" in reason:
        return _error(
            payload,
            f"The body ends in the middle, after {len(text):,} bytes: ...{_excerpt(text[-40:])}.",
            remedy="The answer was cut off on its way or while it was saved: fetch again.",
        )
    return _error(
        payload,
        f"The body is not JSON ({reason.removeprefix('JSON is malformed: ')}): {_excerpt(text)}.",
        remedy="Invoice summaries are JSON: check which address gave this answer.",
    )


def _wrong_shape(payload: Payload, text: bytes, reason: str) -> PayloadError:
    """Turn msgspec's reason into a path and the value that stands there."""
    complaint, _, place = reason.partition(" - at ")
    path = place.strip("`") or "$"
    try:
        value = msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(payload, text, str(error))  # it is wrong further on, too
    try:
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            if name:
                value = msgspec.json.decode(value, type=dict[str, msgspec.Raw])[name]
            else:
                value = msgspec.json.decode(value, type=list[msgspec.Raw])[int(index)]
        shown = _cut(bytes(value).decode())
    except (msgspec.ValidationError, LookupError):
        shown = "stated twice, once wrongly"  # only the later of two equal names is found
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        path = f"{path}.{missing[1]}"
        names = msgspec.json.decode(value, type=dict[str, msgspec.Raw]) if "{" in shown else {}
        shown, complaint = f"missing; the object holds {_cut(', '.join(names)) or 'nothing'}", ""
    more = f" {complaint}." if complaint else ""
    return _error(payload, f"{path} is {shown}.{more}", path=path)


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _excerpt(text: bytes) -> str:
    return repr(text[:60].decode("utf-8", "replace"))


def _error(
    payload: Payload, message: str, *, path: str | None = None, remedy: str | None = None
) -> PayloadError:
    whose = f" ({payload.partner})" if payload.partner else ""
    return PayloadError(
        f"Not invoice summaries{whose}: {message}",
        path=path,
        remedy=remedy or "Save the payload and report it: the service may have changed its answer.",
        request_id=payload.request_id,
        correlation_id=payload.correlation_id,
    )
