"""The service's raw answer, unchanged, with its labels."""

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
# Fields that only one of the resources has. There are several for each, so that an answer with a
# fault is refused because of the fault and not because of its resource.
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
    """An answer of Partner Center, with its labels.

    Parameters
    ----------
    body
        The bytes of the answer, or of its first page, unchanged.
    cloud
        The name of the cloud; ``"sample"`` for sample data.
    partner
        The label of the partner; may be empty.
    retrieved_at
        The time of the fetch, a datetime with a time zone. It is converted to UTC.
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
        If `retrieved_at` has no time zone, a body or page is not bytes, or the resource is unknown.

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
                    f"A payload's {name} must be bytes, not {type(content).__name__}.",
                    remedy="Pass response.content, the unchanged bytes.",
                )
        if isinstance(self.cloud, Cloud):
            object.__setattr__(self, "cloud", self.cloud.name)
        for name in _LABELS[:4]:
            label = getattr(self, name)
            if isinstance(label, str):  # no file can hold a lone surrogate, so it is escaped
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
        """Return the labels and the size of the body as HTML, for a notebook."""
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
        """Whether this is sample data."""
        return self.cloud == SAMPLE.name

    @property
    def sha256(self) -> str:
        """The hash of the body, 64 hexadecimal digits.

        If there are further pages, it is the hash of a text with the hash of the body and of each
        page, one per line, so it changes if bytes move from one page to another. ``sha256sum`` can
        check both.
        """
        return _sha256(self.body, self.pages)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the payload to one JSON file that only its owner can read; return its path.

        The file appears complete or not at all. A UTF-8 body stays readable in it. The file has a
        hash of the body, and a hash of that hash, cloud, partner, time, ids and resource.
        """
        text, encoding = _as_text(self.body)
        # Version 1 is a single body of summaries. Older releases refuse version 2, so they do not
        # misread a list of invoices or its first page.
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
        """Load a file that `save` wrote, or a raw answer that another tool saved.

        Parameters
        ----------
        path
            The file.
        cloud, partner, retrieved_at, resource
            Values that replace those of the file. A raw answer lacks the first three: `cloud` is
            then required, `partner` is empty by default, and `retrieved_at` is the modification
            time of the file by default. That may be the time of a copy, so pass the right one if
            you know it. The fields of a raw answer show its resource; an answer without items
            counts as invoice summaries unless you pass `resource`.

        Raises
        ------
        PayloadError
            If the file is neither of them, if its body or labels were changed since it was saved,
            or if it is not of the given `resource`.
        ConfigurationError
            If the cloud is unknown.
        OSError
            If the file cannot be read.
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
                    remedy="To load a raw answer of Partner Center, name its cloud:"
                    f' Payload.load({path.name!r}, cloud="global", partner="..."), or in a shell'
                    " --cloud global --partner NAME.",
                )
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            payload = cls(content, _cloud_name(cloud), partner or "", retrieved_at or modified)
            first_look(payload)
            payload = replace(payload, resource=_resource_of(content, path, resource))
            _require_readable(payload)  # a raw file has no hash, so check that it can be read
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
    remedy = "Pass a datetime with a time zone, such as datetime.now(UTC)."
    if not isinstance(moment, datetime):
        raise PayloadError(f"retrieved_at {moment!r} is not a datetime.", remedy=remedy)
    if moment.tzinfo is None:
        raise PayloadError(f"retrieved_at {moment.isoformat()} has no time zone.", remedy=remedy)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PayloadError(
            f"retrieved_at {moment.isoformat()} is before the year 1 or after 9999 in UTC."
        ) from None


def require_resource(resource: object) -> None:
    """Raise PayloadError if a value is not the name of a resource."""
    if resource not in RESOURCES:
        raise PayloadError(
            f"The resource {resource!r} is unknown.", remedy=f"Use one of {', '.join(RESOURCES)}."
        )


def _require_readable(payload: Payload) -> None:
    if payload.resource == SUMMARIES:
        decode(payload)
    else:
        invoices_of(payload)


class _Items(msgspec.Struct):
    items: list[dict[str, msgspec.Raw]]


def _resource_of(content: bytes, path: Path, given: str | None) -> str:
    """Return the resource that the fields of a raw answer show; raise if it is not the given."""
    try:
        items = msgspec.json.decode(content.removeprefix(BYTE_ORDER_MARK), type=_Items).items
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        items = []  # decoding it later, as either resource, reports the fault
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
        remedy = "Omit resource: the fields of a raw answer show it."
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
    """Return the hash of a payload's labels and body hash, as an ASCII JSON list."""
    labels = [*(facts[name] for name in _LABELS), sha256]
    return hashlib.sha256(json.dumps(labels, default=str).encode()).hexdigest()


def _as_text(content: bytes) -> tuple[str, str]:
    """Return bytes as text with its encoding: readable UTF-8 if possible, otherwise base64."""
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
    labels_sha256: str | None = None  # missing in files of older releases


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
                f"{path} is a saved payload that is truncated or damaged.",
                remedy="Restore it from a backup, or fetch again.",
            )
        return None
    try:
        file = msgspec.json.decode(text, type=_SavedFile)
        if file.version not in (1, 2):
            raise ValueError(f"it has version {file.version}, but this release reads 1 and 2")
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
                raise ValueError(f"its resource {more.resource!r} is unknown to this release")
        if _sha256(kept["body"], kept.get("pages", ())) != file.sha256:
            raise ValueError("its body was changed since it was saved: the sha256 differs")
        if file.labels_sha256 not in (None, _labels_sha256(kept, file.sha256)):
            raise ValueError("its cloud, partner, time or ids were changed since it was saved")
    except (ValueError, LookupError, msgspec.ValidationError) as error:
        raise PayloadError(
            f"{path} is a saved payload that cannot be read: {error}.",
            remedy="Restore it from a backup, or fetch again.",
        ) from None
    return kept
