"""The service's raw answer, kept whole, with its labels."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from pcnotebooks.clouds import SAMPLE, Cloud, cloud_label, get_cloud
from pcnotebooks.errors import PayloadError
from pcnotebooks.files import read_file, write_whole
from pcnotebooks.payload.checks import BYTE_ORDER_MARK
from pcnotebooks.payload.decode import (
    INVOICES,
    RESOURCES,
    SUMMARIES,
    decode,
    first_look,
    in_words,
)
from pcnotebooks.payload.invoices import invoices_of
from pcnotebooks.text import facts_html, named

_FORMAT = "pcnotebooks.payload"
_LABELS = ("cloud", "partner", "request_id", "correlation_id", "retrieved_at", "resource")
# Fields of an item of one resource that the other does not have. Several each, so that an answer
# with a fault is refused for the fault and not for its resource.
_FIELDS = {
    SUMMARIES: {
        "balanceAmount",
        "accountingDate",
        "firstInvoiceCreationDate",
        "lastPaymentDate",
        "lastPaymentAmount",
        "latestInvoiceDate",
    },
    INVOICES: {"totalCharges", "paidAmount", "invoiceDate", "pdfDownloadLink"},
}


@dataclass(frozen=True)
class Payload:
    """One answer of Partner Center, with its labels.

    Parameters
    ----------
    body
        The bytes of the answer, or of its first page, unchanged.
    cloud
        Name of the cloud that was asked; ``"sample"`` for sample data.
    partner
        Label of the partner whose balance it is; may be empty.
    retrieved_at
        When it was fetched; aware, kept in UTC.
    request_id, correlation_id
        ``MS-RequestId`` and ``MS-CorrelationId`` of the call.
    resource
        The resource that was requested: ``"invoice_summaries"`` (``GET /v1/invoices/summaries``) or
        ``"invoices"`` (``GET /v1/invoices``).
    pages
        The bytes of every further page, in their order.

    Raises
    ------
    PayloadError
        For a naive `retrieved_at`, a body or page that is not bytes, or an unknown resource.

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
    resource: str = SUMMARIES
    pages: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        require_resource(self.resource)
        object.__setattr__(self, "pages", tuple(self.pages))  # a list could not be hashed
        for name, content in [("body", self.body), *(("page", page) for page in self.pages)]:
            if not isinstance(content, bytes):
                raise PayloadError(
                    f"A payload's {name} is bytes, not {type(content).__name__}.",
                    remedy="Pass response.content, the bytes as they came.",
                )
        if isinstance(self.cloud, Cloud):
            object.__setattr__(self, "cloud", self.cloud.name)
        for name in _LABELS[:4]:
            label = getattr(self, name)
            if isinstance(label, str):  # a half of a character fits no file: it is spelt out
                whole = label.encode(errors="backslashreplace").decode()
                object.__setattr__(self, name, whole)
        object.__setattr__(self, "retrieved_at", _utc(self.retrieved_at))

    def __repr__(self) -> str:
        resource = "" if self.resource == SUMMARIES else f" {in_words(self.resource)},"
        size = f"{sum(map(len, (self.body, *self.pages))):,} bytes"
        pages = f" in {len(self.pages) + 1} pages" if self.pages else ""
        return (
            f"Payload({self.partner!r}, cloud {self.cloud!r},{resource}"
            f" {self.retrieved_at.isoformat()}, {size}{pages})"
        )

    def _repr_html_(self) -> str:
        """Return its labels and the size of its body, for a notebook."""
        facts = {
            "Partner": named(self.partner),
            "Cloud": cloud_label(self.cloud),
            "Retrieved": f"{self.retrieved_at:%Y-%m-%d %H:%M:%S} UTC",
            "Size": f"{sum(map(len, (self.body, *self.pages))):,} bytes",
            "Pages": f"{len(self.pages) + 1}" if self.pages else None,
            "SHA-256": self.sha256,
            "Request id": self.request_id,
            "Correlation id": self.correlation_id,
        }
        return facts_html(f"Payload: {in_words(self.resource)}", facts)

    @property
    def is_sample(self) -> bool:
        """Whether this is sample data and not an account's."""
        return self.cloud == SAMPLE.name

    @property
    def sha256(self) -> str:
        """Hash of the body, 64 hexadecimal digits.

        With further pages it is the hash of their hashes, a line each, body first: bytes that
        move from one page to the next change it. ``sha256sum`` can check both.
        """
        return _sha256(self.body, self.pages)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the payload to one JSON file that only its owner can read; return its path.

        The file appears whole or not at all. A body in UTF-8 stays readable in it. One hash is
        of the body, another of that hash, cloud, partner, time, ids and resource.
        """
        text, encoding = _as_text(self.body)
        # Version 1 is one body of summaries. An older release refuses the other version, in
        # place of taking a list of invoices, or its first page, for something else.
        plain = self.resource == SUMMARIES and not self.pages
        document: dict[str, Any] = {
            "format": _FORMAT,
            "version": 1 if plain else 2,
            "cloud": self.cloud,
            "partner": self.partner,
            "retrieved_at": self.retrieved_at.isoformat(),
            "request_id": self.request_id,
            "correlation_id": self.correlation_id,
            "sha256": self.sha256,
            "labels_sha256": _labels_sha256(vars(self), self.sha256),
            "body_encoding": encoding,
            "body": text,
        }
        if not plain:
            pages = [dict(zip(("body", "body_encoding"), _as_text(page), strict=True))
                     for page in self.pages]  # fmt: skip
            document |= {"resource": self.resource, "pages": pages}
        return write_whole(path, json.dumps(document, indent=1).encode(), private=True)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        cloud: str | Cloud | None = None,
        partner: str | None = None,
        retrieved_at: datetime | None = None,
        resource: str | None = None,
    ) -> Self:
        """Read a file that `save` wrote, or a raw answer that another tool saved.

        Parameters
        ----------
        path
            The file.
        cloud, partner, retrieved_at, resource
            What to put in place of the file's own. A raw answer states none of the first three:
            `cloud` is then required, `partner` is empty and `retrieved_at` is the file's time
            unless given. A copied file's time may be that of the copy: give it if you know it.
            The fields of a raw answer show its resource; without items it is a payload of
            invoice summaries, unless `resource` is given.

        Raises
        ------
        PayloadError
            If the file is neither, its body or a label of it was changed since it was saved, or
            it is not of the `resource` given.
        ConfigurationError
            For a cloud that there is not.
        OSError
            If it cannot be read.
        """
        if resource is not None:
            require_resource(resource)
        path = Path(path)
        content = read_file(path)
        saved = _saved(content, path)
        if saved is None:
            if cloud is None:
                raise PayloadError(
                    f"{path} is not a file that Payload.save wrote.",
                    remedy="If it is Partner Center's raw answer, say from which cloud:"
                    f' Payload.load({path.name!r}, cloud="global", partner="..."), or in a shell'
                    " --cloud global --partner NAME.",
                )
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            payload = cls(content, _cloud_name(cloud), partner or "", retrieved_at or modified)
            first_look(payload)
            payload = replace(payload, resource=_resource_of(content, path, resource))
            _require_readable(payload)  # a raw file proves itself by being read
            return payload
        if cloud is not None:
            saved["cloud"] = _cloud_name(cloud)
        if partner is not None:
            saved["partner"] = partner
        if retrieved_at is not None:
            saved["retrieved_at"] = retrieved_at
        if resource is None or resource == saved["resource"]:
            return cls(**saved)
        payload = cls(**saved | {"resource": resource})
        _require_readable(payload)
        return payload


def _cloud_name(cloud: str | Cloud) -> str:
    return cloud if cloud == SAMPLE.name else get_cloud(cloud).name


def _utc(moment: object) -> datetime:
    remedy = "Pass an aware datetime, such as datetime.now(UTC)."
    if not isinstance(moment, datetime):
        raise PayloadError(f"retrieved_at {moment!r} is not a datetime.", remedy=remedy)
    if moment.tzinfo is None:
        raise PayloadError(f"retrieved_at {moment.isoformat()} has no time zone.", remedy=remedy)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PayloadError(f"retrieved_at {moment.isoformat()} is not a time in UTC.") from None


def require_resource(resource: object) -> None:
    """Raise for a value that is not the name of a resource."""
    if resource not in RESOURCES:
        raise PayloadError(
            f"resource is {resource!r}.", remedy=f"It is one of {', '.join(RESOURCES)}."
        )


def _require_readable(payload: Payload) -> None:
    if payload.resource == SUMMARIES:
        decode(payload)
    else:
        invoices_of(payload)


class _Items(msgspec.Struct):
    items: list[dict[str, msgspec.Raw]]


def _resource_of(content: bytes, path: Path, given: str | None) -> str:
    """Return the resource of a raw answer, read off its fields, which must be the one given."""
    try:
        items = msgspec.json.decode(content.removeprefix(BYTE_ORDER_MARK), type=_Items).items
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        items = []  # decoding it as either resource says what is wrong
    if not items:
        return given or SUMMARIES
    fields = set[str]().union(*items)
    fitting = [resource for resource in RESOURCES if fields & _FIELDS[resource]]
    if given in fitting[:1] or (given is None and len(fitting) == 1):
        return fitting[0]
    if len(fitting) == 2:
        found = "both invoice summaries and invoices"
        remedy = "Save each answer to a separate file, with its bytes unchanged."
    elif fitting:
        found = f"{in_words(fitting[0])}, not {in_words(given or '')}"
        remedy = "Leave resource out: the fields of a raw answer show it."
    else:
        names = ", ".join(sorted(fields)) or "nothing"
        found = f"neither invoice summaries nor invoices: they state {names[:80]}"
        remedy = "Check which address gave this answer."
    raise PayloadError(f"The items of {path} are {found}.", remedy=remedy)


def _sha256(body: bytes, pages: tuple[bytes, ...]) -> str:
    hashes = [hashlib.sha256(page).hexdigest() for page in (body, *pages)]
    if not pages:
        return hashes[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in hashes).encode()).hexdigest()


def _labels_sha256(facts: Mapping[str, Any], sha256: str) -> str:
    """Return the hash of a payload's labels and body: of a JSON list, in ASCII."""
    labels = [*(facts[name] for name in _LABELS), sha256]
    return hashlib.sha256(json.dumps(labels, default=str).encode()).hexdigest()


