"""The folders and file names of a history's datasets, and the selection of files to read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Self, TypeAlias
from unicodedata import normalize
from urllib.parse import quote, unquote

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.selection import AsOf, Choice, in_python
from pcnotebooks.payload import decode
from pcnotebooks.payload.payload import Payload

Clouds: TypeAlias = str | Cloud | Iterable[str | Cloud] | None
# Partner, cloud and time identify an answer: an account is asked once at a time.
Moment: TypeAlias = tuple[str, str, datetime]

PAYLOADS, SUMMARIES, TOTALS, INVOICES = "payloads", "summaries", "totals", "invoices"
# The datasets derived from the payloads of each resource. A file of payloads holds one resource.
DERIVED = {decode.SUMMARIES: (SUMMARIES, TOTALS), decode.INVOICES: (INVOICES,)}
# Dataset names of older releases, which kept no lists of invoices: read, but no longer written.
OLDER = {SUMMARIES: "invoice_details", TOTALS: "invoice_summaries"}
FOLDERS = (PAYLOADS, SUMMARIES, TOTALS, INVOICES, *OLDER.values())

_COMPACTED = "compacted-"
_LISTS = "invoices-"  # in the name of a file of invoice lists; file names of summaries lack it
# Marks a table with amounts rounded to the four decimals of its Parquet type. Other engines may
# read it; a History reads the payloads instead.
_ROUNDED = ".rounded"
_FILE = re.compile(
    rf"(?P<dataset>{'|'.join(FOLDERS)})"
    # A surrogate means that the name is in another encoding than the file system's.
    r"/(?:cloud|(?P<today>in_cloud))=(?P<cloud>[^/\ud800-\udfff]+)"
    r"/(?(today)account|partner)=(?P<partner>[^/\ud800-\udfff]+)"
    r"/month=(?P<month>(?P<year>\d{4})-(?P<of_year>\d\d))"
    # A single payload's name repeats its month: a copy in another month's folder is ignored.
    rf"/(?P<name>(?:(?P=year)(?P=of_year)\d\dT\d{{6}}\.\d{{6}}Z-|{_COMPACTED})(?:{_LISTS})?"
    r"[0-9a-f]{32})"
    rf"-(?P<digest>[0-9a-f]{{16}})(?P<rounded>{re.escape(_ROUNDED)})?\.parquet",
    re.ASCII,
)
# The folder of an empty label. No label results in this name: its brackets would be encoded.
_NO_LABEL = "(none)"
# Other engines read this name as a missing value, which pandas cannot combine with strings.
_MISSING = "__HIVE_DEFAULT_PARTITION__"
# Folders of an older release had the same names as columns in the files. Engines merged the two,
# and pandas refused to read them.
_KEYS, _OLDER_KEYS = ("in_cloud", "account"), ("cloud", "partner")
_LONGEST_NAME = 255


@dataclass(frozen=True, order=True)
class File:
    """A file of a dataset. Derived tables have the folder and name of their file of payloads.

    The digest covers all bytes: the checksums of Parquet cover pages at best, and never the
    footer, where one flipped bit can turn a column into another.
    """

    folder: str
    name: str
    dataset: str = PAYLOADS
    rounded: bool = False
    digest: str = ""
    # The layout of its release: 0 today's, 1 older folder names, 2 also older dataset names.
    age: int = 0

    @classmethod
    def of(cls, path: str) -> Self | None:
        """Return the file at a path below the location; None for any other file."""
        found = _FILE.fullmatch(path)
        if found is None:
            return None
        names = {older: name for name, older in OLDER.items()}
        dataset = names.get(found["dataset"], found["dataset"])
        age = 2 if dataset != found["dataset"] else int(found["today"] is None)
        if age == 2 and found["today"]:
            return None
        folder = _folder(found["cloud"], found["partner"], found["month"], older=age > 0)
        rounded = found["rounded"] is not None
        file = cls(folder, found["name"], dataset, rounded, found["digest"], age)
        return file if dataset in (PAYLOADS, *DERIVED[file.resource]) else None

    @property
    def path(self) -> str:
        """The path relative to the location."""
        suffix = _ROUNDED if self.rounded else ""
        dataset = OLDER[self.dataset] if self.age == 2 else self.dataset
        folder = older_folder(self.folder) if self.age else self.folder
        return f"{dataset}/{folder}/{self.name}-{self.digest}{suffix}.parquet"

    @property
    def stem(self) -> str:
        """The key shared by a file of payloads and the tables derived from it.

        A file system that ignores case may spell their folders differently; the name has the ids.
        """
        return f"{alike(self.folder)}/{self.name}"

    @property
    def resource(self) -> str:
        """The resource of its payloads: invoice summaries or invoices."""
        return decode.INVOICES if _LISTS in self.name else decode.SUMMARIES

    @property
    def moment(self) -> str:
        """The key shared by unmerged files with different answers of one moment."""
        return self.stem.rpartition("-")[0]

    @property
    def owner(self) -> tuple[str, str]:
        """The partner and the cloud in the name of its folder."""
        cloud, partner, _ = (part.partition("=")[2] for part in self.folder.split("/"))
        return "" if partner == _NO_LABEL else unquote(partner.strip("()")), unquote(cloud)

    @property
    def month(self) -> str:
        """The month of its payloads, such as ``2024-03``."""
        return self.folder.rpartition("=")[2]

    @property
    def is_compacted(self) -> bool:
        """Whether it holds several merged payloads."""
        return self.name.startswith(_COMPACTED)

    def may_hold(self, at: datetime) -> bool:
        """Whether its name allows it to hold a payload of a moment."""
        return self.month == month_of(at) and (
            self.is_compacted or self.name.startswith(_stamp(at))
        )


def file_of(*payloads: Payload) -> File:
    """Return the file of one payload, or of several of one partner, cloud, resource and month.

    The name depends on the content: equal payloads have the same name, different payloads never.
    """
    folder, at = folder_of(payloads[0]), payloads[0].retrieved_at
    ids = sorted(payload_id(payload) for payload in payloads)
    lists = _LISTS if payloads[0].resource == decode.INVOICES else ""
    if len(ids) == 1:
        return File(folder, f"{_stamp(at)}-{lists}{ids[0]}")
    together = hashlib.sha256("".join(ids).encode()).hexdigest()[:32]
    return File(folder, f"{_COMPACTED}{lists}{together}")


def _stamp(at: datetime) -> str:
    return f"{at.year:04}{at:%m%dT%H%M%S.%fZ}"


def digest_of(content: bytes) -> str:
    """Return the digest that reveals damage: 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def payload_id(payload: Payload) -> str:
    """Return the id of a payload, 32 hexadecimal digits, which ignores the request ids."""
    parts = [payload.cloud, payload.partner, payload.retrieved_at.isoformat(), payload.sha256]
    if payload.resource != decode.SUMMARIES:
        parts.append(payload.resource)  # an account without invoices has equal answers to both
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def folder_of(payload: Payload) -> str:
    """Return the folder of a payload, relative to the folder of its dataset.

    Raises
    ------
    ConfigurationError
        If a label cannot be used as a folder name.
    """
    segments = []
    for key, kind in zip(_KEYS, _OLDER_KEYS, strict=True):
        label = getattr(payload, kind)
        try:
            segment = _segment(label)
        except UnicodeEncodeError:
            segment = None  # it contains a surrogate
        if segment is None or len(f"{key}={segment}".encode()) > _LONGEST_NAME:
            raise ConfigurationError(
                f"The {kind} {label!r} cannot be used as a folder name.",
                remedy="Choose a shorter label in the profile or the session.",
            )
        segments.append(segment)
    cloud, partner = segments
    return _folder(cloud, partner, month_of(payload.retrieved_at))


