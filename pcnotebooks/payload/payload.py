"""The service's raw answer, kept whole, with what tells it from others."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from pcnotebooks.clouds import SAMPLE, Cloud, get_cloud
from pcnotebooks.errors import PayloadError
from pcnotebooks.payload.decode import BYTE_ORDER_MARK, decode

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
