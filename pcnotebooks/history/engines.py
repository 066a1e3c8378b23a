"""A dataset of a history as a Delta table, for Microsoft Fabric, Power BI and Databricks."""

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

# In what is merged: rows that the table has and the history does not.
_GONE = "_gone"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOST = 400  # letters of an error of delta-rs; its first lines say what failed


def open_delta(
    uri: str | os.PathLike[str],
    dataset: str,
    location: str,
    storage_options: Mapping[str, str] | None,
) -> Delta:
    """Return the Delta table of a dataset at a place, which need not be there yet.

    Raises
    ------
    ConfigurationError
        Without the extra ``delta``, for options that are not texts, or for a place in the history.
    """
    if find_spec("deltalake") is None:
        raise missing_library("deltalake", "A Delta table")
    if not isinstance(uri, str | os.PathLike) or not os.fspath(uri):
        raise ConfigurationError(
            f"The place of a Delta table is {uri!r}.", remedy="Give a folder or a URL."
        )
    options = dict(storage_options or {})
    # Not shown: a value may be a secret.
    if odd := [name for name, value in options.items() if not isinstance(value, str)]:
        raise ConfigurationError(
            f"storage_options has values that are not texts: {', '.join(map(repr, odd))}.",
            remedy="Write each value as a text, such as 'true'.",
        )
    place = _absolute(uri)
    history = _absolute(location)
    if _is_within(place, history) or _is_within(history, place):
        raise ConfigurationError(
            f"A Delta table at {without_password(place)} and the history at {location} would share"
            " a folder.",
            remedy="Choose a folder outside the history: cleaning up either would delete files of"
            " the other.",
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

    # Not in the repr, for both may hold secrets.
    uri: str = field(repr=False)
    dataset: str
    options: dict[str, str] = field(repr=False)

    @property
    def _place(self) -> str:
        return without_password(self.uri)

    def merge(self, ours: pa.Table) -> int:
        """Bring the table to the rows of the history, and return how many rows changed.

        Raises
        ------
        ConfigurationError
            For a table of another form.
        PcNotebooksError
            If another writer came first, or if the table cannot be reached.
        """
        from deltalake import write_deltalake  # noqa: PLC0415  an extra

        with self._answering():
            there = self._there()
            if there is None:
                write_deltalake(self.uri, ours, mode="error", storage_options=self.options)
                _log.info("Delta table %s: made with %d rows.", self._place, len(ours))
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

    def _there(self) -> DeltaTable | None:
        from deltalake import DeltaTable  # noqa: PLC0415  an extra
        from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415

        try:
            return DeltaTable(self.uri, storage_options=self.options)
        except TableNotFoundError:
            return None  # a place that cannot be reached fails when the table is made

    def _rows(self, there: DeltaTable, schema: pa.Schema) -> pa.Table:
        """Return the rows of the table, without the bytes of answers, which their hashes prove."""
        from deltalake import QueryBuilder  # noqa: PLC0415  an extra

        plain = pa.schema([field for field in schema if not _is_of_bytes(field)])
        # Unlike to_pyarrow_table, a query reads tables that Fabric or Databricks changed.
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
                f"The Delta table at {self._place} is not one of {self.dataset}: it lacks"
                f" {', '.join(odd)}, or has it in another type.",
                remedy="Name another place; the first call makes the table there.",
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Have the errors of delta-rs say what failed, and show no secret."""
        from deltalake.exceptions import CommitFailedError  # noqa: PLC0415  an extra

        try:
            yield
        except PcNotebooksError:
            raise
        except CommitFailedError:
            raise self._other_writer() from None
        except Exception as error:  # noqa: BLE001  of as many kinds as there are stores
            if "already exists" in str(error):  # made meanwhile
                raise self._other_writer() from None
            raise PcNotebooksError(
                f"The Delta table at {self._place} cannot be read or written: {self._words(error)}",
                remedy="Check the place, the network, and the credentials in storage_options or in"
                " the environment, as delta-rs takes them.",
            ) from None  # a traceback would show the options

    def _other_writer(self) -> PcNotebooksError:
        return PcNotebooksError(
            f"Another process wrote to the Delta table at {self._place} meanwhile, so nothing was"
            " added.",
            remedy="Run to_delta again when the other process has finished.",
        )

    def _words(self, error: Exception) -> str:
        words = _COLOUR.sub("", str(error)) or type(error).__name__
        for value in sorted(self.options.values(), key=len, reverse=True):
            if len(value) > 5:  # not "true", nor a number
                words = words.replace(value, "***")
        return one_line(discreet(words, self.uri), _MOST)


def _changes(ours: pa.Table, theirs: pa.Table, key: Sequence[str]) -> pa.Table:
    """Return the rows to be merged: new or different ones of ours, and the keys of gone ones.

    A row is gone if the history holds its moment without it, as after a wrong answer was moved
    away. Moments that the history does not hold are those of others.
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
    """Return a number for each row, which equal rows share; missing values are equal."""
    found: _Numbers = np.zeros(len(table), dtype=np.int64)
    for name in names:
        numbers = tables.numbers(table.column(name))
        found = pd.factorize(found * (numbers.max(initial=0) + 1) + numbers)[0]
    return found


def _is_of_bytes(field: pa.Field) -> bool:
    return bool(pa.types.is_binary(field.type) or pa.types.is_list(field.type))
