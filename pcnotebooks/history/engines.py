"""Write a dataset of a history to a Delta table, for Microsoft Fabric and Databricks."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from pcnotebooks.errors import ConfigurationError, PcNotebooksError, missing_library
from pcnotebooks.history import tables
from pcnotebooks.history.store import discreet, folder_of
from pcnotebooks.text import one_line, without_password

if TYPE_CHECKING:
    from deltalake import DeltaTable

_log = logging.getLogger("pcnotebooks")

_Numbers: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

# A column of the merged rows: whether the table has the row and the history does not.
_GONE = "_gone"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOST = 400  # characters of a delta-rs error; its first lines say what failed


def open_delta(
    uri: str | os.PathLike[str],
    dataset: str,
    location: str,
    storage_options: Mapping[str, str] | None,
) -> Delta:
    """Return the Delta table of a dataset, which need not exist yet.

    Raises
    ------
    ConfigurationError
        If the extra ``delta`` is not installed, an option is not a string, or the table would be
        inside the history.
    """
    if find_spec("deltalake") is None:
        raise missing_library("deltalake", "A Delta table")
    if not isinstance(uri, str | os.PathLike) or not os.fspath(uri):
        raise ConfigurationError(
            f"The location of a Delta table cannot be {uri!r}.", remedy="Give a folder or a URL."
        )
    options = dict(storage_options or {})
    # Not shown: a value may be a secret.
    if odd := [name for name, value in options.items() if not isinstance(value, str)]:
        raise ConfigurationError(
            f"storage_options has values that are not strings: {', '.join(map(repr, odd))}.",
            remedy="Write each value as a string, such as 'true'.",
        )
    place = _absolute(uri)
    history = _absolute(location)
    if _is_within(place, history) or _is_within(history, place):
        raise ConfigurationError(
            f"The Delta table at {without_password(place)} and the history at {location} would"
            " share a folder.",
            remedy="Choose a folder outside the history, because cleaning up one would delete files"
            " of the other.",
        )
    return Delta(place, dataset, options)


def _absolute(location: str | os.PathLike[str]) -> str:
    place = folder_of(os.fspath(location))
    return place if "://" in place else str(Path(place).expanduser().resolve())


def _is_within(place: str, folder: str) -> bool:
    parts, above = (re.split(r"[\\/]+", each.rstrip("\\/")) for each in (place, folder))
    return parts[: len(above)] == above


@dataclass(frozen=True)
class Delta:
    """The Delta table of a dataset."""

    # Not in the repr, because both may contain secrets.
    uri: str = field(repr=False)
    dataset: str
    options: dict[str, str] = field(repr=False)

    @property
    def _place(self) -> str:
        return without_password(self.uri)

    def merge(self, ours: pa.Table) -> int:
        """Update the table to the rows of the history, and return how many rows changed.

        Raises
        ------
        ConfigurationError
            If the table has another form.
        PcNotebooksError
            If another process wrote to the table first, or it cannot be reached.
        """
        from deltalake import write_deltalake  # noqa: PLC0415  an extra

        with self._answering():
            self._require_folder()
            there = self._there()
            if there is None:
                write_deltalake(self.uri, ours, mode="error", storage_options=self.options)
                _log.info("Delta table %s: created with %d rows.", self._place, len(ours))
                return len(ours)
            self._require_form(there, ours.schema)
            source = _changes(ours, self._rows(there, ours.schema), tables.ROW_KEYS[self.dataset])
            if not len(source):
                return 0
            key = " and ".join(
                f"kept.{name} = new.{name}" for name in tables.ROW_KEYS[self.dataset]
            )
            values = {name: f"new.{name}" for name in ours.schema.names}
            is_gone = f"new.{_GONE}"
            (
                there.merge(source, key, source_alias="new", target_alias="kept")
                .when_matched_delete(is_gone)
                .when_matched_update(values, f"not {is_gone}")
                .when_not_matched_insert(values, f"not {is_gone}")
                .execute()
            )
        _log.info("Delta table %s: %d rows merged.", self._place, len(source))
        return len(source)

    def _require_folder(self) -> None:
        """Raise ConfigurationError if the table, or a folder above it, is a file."""
        if "://" in self.uri:
            return
        place = Path(self.uri)
        first = next(each for each in (place, *place.parents) if each.exists())
        if not first.is_dir():
            raise ConfigurationError(
                f"The Delta table cannot be at {place}: {first} is a file.",
                remedy="Give the path of a folder.",
            )

    def _there(self) -> DeltaTable | None:
        from deltalake import DeltaTable  # noqa: PLC0415  an extra
        from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415

        try:
            return DeltaTable(self.uri, storage_options=self.options)
        except TableNotFoundError:
            return None  # an unreachable location fails later, when the table is created

    def _rows(self, there: DeltaTable, schema: pa.Schema) -> pa.Table:
        """Return the rows of the table without the bytes of answers: the hashes identify them."""
        from deltalake import QueryBuilder  # noqa: PLC0415  an extra

        plain = pa.schema([field for field in schema if not _is_of_bytes(field)])
        # Unlike to_pyarrow_table, a query can read tables that Fabric or Databricks changed.
        query = f"select {', '.join(plain.names)} from kept"  # noqa: S608  names of our columns
        return pa.table(QueryBuilder().register("kept", there).execute(query)).cast(plain)

    def _require_form(self, there: DeltaTable, schema: pa.Schema) -> None:
        theirs = pa.schema(there.schema().to_arrow())
        odd = [
            field.name
            for field in schema
            if field.name not in theirs.names
            or tables.kind(theirs.field(field.name).type) != tables.kind(field.type)
        ]
        if odd:
            raise ConfigurationError(
                f"The Delta table at {self._place} is not a table of {self.dataset}: these columns"
                f" are missing or have another type: {', '.join(odd)}.",
                remedy="Choose another location; the first call creates the table there.",
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Make the errors of delta-rs name the table, without secrets."""
        from deltalake.exceptions import CommitFailedError  # noqa: PLC0415  an extra

        try:
            yield
        except PcNotebooksError:
            raise
        except CommitFailedError:
            raise self._other_writer() from None
        except Exception as error:  # noqa: BLE001  each store raises its own classes
            if "already exists" in str(error):  # another process created it meanwhile
                raise self._other_writer() from None
            raise PcNotebooksError(
                f"The Delta table at {self._place} cannot be read or written: {self._words(error)}",
                remedy="Check the location, the network, and the credentials for delta-rs in"
                " storage_options or in the environment.",
            ) from None  # a traceback would show the options

    def _other_writer(self) -> PcNotebooksError:
        return PcNotebooksError(
            f"Another process wrote to the Delta table at {self._place} at the same time, so"
            " nothing was added.",
            remedy="Run to_delta again after the other process has finished.",
        )

    def _words(self, error: Exception) -> str:
        words = _COLOUR.sub("", str(error)) or type(error).__name__
        for value in sorted(self.options.values(), key=len, reverse=True):
            if len(value) > 5:  # shorter values are "true" or numbers
                words = words.replace(value, "***")
        return one_line(discreet(words, self.uri), _MOST)


