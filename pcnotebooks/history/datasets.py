"""List, read, verify and write the Parquet files of a history's datasets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pyarrow as pa

from pcnotebooks.errors import NoHistoryError, PayloadError, PcNotebooksError
from pcnotebooks.history import tables
from pcnotebooks.history.files import (
    DERIVED,
    FOLDERS,
    OLDER,
    PAYLOADS,
    File,
    Wanted,
    digest_of,
    month_of,
    older_folder,
)
from pcnotebooks.history.store import Store
from pcnotebooks.payload.payload import Payload

_log = logging.getLogger("pcnotebooks")
_T = TypeVar("_T")

ALL = Wanted()
FROM_BACKUP = "Restore it from a backup, or delete it and append its payloads again."
CHANGED = "was changed or truncated"
_OTHER_FORM = "Read it with the latest release: pip install --upgrade pcnotebooks. " + FROM_BACKUP
# A listing or a read is outdated only if another process compacts at that very moment.
_ATTEMPTS = 100


class DamagedError(Exception):
    """A file that was changed since it was written, or that this release cannot read."""

    def __init__(self, file: File, damage: str = CHANGED, remedy: str = FROM_BACKUP) -> None:
        super().__init__(file.path)
        self.file, self.damage, self.remedy = file, damage, remedy


@dataclass(frozen=True)
class Datasets:
    """The files of a history in their store.

    Readers take no lock, and other processes append and compact at any time. If a file is deleted
    between the listing and the read, FileNotFoundError is raised and the read starts again.
    """

    store: Store
    location: str  # as shown in messages

    def files(self, dataset: str, folder: str | None = None) -> list[File]:
        """Return the files of a dataset, or of a folder in it, sorted; ignore any other file."""
        names = [dataset, OLDER[dataset]] if dataset in OLDER else [dataset]
        folders = [folder, older_folder(folder)] if folder else []
        places = [f"{name}/{each}" for name in names for each in folders] or names
        paths = [path for place in places for path in self.store.list_files(place)]
        return sorted(file for path in paths if (file := File.of(path)))

    def payload_files(self, wanted: Wanted = ALL) -> list[File]:
        """Return the files of payloads, and miss none even while others compact.

        A listing may be too early for a merged file and too late for the files merged into it;
        the next listing shows the merged file. For a store that lists late or in part, see
        `_left_out`.

        Raises
        ------
        NoHistoryError
            If there is no history at the location.
        PayloadError
            If there are derived tables but no payloads.
        """
        files = self.files(PAYLOADS)
        if not files:
            self._require_emptiness()
        for _ in range(_ATTEMPTS):
            again = self.files(PAYLOADS)
            if {file for file in again if file.is_compacted} <= set(files):
                files += self._left_out(files, wanted)
                return sorted(file for file in files if wanted.may_be_in(file))
            files = again
        raise self._unsettled()

    def _left_out(self, files: Sequence[File], wanted: Wanted) -> list[File]:
        """Return the files of payloads that a listing omitted although a derived table is listed.

        A second listing, of the folder of the table, finds them. A file that this listing also
        omits was moved away, as verify recommends for a wrong answer, or the store does not list
        it: nothing shows which. Frames then omit its rows, and verify names its tables.
        """
        listed = {file.stem for file in files}
        folders: dict[str, str] = {}
        for resource, (first, *_) in DERIVED.items():  # written right after the payload
            if wanted.resource in (None, resource):
                twins = filter(wanted.may_be_in, self.files(first))
                folders |= {twin.stem: twin.folder for twin in twins if twin.stem not in listed}
        again = (self.files(PAYLOADS, folder) for folder in sorted(set(folders.values())))
        found = [file for each in again for file in each if file.stem in folders]
        if found:
            _log.info(
                "History %s: a listing omitted %d files of payloads; a second one shows them.",
                self.location,
                len(found),
            )
        return found

    def _require_emptiness(self) -> None:
        """Raise if a history without payloads does not exist, or has lost its payloads."""
        if not self.store.is_there():
            raise NoHistoryError(
                f"There is no history at {self.location}.",
                remedy="Correct the location, or append a payload to create a history there.",
            )
        if not self.store.is_there(PAYLOADS) and any(map(self.store.is_there, FOLDERS)):
            raise PayloadError(
                f"The history at {self.location} has derived tables, but no folder {PAYLOADS}.",
                remedy="Restore the folder from a backup. If the storage lists new files with a"
                " delay, try again later.",
            )

    def patiently(self, read: Callable[[], _T]) -> _T:
        """Return the result of a read, and repeat the read if a file was compacted meanwhile."""
        for _ in range(_ATTEMPTS):
            try:
                return read()
            except FileNotFoundError:
                continue
        raise self._unsettled()

    def table(
        self, files: Sequence[File], wanted: Wanted = ALL, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the wanted rows of some files of one dataset.

        Raises
        ------
        DamagedError
            If the bytes of a file were changed, or this release cannot read its format.
        """
        contents = self.store.read([file.path for file in files])
        parts = []
        for file, content in zip(files, contents, strict=True):
            if digest_of(content) != file.digest:
                raise DamagedError(file)
            try:
                parts.append(tables.read(content, file.dataset, columns))
            except tables.UnreadableError as error:
                raise DamagedError(file, str(error), _OTHER_FORM) from None
        return tables.select(pa.concat_tables(parts), wanted)

    def keys(self, files: Sequence[File], wanted: Wanted = ALL) -> pa.Table:
        """Return the partner, cloud, time and hash of the payloads in some files.

        Raises
        ------
        PayloadError
            If a file is damaged; the message names it.
        """
        try:
            return self.table(files, replace(wanted, currencies=None), tables.KEYS)
        except DamagedError as error:
            raise self.damaged(error) from None

    def payloads(self, files: Sequence[File], wanted: Wanted = ALL) -> list[Payload]:
        """Return the payloads in some files.

        Raises
        ------
        PayloadError
            If a file is damaged; the message names it.
        """
        if not files:
            return []
        try:
            return tables.payloads_of(self.table(files, replace(wanted, currencies=None)))
        except DamagedError as error:
            raise self.damaged(error) from None

    def payloads_by_month(self, wanted: Wanted) -> Iterator[Payload]:
        """Yield the payloads, oldest first, reading one month at a time to save memory."""
        months: dict[str, list[File]] = {}
        for file in self.payload_files(wanted):
            months.setdefault(file.month, []).append(file)
        for month in sorted(months):
            yield from self._payloads_of(month, months[month], wanted)

    def _payloads_of(self, month: str, files: list[File], wanted: Wanted) -> list[Payload]:
        for _ in range(_ATTEMPTS):
            try:
                payloads = tables.distinct(self.payloads(files, wanted))
                # A merged file that was copied here from another month counts in that month.
                return [each for each in payloads if month_of(each.retrieved_at) == month]
            except FileNotFoundError:
                files = [file for file in self.payload_files(wanted) if file.month == month]
        raise self._unsettled()

    def write(self, contents: Mapping[File, bytes]) -> None:
        """Write files in this order."""
        self.store.write([(file.path, content) for file, content in contents.items()])

    def damaged(self, error: DamagedError) -> PayloadError:
        """Return the error of a damaged file of payloads."""
        return PayloadError(
            f"{error.file.path} in {self.location} {error.damage}.", remedy=error.remedy
        )

    def _unsettled(self) -> PcNotebooksError:
        return PcNotebooksError(
            f"The history at {self.location} could not be read: its files kept disappearing.",
            remedy="Compact it from one machine only, and let no other program delete its files.",
        )


def contents_of(file: File, payloads: Sequence[Payload]) -> dict[File, bytes]:
    """Return the files of some payloads with their contents, the file of the payloads first.

    Raises
    ------
    PayloadError
        If a body does not belong to its payload's resource.
    """
    file = replace(file, age=0)
    derived, rounded = tables.derived_tables(file.resource, payloads)
    parts = {file: tables.payload_table(payloads)} | {
        replace(file, dataset=dataset, rounded=rounded): table for dataset, table in derived.items()
    }
    contents = {}
    for part, table in parts.items():
        content = tables.parquet(table)
        contents[replace(part, digest=digest_of(content))] = content
    return contents