def _folder(cloud: str, partner: str, month: str, *, older: bool = False) -> str:
    """Return the folder of a cloud, partner and month, for names of today or of older folders."""
    names = [_NO_LABEL if older and each == _MISSING else each for each in (cloud, partner)]
    above = "/".join(f"{key}={name}" for key, name in zip(_KEYS, names, strict=True))
    return f"{above}/month={month}"


def older_folder(folder: str) -> str:
    """Return the name that a folder, or a folder above it, had in an older release."""
    keys = dict(zip(_KEYS, _OLDER_KEYS, strict=True))
    parts = (part.partition("=") for part in folder.split("/"))
    return "/".join(
        f"{keys.get(key, key)}={_MISSING if name == _NO_LABEL else name}" for key, _, name in parts
    )


def _segment(label: str) -> str:
    """Return a label as a folder name for every file system and engine, percent-encoded if needed.

    Spark decodes byte by byte, so letters other than ASCII must not be encoded.
    """
    encoded = "".join(
        letter if letter.isprintable() and not letter.isascii() else quote(letter, safe="")
        for letter in label
    )
    if encoded.endswith("."):  # Windows would drop the dot
        encoded = encoded[:-1] + "%2E"
    if encoded == _MISSING:
        return f"({encoded})"
    return encoded or _NO_LABEL


