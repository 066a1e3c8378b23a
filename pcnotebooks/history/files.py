"""The folders and file names of a history's datasets, and which of them can hold what is wanted."""

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
from pcnotebooks.frame.selection import AsOf, Choice
from pcnotebooks.payload import decode
from pcnotebooks.payload.payload import Payload

Clouds: TypeAlias = str | Cloud | Iterable[str | Cloud] | None
# Partner, cloud and time: an account was asked once at each, so they name an answer.
Moment: TypeAlias = tuple[str, str, datetime]

PAYLOADS, SUMMARIES, TOTALS, INVOICES = "payloads", "summaries", "totals", "invoices"
# What is derived from the payloads of each resource. A file of payloads holds one resource.
DERIVED = {decode.SUMMARIES: (SUMMARIES, TOTALS), decode.INVOICES: (INVOICES,)}
# Folders of a history begun before lists of invoices were kept: read, and no longer written.
OLDER = {SUMMARIES: "invoice_details", TOTALS: "invoice_summaries"}
FOLDERS = (PAYLOADS, SUMMARIES, TOTALS, INVOICES, *OLDER.values())

_COMPACTED = "compacted-"
_LISTS = "invoices-"  # in the name of a file of lists; summaries keep the names that they had
# Amounts in it were rounded, which Parquet's four decimals forced: other engines may read it,
# a History takes the payloads in its place.
_ROUNDED = ".rounded"
_FILE = re.compile(
    rf"(?P<dataset>{'|'.join(FOLDERS)})"
    # Half characters stand for a name in some other encoding than the file system's.
    r"/(?P<folder>cloud=[^/\ud800-\udfff]+/partner=[^/\ud800-\udfff]+"
    r"/month=(?P<month>(?P<year>\d{4})-(?P<of_year>\d\d)))"
    # A single payload's name repeats its month: a copy in another month's folder is none.
    rf"/(?P<name>(?:(?P=year)(?P=of_year)\d\dT\d{{6}}\.\d{{6}}Z-|{_COMPACTED})(?:{_LISTS})?"
    r"[0-9a-f]{32})"
    rf"-(?P<digest>[0-9a-f]{{16}})(?P<rounded>{re.escape(_ROUNDED)})?\.parquet",
    re.ASCII,
)
# What Spark and others write for a missing value; a folder's name cannot end in "=" for them.
_NO_PARTNER = "__HIVE_DEFAULT_PARTITION__"
_LONGEST_NAME = 255


@dataclass(frozen=True, order=True)
class File:
    """A file of a dataset; the derived tables of a file of payloads have its folder and name.

    The digest is that of its bytes: Parquet itself proves pages at best, and never its footer,
    where one bit can turn a column into another.
    """

    folder: str
    name: str
    dataset: str = PAYLOADS
    rounded: bool = False
    digest: str = ""
    is_older: bool = False  # in a folder of an older history

    @classmethod
    def of(cls, path: str) -> Self | None:
        """Return the file at a path below the location; None for any other file."""
        found = _FILE.fullmatch(path)
        if found is None:
            return None
        rounded = found["rounded"] is not None
        names = {older: name for name, older in OLDER.items()}
        dataset = names.get(found["dataset"], found["dataset"])
        is_older = dataset != found["dataset"]
        file = cls(found["folder"], found["name"], dataset, rounded, found["digest"], is_older)
        return file if dataset in (PAYLOADS, *DERIVED[file.resource]) else None

    @property
    def path(self) -> str:
        """The path below the location."""
        suffix = _ROUNDED if self.rounded else ""
        dataset = OLDER[self.dataset] if self.is_older else self.dataset
        return f"{dataset}/{self.folder}/{self.name}-{self.digest}{suffix}.parquet"

    @property
    def stem(self) -> str:
        """What a file of payloads and the tables derived from it have in common.

        A disk that ignores case may spell their folders in two ways; the name has the ids.
        """
        return f"{alike(self.folder)}/{self.name}"

    @property
    def resource(self) -> str:
        """What its payloads were asked of: the summaries, or the list of invoices."""
        return decode.INVOICES if _LISTS in self.name else decode.SUMMARIES

    @property
    def moment(self) -> str:
        """What unmerged files of different answers of one moment have in common."""
        return self.stem.rpartition("-")[0]

    @property
    def owner(self) -> tuple[str, str]:
        """The partner and the cloud that its folder is named after."""
        cloud, partner, _ = (part.partition("=")[2] for part in self.folder.split("/"))
        return "" if partner == _NO_PARTNER else unquote(partner), unquote(cloud)

    @property
    def month(self) -> str:
        """The month of its payloads, such as ``2024-03``."""
        return self.folder.rpartition("=")[2]

    @property
    def is_compacted(self) -> bool:
        """Whether it holds several payloads, merged."""
        return self.name.startswith(_COMPACTED)

    def may_hold(self, at: datetime) -> bool:
        """Whether it can hold a payload of a moment, as far as its name tells."""
        return self.month == month_of(at) and (
            self.is_compacted or self.name.startswith(_stamp(at))
        )


