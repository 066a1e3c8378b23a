"""The history: payloads kept, so that balances become trends and what changed is said."""

from __future__ import annotations

import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
import platformdirs

from pcnotebooks.errors import ConfigurationError, PayloadError, PcNotebooksError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import changes_of
from pcnotebooks.frame.rows import two_answers
from pcnotebooks.frame.selection import AsOf, Choice, rows_with
from pcnotebooks.history.files import (
    DERIVED,
    DETAILS,
    PAYLOADS,
    SUMMARIES,
    Clouds,
    File,
    Wanted,
    digest_of,
    file_of,
    moment_of,
    month_of,
)
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.text import without_password

if TYPE_CHECKING or find_spec("pyarrow"):  # without it, History says what to install
    import pyarrow as pa

    from pcnotebooks.history import store, tables

_T = TypeVar("_T")

# Each needs another process to have compacted just then.
_ATTEMPTS = 100
_ALL = Wanted()
_A_MOMENT = 0.3  # seconds, in which a writer gets on

_FROM_BACKUP = "Restore it from a backup, or delete it and append its payloads again."
_REBUILD = "Run: pcnotebooks history rebuild"
_COMPACT_COMMAND = "pcnotebooks history compact"
_COMPACT = f"Run: {_COMPACT_COMMAND}"


