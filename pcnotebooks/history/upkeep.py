"""Maintain a history: merge small files, rebuild derived tables, and report damage."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from pcnotebooks.errors import PayloadError, PcNotebooksError
from pcnotebooks.history import tables
from pcnotebooks.history.datasets import CHANGED, FROM_BACKUP, DamagedError, Datasets, contents_of
from pcnotebooks.history.disputes import COMPACT_COMMAND, disputes
from pcnotebooks.history.files import DERIVED, FOLDERS, PAYLOADS, File, alike, file_of, month_of
from pcnotebooks.payload.payload import Payload

_log = logging.getLogger("pcnotebooks")

# Fewer small files per month, as from monthly or weekly fetches, cost a reader little.
_FEW = 4

REBUILD = "Run: pcnotebooks history rebuild"
_COMPACT = f"Run: {COMPACT_COMMAND}"


def compact(datasets: Datasets, month: str) -> int:
    """Merge the files of earlier months, repair the rest, and return how many were merged."""
    datasets.store.clean()
    folders: dict[tuple[str, str], list[File]] = {}
    for file in datasets.payload_files():
        if file.month < month:
            folders.setdefault((file.folder, file.resource), []).append(file)
    merged = sum(merge(datasets, files) for files in folders.values())
    mend(datasets)
    _log.info("History %s: compacted, %d files merged.", datasets.location, merged)
    return merged


def compact_earlier(datasets: Datasets, file: File) -> None:
    """Merge the small files of earlier months of a file's account and resource.

    This happens as part of an append, once a month, so a failure is only logged: the next
    compaction repairs the rest.
    """
    months: dict[str, list[File]] = {}
    try:
        for each in datasets.files(PAYLOADS, file.folder.rpartition("/")[0]):
            if each.month < file.month and each.resource == file.resource:
                months.setdefault(each.month, []).append(each)
        merged = sum(merge(datasets, files) for files in months.values() if _is_worth_it(files))
    except (OSError, PcNotebooksError) as error:
        _log.info("History %s: not compacted: %s", datasets.location, error)
        return
    if merged:
        _log.info("History %s: compacted, %d files merged.", datasets.location, merged)


def _is_worth_it(files: Sequence[File]) -> bool:
    return any(file.age for file in files) or sum(not file.is_compacted for file in files) >= _FEW


def merge(datasets: Datasets, files: Sequence[File]) -> int:
    """Merge the files of a folder and resource into one, and return how many were merged.

    A single file in a folder of an older release is moved to today's folder.

    Damaged files, files in another month's folder and disputed answers are left unchanged, and
    verify reports them: a wrong answer can be moved away only while it has its own file.
    """
    if len(files) < 2 and not any(file.age for file in files):
        return 0
    try:
        payloads = tables.distinct(datasets.payloads(files))
    except FileNotFoundError:
        return 0  # another process is merging them
    except PayloadError:
        return merge(datasets, [file for file in files if _is_whole(datasets, file)])
    if any(month_of(each.retrieved_at) != files[0].month for each in payloads):
        return 0
    disputed = disputes(datasets, tables.payload_table(payloads), files)
    if disputed:
        held = {file for each in disputed for file in each.files}
        # Without files, the answers were moved meanwhile; the next compaction merges the rest.
        return merge(datasets, [file for file in files if file not in held]) if held else 0
    contents = contents_of(file_of(*payloads), payloads)
    datasets.write(contents)
    merged = next(iter(contents))
    # On a file system that ignores case, the same file may be listed in two spellings.
    old = [file for file in files if alike(file.path) != alike(merged.path)]
    stems = {file.stem for file in old} - {merged.stem}
    # Delete the payloads last: derived tables can be rebuilt from them.
    for each in DERIVED[merged.resource]:
        twins = datasets.files(each, merged.folder)
        datasets.store.delete(twin.path for twin in twins if twin.stem in stems)
    datasets.store.delete(file.path for file in old)
    return len(old)


def _is_whole(datasets: Datasets, file: File) -> bool:
    try:
        return bool(datasets.payloads([file]))
    except (FileNotFoundError, PayloadError):
        return False


def mend(datasets: Datasets, *, everything: bool = False) -> None:
    """Write missing derived tables, or all of them; delete those without payloads.

    Tables in a folder of an older release are rebuilt in today's folder.
    """
    # List them before the payloads, so that tables written meanwhile are not deleted.
    derived = _derived(datasets)
    good = {(twin.dataset, twin.stem): twin for twin in derived}
    done = {key for key, twin in good.items() if not twin.age}
    files = datasets.payload_files()
    for file in files:
        if everything or any((each, file.stem) not in done for each in DERIVED[file.resource]):
            try:
                _, *contents = contents_of(file, datasets.payloads([file])).items()
            except (FileNotFoundError, PayloadError):
                continue  # compacted meanwhile, or damaged, which verify reports
            datasets.write(dict(contents))
            good |= {(twin.dataset, twin.stem): twin for twin, _ in contents}
    kept = {file.stem for file in files}
    needed = {alike(twin.path) for (_, stem), twin in good.items() if stem in kept}
    datasets.store.delete(twin.path for twin in derived if alike(twin.path) not in needed)


def _derived(datasets: Datasets) -> list[File]:
    return [twin for each in sum(DERIVED.values(), ()) for twin in datasets.files(each)]


def damages(datasets: Datasets) -> Iterator[tuple[str, str, str]]:
    """Yield the file, the damage and the remedy of each fault."""
    yield from _strangers(datasets)
    files = datasets.payload_files()
    whole: list[File] = []
    for file in files:
        try:
            payloads = tables.payloads_of(datasets.table([file]))
        except FileNotFoundError:
            continue  # compacted meanwhile
        except DamagedError as error:
            yield file.path, error.damage, error.remedy
            continue
        except PayloadError:
            yield file.path, CHANGED, FROM_BACKUP
            continue
        if not payloads or file_of(*payloads).stem != file.stem:
            yield file.path, "does not hold the payloads that its name states", FROM_BACKUP
            continue
        whole.append(file)
        yield from _damages_of_twins(datasets, file, payloads)
    yield from _disputed(datasets, whole)


def _disputed(datasets: Datasets, files: Sequence[File]) -> Iterator[tuple[str, str, str]]:
    """Yield the disputes about the payloads in some files, each with the last of its files."""
    found = []
    try:
        for resource in DERIVED:
            if own := [file for file in files if file.resource == resource]:
                found += disputes(datasets, datasets.keys(own), own)
    except (FileNotFoundError, PayloadError):
        return  # compacted or damaged meanwhile, which the next check shows
    for each in found:
        if not each.files:
            continue
        *others, last = each.files
        partner, cloud, at = each.moment
        both = f"and {' and '.join(file.path for file in others)} hold" if others else "holds"
        damage = (
            f"{both} different answers of partner {partner!r}, cloud {cloud!r}, retrieved at"
            f" {at.isoformat()}"
        )
        yield last.path, damage, each.remedy(datasets.location)


def _strangers(datasets: Datasets) -> Iterator[tuple[str, str, str]]:
    """Yield foreign files, and tables derived from payloads that no longer exist."""
    derived = _derived(datasets)
    kept = {file.stem for file in datasets.payload_files()}
    for twin in derived:
        if twin.stem not in kept:
            yield twin.path, "is derived from a payload that is not kept", _COMPACT
    for folder in FOLDERS:
        for path in datasets.store.list_files(folder):
            hidden = path.rpartition("/")[2].startswith((".", "_"))
            if File.of(path) is None and not hidden:
                name = path.encode(errors="backslashreplace").decode()
                yield name, "is not a file of a history", "Move it away, or other engines read it."


def _damages_of_twins(
    datasets: Datasets, file: File, payloads: Sequence[Payload]
) -> Iterator[tuple[str, str, str]]:
    """Yield the faults of the tables derived from a file of payloads."""
    tables_of, _ = tables.derived_tables(file.resource, payloads)
    for dataset, derived in tables_of.items():
        twins = [twin for twin in datasets.files(dataset, file.folder) if twin.stem == file.stem]
        # A file that was compacted meanwhile needs no tables.
        if not twins and file in datasets.files(PAYLOADS, file.folder):
            yield f"{dataset}/{file.folder}/{file.name}", "is missing", _COMPACT
        for twin in twins:
            try:
                if not datasets.table([twin]).equals(derived):
                    yield twin.path, "differs from its payloads", REBUILD
            except FileNotFoundError:
                continue
            except DamagedError as error:
                yield twin.path, error.damage, REBUILD