def month_of(moment: datetime) -> str:
    """Return the month of a moment in UTC, such as ``2024-03``."""
    return f"{moment.year:04}-{moment.month:02}"


def moment_of(as_of: AsOf, *, end: bool = False) -> datetime:
    """Return the time that a date, datetime or ISO string means; for a date its start or end.

    Raises
    ------
    ConfigurationError
        If the value is not a date.
    """
    try:
        if isinstance(as_of, str):
            moment = (
                date.fromisoformat(as_of) if len(as_of) <= 10 else datetime.fromisoformat(as_of)
            )
        else:
            moment = in_python(as_of)
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time.max if end else time.min, UTC)
        if moment != moment:  # noqa: PLR0124  pandas' NaT is a datetime
            raise ValueError
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        raise ConfigurationError(
            f"{as_of!r} is not a date.", remedy="Write a date such as '2018-03-16'."
        ) from None


@dataclass(frozen=True)
class Wanted:
    """A selection of rows; None means all."""

    partners: tuple[str, ...] | None = None
    clouds: tuple[str, ...] | None = None
    currencies: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    moments: tuple[Moment, ...] | None = None
    resource: str | None = None

    @classmethod
    def of(
        cls,
        partner: Choice = None,
        cloud: Clouds = None,
        currency: Choice = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Self:
        """Return the selection for the arguments of a method of `History`."""
        currencies = _several(currency)
        return cls(
            _several(partner),
            _several(cloud),
            None if currencies is None else tuple(code.upper() for code in currencies),
            None if since is None else moment_of(since),
            None if until is None else moment_of(until, end=True),
        )

    def may_be_in(self, file: File) -> bool:
        """Whether the folder and name of a file allow it to hold selected rows."""
        cloud, partner, month = (part.partition("=")[2] for part in file.folder.split("/"))
        return (
            self.resource in (None, file.resource)
            and _among(cloud, self.clouds)
            and _among(partner, self.partners)
            and (self.since is None or month >= month_of(self.since))
            and (self.until is None or month <= month_of(self.until))
        )


def _several(choice: str | Cloud | Iterable[str | Cloud] | None) -> tuple[str, ...] | None:
    if choice is None:
        return None
    every = [choice] if isinstance(choice, str | Cloud) else choice
    return tuple(each.name if isinstance(each, Cloud) else each for each in every)


def _among(segment: str, labels: tuple[str, ...] | None) -> bool:
    return labels is None or alike(segment) in {alike(_segment(each)) for each in labels}


def alike(segment: str) -> str:
    """Return a form shared by names that a file system may confuse; only the rows are exact."""
    return normalize("NFC", segment).casefold()