def _as_text(content: bytes) -> tuple[str, str]:
    """Return bytes as text, with its encoding: UTF-8 if they are, so that it can be read."""
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(content).decode("ascii"), "base64"


def _as_bytes(text: str, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.b64decode(text, validate=True)
    return text.encode(encoding)


class _Kind(msgspec.Struct):
    format: str | None = None


class _SavedPage(msgspec.Struct):
    body_encoding: str
    body: str


class _SavedFile(msgspec.Struct, kw_only=True):
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
    labels_sha256: str | None = None  # files of before have none


class _SavedFile2(_SavedFile, kw_only=True):
    resource: str
    pages: list[_SavedPage]


def _saved(content: bytes, path: Path) -> dict[str, Any] | None:
    """Return the fields of a file that `save` wrote; None for any other file."""
    text = content.removeprefix(BYTE_ORDER_MARK)
    try:
        kind = msgspec.json.decode(text, type=_Kind).format
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        kind = None
    if kind != _FORMAT:
        if f'"{_FORMAT}"'.encode() in content[:80]:
            raise PayloadError(
                f"{path} is a saved payload that ends in the middle or is damaged.",
                remedy="Take it from a backup, or fetch again.",
            )
        return None
    try:
        file = msgspec.json.decode(text, type=_SavedFile)
        if file.version not in (1, 2):
            raise ValueError(f"it has version {file.version}, and this release reads 1 and 2")
        kept: dict[str, Any] = {
            name: getattr(file, name)
            for name in ("cloud", "partner", "retrieved_at", "request_id", "correlation_id")
        }
        kept |= {"body": _as_bytes(file.body, file.body_encoding), "resource": SUMMARIES}
        if file.version == 2:
            more = msgspec.json.decode(text, type=_SavedFile2)
            kept["resource"] = more.resource
            kept["pages"] = tuple(_as_bytes(page.body, page.body_encoding) for page in more.pages)
            if more.resource not in RESOURCES:
                raise ValueError(f"this release knows no resource {more.resource!r}")
        if _sha256(kept["body"], kept.get("pages", ())) != file.sha256:
            raise ValueError("its body is not the one that was saved: the sha256 differs")
        if file.labels_sha256 not in (None, _labels_sha256(kept, file.sha256)):
            raise ValueError("its cloud, partner, time or ids are not those that were saved")
    except (ValueError, LookupError, msgspec.ValidationError) as error:
        raise PayloadError(
            f"{path} is a saved payload that cannot be read: {error}.",
            remedy="Take it from a backup, or fetch again.",
        ) from None
    return kept