def _changes(ours: pa.Table, theirs: pa.Table, key: Sequence[str]) -> pa.Table:
    """Return the rows to merge: our new or changed rows, and the keys of rows to delete.

    A row is deleted if the history holds its moment but not the row, for example after a wrong
    answer was moved away. Moments that the history does not hold belong to other histories.
    """
    both = pa.concat_tables([ours.select(theirs.schema.names), theirs])
    rows, keys, moments = (
        np.split(_identities(both, names), [len(ours)])
        for names in (theirs.schema.names, key, key[:3])
    )
    is_new = ~np.isin(rows[0], rows[1])
    is_gone = np.isin(moments[1], moments[0]) & ~np.isin(keys[1], keys[0])
    gone = theirs.filter(is_gone).select(key)
    fresh = ours.filter(is_new)
    flags = pa.array([False] * len(fresh) + [True] * len(gone), pa.bool_())
    together = pa.concat_tables([fresh, gone], promote_options="default")
    return together.append_column(_GONE, flags)


def _identities(table: pa.Table, names: Sequence[str]) -> _Numbers:
    """Return a number for each row, the same for equal rows; missing values are equal."""
    found: _Numbers = np.zeros(len(table), dtype=np.int64)
    for name in names:
        numbers = tables.numbers(table.column(name))
        found = pd.factorize(found * (numbers.max(initial=0) + 1) + numbers)[0]
    return found


def _is_of_bytes(field: pa.Field) -> bool:
    return bool(pa.types.is_binary(field.type) or pa.types.is_list(field.type))