def file_of(*payloads: Payload) -> File:
    """Return the file of one payload, or of several of a partner, cloud, resource and month.

    Its name tells what it holds: equal payloads have one name, different ones never.
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
    """Return what tells damage: 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def payload_id(payload: Payload) -> str:
    """Return what equal payloads share, whatever their request ids: 32 hexadecimal digits."""
    parts = [payload.cloud, payload.partner, payload.retrieved_at.isoformat(), payload.sha256]
    if payload.resource != decode.SUMMARIES:
        parts.append(payload.resource)  # an account without invoices answers both alike
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def folder_of(payload: Payload) -> str:
    """Return the folder of a payload below its dataset's.

    Raises
    ------
    ConfigurationError
        For a label that no folder can be named after.
    """
    cloud, partner = _name("cloud", payload.cloud), _name("partner", payload.partner)
    return f"{cloud}/{partner}/month={month_of(payload.retrieved_at)}"


def _name(key: str, label: str) -> str:
    try:
        name = f"{key}={_segment(label)}"
    except UnicodeEncodeError:
        name = None  # it holds half a character
    if name is None or len(name.encode()) > _LONGEST_NAME:
        raise ConfigurationError(
            f"No folder can be named after the {key} {label!r}.",
            remedy="Give it a shorter label, in its profile or its session.",
        )
    return name


def _segment(label: str) -> str:
    """Return a label as every file system and engine takes it, percent-encoded where it must be.

    Spark decodes byte by byte: what is no ASCII it reads only as it is.
    """
    encoded = "".join(
        letter if letter.isprintable() and not letter.isascii() else quote(letter, safe="")
        for letter in label
    )
    if encoded.endswith("."):  # which Windows would drop
        encoded = encoded[:-1] + "%2E"
    return encoded or _NO_PARTNER


def month_of(moment: datetime) -> str:
    """Return the month of a moment in UTC, such as ``2024-03``."""
    return f"{moment.year:04}-{moment.month:02}"


def moment_of(as_of: AsOf, *, end: bool = False) -> datetime:
    """Return the moment that a date, datetime or ISO string means; of a day its begin or end.

    Raises
    ------
    ConfigurationError
        For what is no date.
    """
    try:
        if isinstance(as_of, str):
            as_of = date.fromisoformat(as_of) if len(as_of) <= 10 else datetime.fromisoformat(as_of)
        if not isinstance(as_of, datetime):
            as_of = datetime.combine(as_of, time.max if end else time.min, UTC)
        if as_of != as_of:  # noqa: PLR0124  pandas' NaT passes for a datetime
            raise ValueError
        return as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        raise ConfigurationError(
            f"{as_of!r} is no date.", remedy="Write it as in '2018-03-16'."
        ) from None


@dataclass(frozen=True)
class Wanted:
    """Which rows are asked for; None means all."""

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
        """Return what the arguments of a `History` mean."""
        currencies = _several(currency)
        return cls(
            _several(partner),
            _several(cloud),
            None if currencies is None else tuple(code.upper() for code in currencies),
            None if since is None else moment_of(since),
            None if until is None else moment_of(until, end=True),
        )

    def may_be_in(self, file: File) -> bool:
        """Whether a file can hold such rows, as far as its folder and name tell."""
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
    """Return what a file system may take for the same name; the rows themselves tell."""
    return normalize("NFC", segment).casefold()