class History:
    """Payloads kept in a folder or an object store, as Parquet that other engines read, too.

    Every payload appended is kept whole, once, with its hash. Frames are read from tables that
    are derived from the payloads and can be derived again. Any number of processes and machines
    may append, compact and read at once: there is no lock, and one that is killed leaves nothing
    broken. Reading writes nothing.

    Parameters
    ----------
    location
        A folder, which is made for you alone once something is kept, or an fsspec URL of an
        object store, such as ``abfss://...`` or ``s3://...``, whose put is atomic. Unless given:
        ``PCNOTEBOOKS_HISTORY``, else a folder in the user's data directory. The attribute of this
        name, which messages repeat, shows no password of a URL.

    Raises
    ------
    ConfigurationError
        Without the extra ``history``, or for a location that cannot be opened.

    Notes
    -----
    In all methods `partner`, `cloud` and `currency` choose one value or several, None all.
    `since` and `until` bound ``retrieved_at``: a date, datetime or ISO string, in UTC unless it
    says otherwise. A day is whole, so both are included.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pcnotebooks import sample_history
    >>> folder = TemporaryDirectory()
    >>> history = History(folder.name)
    >>> sum(history.append(payload, sample=True) for payload in sample_history())
    48
    >>> totals = history.totals(currency="KWD", since="2025-10-01")
    >>> totals[["partner", "retrieved_at", "balance_amount"]]
                 partner              retrieved_at  balance_amount
    0  Fabrikam (sample) 2025-10-05 06:00:00+00:00        5130.111
    1  Fabrikam (sample) 2025-11-05 06:00:00+00:00       10407.760
    2  Fabrikam (sample) 2025-12-05 06:00:00+00:00        5302.941
    >>> history.verify().empty
    True
    >>> folder.cleanup()
    """

    def __init__(self, location: str | os.PathLike[str] | None = None) -> None:
        if find_spec("pyarrow") is None:
            raise ConfigurationError(
                "A history needs pyarrow.", remedy='Run: pip install "pcnotebooks[history]"'
            )
        place = location or default_location()
        if not isinstance(place, str | os.PathLike):
            raise ConfigurationError(
                f"A history's location is {place!r}.", remedy="Give a folder or an fsspec URL."
            )
        self.location = without_password(os.fspath(place))
        self._store = store.open_store(place)

    def __repr__(self) -> str:
        return f"History({self.location!r})"

    def append(self, payload: Payload, *, sample: bool = False) -> bool:
        """Keep a payload; return whether it is new.

        Once this returns, the payload survives a loss of power. A process killed before has kept
        it whole or not at all.

        Parameters
        ----------
        payload
            What :func:`fetch_invoice_summaries` or :meth:`Payload.load` returned. With the cloud,
            partner, ``retrieved_at`` and body of a kept one it is that one.
        sample
            Keep sample data, too.

        Raises
        ------
        PayloadError
            For a body that is not invoice summaries.
        ConfigurationError
            For sample data without being asked to, a label too long for a folder's name, or
            another answer than the one that is kept of that partner, cloud and ``retrieved_at``.
        OSError, PcNotebooksError
            Where it cannot be written, or an object store gives no answer; nothing was kept.
        """
        if not isinstance(payload, Payload):
            raise TypeError(
                f"expected a payload, got {type(payload).__name__}; pass a file as"
                " Payload.load(path)"
            )
        if payload.resource == INVOICES:
            raise ConfigurationError(
                f"A history keeps invoice summaries, and this is a list of invoices: {payload!r}.",
                remedy="Keep it in a file: payload.save(path).",
            )
        if payload.is_sample and not sample:
            raise ConfigurationError(
                f"Sample data was not kept: {payload!r}.",
                remedy="A history of its own may hold it: append(payload, sample=True).",
            )
        file = file_of(payload)
        contents = _contents(file, [payload])  # which raises before anything is touched
        kept = self._files(PAYLOADS, file.folder)
        if any(each.stem == file.stem for each in kept):
            return False
        moment = (payload.partner, payload.cloud, payload.retrieved_at)
        answers = self._answers(*moment, kept)
        if payload.sha256 in answers:
            return False
        for other in answers.values():
            raise two_answers(
                *moment,
                remedy=f"{other.path} in {self.location} holds the other. Give each account a"
                " partner label of its own, and each answer its time.",
            )
        self._write(contents)
        return True

    def payloads(
        self,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Iterator[Payload]:
        """Yield the kept payloads, oldest first, each proved by its hash.

        Raises
        ------
        PayloadError
            For a damaged file, when its turn comes.
        """
        return self._payloads(Wanted.of(partner, cloud, None, since, until))

    def summaries(
        self,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        currency: Choice = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        at: AsOf | None = None,
        exact: bool = False,
    ) -> pd.DataFrame:
        """Return :func:`summary_frame` of the kept payloads.

        Parameters
        ----------
        partner, cloud, currency, since, until
            Which rows.
        at
            Only what stood on that day, or at that moment: the rows of each partner's and cloud's
            latest payload until then.
        exact
            Amounts as `decimal.Decimal` objects instead of float64.

        Raises
        ------
        PayloadError
            For a damaged file of payloads that is needed.
        ConfigurationError
            For two different answers of one partner, cloud and ``retrieved_at``, which two
            writers kept in the same moment: verify() names their files.

        Warns
        -----
        UserWarning
            For a damaged derived table; its rows were read from the payloads.
        """
        wanted = Wanted.of(partner, cloud, currency, since, until)
        return self._patiently(lambda: self._frame(DETAILS, wanted, at, exact=exact))

    def totals(
        self,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        currency: Choice = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        at: AsOf | None = None,
        exact: bool = False,
    ) -> pd.DataFrame:
        """Return :func:`totals_frame` of the kept payloads; all else as :meth:`summaries`."""
        wanted = Wanted.of(partner, cloud, currency, since, until)
        return self._patiently(lambda: self._frame(SUMMARIES, wanted, at, exact=exact))

    def changes(
        self,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        currency: Choice = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> pd.DataFrame:
        """Return :func:`balance_changes` of the kept payloads.

        The first change since a day is told from the payload before that day.
        """
        wanted = Wanted.of(partner, cloud, currency, None, until)
        # Not by totals(): a warning is to name the caller's line.
        changes = changes_of(
            self._patiently(lambda: self._frame(SUMMARIES, wanted, None, exact=True))
        )
        if since is None:
            return changes
        return rows_with(changes[changes["retrieved_at"] >= moment_of(since)])

    def compact(self, before: AsOf | None = None) -> int:
        """Merge the small files of closed months, and mend what killed processes have left.

        A merged file appears before the small ones go: a `History` never misses or doubles a row
        meanwhile, other engines may see a double for a moment.

        Parameters
        ----------
        before
            Months before this day's are closed; today's unless given.

        Returns
        -------
        int
            How many files were merged into others.
        """
        now = month_of(moment_of(datetime.now(UTC) if before is None else before))
        self._store.clean()
        folders: dict[str, list[File]] = {}
        for file in self._payload_files():
            if file.month < now:
                folders.setdefault(file.folder, []).append(file)
        merged = sum(self._merge(files) for files in folders.values())
        self._mend()
        return merged

    def rebuild(self) -> None:
        """Derive every table again from the payloads; a damaged file of payloads is left alone."""
        self._mend(anew=True)

    def verify(self) -> pd.DataFrame:
        """Check every hash, and every derived table against its payloads.

        Returns
        -------
        DataFrame
            ``file`` (below the location), ``damage`` and ``remedy``, in words (string). Empty
            when the history is whole.
        """
        found = set(self._damages())
        if found:
            # Others append and compact: what was half done stands or is gone by now.
            time.sleep(_A_MOMENT)
            found &= set(self._damages())
        rows = sorted(found)
        return pd.DataFrame(rows, columns=["file", "damage", "remedy"], dtype="string")

    def _files(self, dataset: str, folder: str | None = None) -> list[File]:
        """Return the files of a dataset or of a folder in it, in order; not those of others."""
        paths = self._store.list_files(f"{dataset}/{folder}" if folder else dataset)
        return sorted(file for path in paths if (file := File.of(path)))

    def _payload_files(self, wanted: Wanted | None = None) -> list[File]:
        """Return the files of payloads, none of which is missed while others compact.

        A listing can come too early for a merged file and too late for those that went into it;
        the next one shows it.
        """
        files = self._files(PAYLOADS)
        for _ in range(_ATTEMPTS):
            again = self._files(PAYLOADS)
            if {file for file in again if file.is_compacted} <= set(files):
                return [file for file in files if wanted is None or wanted.may_be_in(file)]
            files = again
        raise _restless(self.location)

    def _patiently(self, read: Callable[[], _T]) -> _T:
        """Return what is read, from the start again where a file was compacted meanwhile."""
        for _ in range(_ATTEMPTS):
            try:
                return read()
            except FileNotFoundError:
                continue
        raise _restless(self.location)

    def _table(
        self, files: Sequence[File], wanted: Wanted, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the wanted rows of some files of one dataset; damage raises, unexplained."""
        contents = self._store.read([file.path for file in files])
        for file, content in zip(files, contents, strict=True):
            if digest_of(content) != file.digest:
                raise _DamagedError(file)
        return tables.read(contents, files[0].dataset, wanted, columns)

    def _read(self, files: Sequence[File], wanted: Wanted = _ALL) -> list[Payload]:
        """Return the payloads of some files.

        Raises
        ------
        PayloadError
            For a damaged file, with its name.
        """
        if not files:
            return []
        try:
            return tables.payloads_of(self._table(files, replace(wanted, currencies=None)))
        except _DamagedError as error:
            raise _damaged(error.file, self.location) from None

    def _payloads(self, wanted: Wanted) -> Iterator[Payload]:
        months: dict[str, list[File]] = {}
        for file in self._payload_files(wanted):
            months.setdefault(file.month, []).append(file)
        for month in sorted(months):
            yield from self._of_month(month, months[month], wanted)

    def _of_month(self, month: str, files: list[File], wanted: Wanted) -> list[Payload]:
        for _ in range(_ATTEMPTS):
            try:
                payloads = tables.distinct(self._read(files, wanted))
                # A merged file that somebody copied here counts in its own month.
                return [each for each in payloads if month_of(each.retrieved_at) == month]
            except FileNotFoundError:
                files = [file for file in self._payload_files(wanted) if file.month == month]
        raise _restless(self.location)

    def _answers(
        self, partner: str, cloud: str, at: datetime, files: Sequence[File]
    ) -> dict[str, File]:
        """Return the sha256 of each answer of a moment, with the whole file that holds it."""
        wanted = Wanted((partner,), (cloud,), None, at, at)
        answers: dict[str, File] = {}
        for file in files:
            if file.may_hold(at):
                with suppress(FileNotFoundError, _DamagedError):
                    hashes = self._table([file], wanted, tables.KEYS)["sha256"]
                    answers |= dict.fromkeys(hashes.to_pylist(), file)
        return answers

    def _listed(self) -> tuple[list[tuple[str, str, datetime]], list[PayloadError]]:
        """Return partner, cloud and time of every payload in whole files, and what is damaged."""
        found: set[tuple[str, str, datetime, str]] = set()
        damaged = []
        for file in self._payload_files():
            try:
                table = self._table([file], _ALL, tables.KEYS)
            except _DamagedError:
                damaged.append(_damaged(file, self.location))
            else:
                columns = (table[name].to_pylist() for name in tables.KEYS)
                found.update(zip(*columns, strict=True))
        return [key[:3] for key in sorted(found)], damaged

    def _frame(self, dataset: str, wanted: Wanted, at: AsOf | None, *, exact: bool) -> pd.DataFrame:
        if at is not None:
            day = moment_of(at, end=True)
            until = day if wanted.until is None else min(day, wanted.until)
            wanted = self._standing(replace(wanted, until=until))
        files = self._payload_files(wanted)
        table = self._derived(dataset, files, wanted)
        if table is not None:
            self._require_one_answer(table, files, wanted)
            return tables.frame_of(table, exact=exact)
        payloads = self._read(files, wanted)
        self._require_one_answer(tables.payload_table(payloads), files, wanted)
        of = summary_frame if dataset == DETAILS else totals_frame
        frame = of(*payloads, exact=exact)
        return rows_with(frame, currency=wanted.currencies)

    def _require_one_answer(self, table: pa.Table, files: Sequence[File], wanted: Wanted) -> None:
        """Raise where two writers at once kept different answers of one moment."""
        disputed = tables.disputed(table)
        if not disputed:  # one that states nothing has no row, but a name
            of = Counter(file.moment for file in files if not file.is_compacted)
            alike = [file for file in files if of[file.moment] > 1]
            with suppress(_DamagedError):
                every = replace(wanted, currencies=None)
                disputed = tables.disputed(self._table(alike, every, tables.KEYS)) if alike else []
        for moment in disputed:
            places = {file.path for file in self._answers(*moment, files).values()}
            raise two_answers(*moment, remedy=_move_away(sorted(places), self.location))

    def _standing(self, wanted: Wanted) -> Wanted:
        """Narrow to the latest payload of each partner and cloud, also where it states nothing."""
        files = self._payload_files(wanted)
        if not files:
            return wanted
        every = replace(wanted, currencies=None)
        try:
            table = self._table(files, every, tables.KEYS)
        except _DamagedError as error:
            raise _damaged(error.file, self.location) from None
        wanted = replace(wanted, standing=tables.latest(table))
        moments = [moment for *_, moment in wanted.standing or ()]
        return replace(wanted, since=min(moments), until=max(moments)) if moments else wanted

    def _derived(self, dataset: str, files: Sequence[File], wanted: Wanted) -> pa.Table | None:
        """Return the derived rows of files of payloads; None where amounts in them were rounded.

        What a killed process has not derived, and what is damaged, is derived here.
        """
        twins = {twin.stem: twin for twin in self._files(dataset)}
        found = [twins[file.stem] for file in files if file.stem in twins]
        if any(twin.rounded for twin in found):
            return None
        table = None
        while found and table is None:
            try:
                table = self._table(found, wanted)
            except _DamagedError as error:
                found.remove(error.file)
                warnings.warn(
                    f"{error.file.path} in {self.location} was changed or cut off; its rows were"
                    f" read from the payloads. {_REBUILD}",
                    UserWarning,
                    stacklevel=6,
                )
        there = {twin.stem for twin in found}
        lacking = [file for file in files if file.stem not in there]
        details, summaries, rounded = tables.derived_tables(self._read(lacking, wanted))
        own = tables.select(details if dataset == DETAILS else summaries, wanted)
        return None if rounded else own if table is None else tables.together([table, own])

    def _merge(self, files: Sequence[File]) -> int:
        """Merge the files of a folder into one, and return how many went into it."""
        if len(files) < 2:
            return 0
        try:
            payloads = self._read(files)
        except FileNotFoundError:
            return 0  # another process is at it
        except PayloadError:
            # Stays as it is, for verify to tell.
            return self._merge([file for file in files if self._is_whole(file)])
        payloads = tables.distinct(payloads)
        if any(month_of(each.retrieved_at) != files[0].month for each in payloads):
            return 0  # one belongs elsewhere, which verify tells
        if disputed := tables.disputed(tables.payload_table(payloads)):
            # Apart, the wrong one can be moved away.
            held = {file for each in disputed for file in self._answers(*each, files).values()}
            return self._merge([file for file in files if file not in held]) if held else 0
        contents = _contents(file_of(*payloads), payloads)
        self._write(contents)
        merged = next(iter(contents))
        old = [file for file in files if file != merged]
        stems = {file.stem for file in old} - {merged.stem}
        # The payloads last: what is derived of them can be derived again.
        for each in DERIVED:
            twins = self._files(each, merged.folder)
            self._store.delete(twin.path for twin in twins if twin.stem in stems)
        self._store.delete(file.path for file in old)
        return len(old)

    def _is_whole(self, file: File) -> bool:
        try:
            return bool(self._read([file]))
        except (FileNotFoundError, PayloadError):
            return False

    def _mend(self, *, anew: bool = False) -> None:
        """Derive what is not derived, or everything anew; delete what has no payload."""
        # Listed before the payloads: what others derive meanwhile is left alone.
        derived = [twin for each in DERIVED for twin in self._files(each)]
        good = {(twin.dataset, twin.stem): twin for twin in derived}
        files = self._payload_files()
        for file in files:
            if anew or any((each, file.stem) not in good for each in DERIVED):
                try:
                    _, *contents = _contents(file, self._read([file])).items()
                except (FileNotFoundError, PayloadError):
                    continue  # compacted meanwhile; or damaged, which verify tells
                self._write(dict(contents))
                good |= {(twin.dataset, twin.stem): twin for twin, _ in contents}
        kept = {file.stem for file in files}
        needed = {twin for (_, stem), twin in good.items() if stem in kept}
        self._store.delete(twin.path for twin in derived if twin not in needed)

    def _write(self, contents: Mapping[File, bytes]) -> None:
        self._store.write([(file.path, content) for file, content in contents.items()])

    def _damages(self) -> Iterator[tuple[str, str, str]]:
        """Yield file, damage and remedy."""
        yield from self._strangers()
        files = self._payload_files()
        answers: dict[tuple[str, str, datetime], tuple[str, File]] = {}
        for file in files:
            try:
                payloads = self._read([file])
            except FileNotFoundError:
                continue  # compacted meanwhile
            except PayloadError:
                yield file.path, "was changed or cut off", _FROM_BACKUP
                continue
            if not payloads or file_of(*payloads).stem != file.stem:
                yield file.path, "does not hold the payloads that its name tells", _FROM_BACKUP
                continue
            for payload in payloads:
                moment = (payload.partner, payload.cloud, payload.retrieved_at)
                sha256, other = answers.setdefault(moment, (payload.sha256, file))
                if sha256 != payload.sha256:
                    both = "holds" if other == file else f"and {other.path} hold"
                    damage = (
                        f"{both} different answers of {payload.partner!r}, cloud"
                        f" {payload.cloud!r}, retrieved at {payload.retrieved_at.isoformat()}"
                    )
                    yield file.path, damage, _move_away([other.path, file.path], self.location)
            yield from self._damages_of_twins(file, payloads)

    def _strangers(self) -> Iterator[tuple[str, str, str]]:
        """Yield the files of others, and those derived from payloads that are gone."""
        derived = [twin for each in DERIVED for twin in self._files(each)]
        kept = {file.stem for file in self._payload_files()}
        for twin in derived:
            if twin.stem not in kept:
                yield twin.path, "is derived from no kept payload", _COMPACT
        for dataset in (PAYLOADS, *DERIVED):
            for path in self._store.list_files(dataset):
                hidden = path.rpartition("/")[2].startswith((".", "_"))
                if File.of(path) is None and not hidden:
                    name = path.encode(errors="backslashreplace").decode()
                    yield name, "is no file of a history", "Move it away: other engines read it."

    def _damages_of_twins(
        self, file: File, payloads: Sequence[Payload]
    ) -> Iterator[tuple[str, str, str]]:
        details, summaries, _ = tables.derived_tables(payloads)
        for dataset, derived in ((DETAILS, details), (SUMMARIES, summaries)):
            twins = [twin for twin in self._files(dataset, file.folder) if twin.stem == file.stem]
            # One that was compacted meanwhile lacks nothing.
            if not twins and file in self._files(PAYLOADS, file.folder):
                yield f"{dataset}/{file.stem}", "is missing", _COMPACT
            for twin in twins:
                try:
                    if not self._table([twin], _ALL).equals(derived):
                        yield twin.path, "differs from its payloads", _REBUILD
                except FileNotFoundError:
                    continue
                except _DamagedError:
                    yield twin.path, "was changed or cut off", _REBUILD


def default_location() -> str:
    """Return where the history is unless told: ``PCNOTEBOOKS_HISTORY``, else the user's data."""
    folder = platformdirs.user_data_path("pcnotebooks", appauthor=False) / "history"
    return os.environ.get("PCNOTEBOOKS_HISTORY") or str(folder)


class _DamagedError(Exception):
    """A file that is not what was written."""

    def __init__(self, file: File) -> None:
        super().__init__(file.path)
        self.file = file


def _damaged(file: File, location: str) -> PayloadError:
    return PayloadError(
        f"{file.path} in {location} was changed or cut off since it was kept.", remedy=_FROM_BACKUP
    )


def _move_away(places: Sequence[str], location: str) -> str:
    """Return what to do about different answers of one moment."""
    one, *others = dict.fromkeys(places)
    if others:
        names = " or ".join([one, *others])
        return f"Move the wrong one out of {location}: {names}. Then run: {_COMPACT_COMMAND}"
    return (
        f"Write the payloads to files (pcnotebooks history export), move {one} out of {location},"
        " and append the right ones again."
    )


def _contents(file: File, payloads: Sequence[Payload]) -> dict[File, bytes]:
    """Return the files of some payloads with what they hold, that of the payloads first."""
    details, summaries, rounded = tables.derived_tables(payloads)
    parts = {
        file: tables.payload_table(payloads),
        replace(file, dataset=DETAILS, rounded=rounded): details,
        replace(file, dataset=SUMMARIES, rounded=rounded): summaries,
    }
    contents = {}
    for part, table in parts.items():
        content = tables.parquet(table)
        contents[replace(part, digest=digest_of(content))] = content
    return contents


def _restless(location: str) -> PcNotebooksError:
    return PcNotebooksError(
        f"The history at {location} does not stand still: files of it keep disappearing.",
        remedy="Compact it from one place only, and see that nothing else deletes its files.",
    )
