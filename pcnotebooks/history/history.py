"""The history keeps payloads, so that trends and changes can be shown."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pandas as pd
import platformdirs

from pcnotebooks.errors import ConfigurationError, PcNotebooksWarning, missing_library
from pcnotebooks.frame.changes import changes_between
from pcnotebooks.frame.measures import changes_of
from pcnotebooks.frame.selection import AsOf, Choice, rows_with
from pcnotebooks.history.files import (
    INVOICES,
    PAYLOADS,
    SUMMARIES,
    TOTALS,
    Clouds,
    File,
    Wanted,
    moment_of,
    month_of,
)
from pcnotebooks.payload import decode
from pcnotebooks.payload.payload import Payload, require_resource
from pcnotebooks.text import facts_html, without_password

if TYPE_CHECKING:
    import pyarrow as pa

if TYPE_CHECKING or find_spec("pyarrow"):  # without pyarrow, History says how to install it
    from pcnotebooks.history import appending, datasets, engines, frames, store, upkeep

_A_MOMENT = 0.3  # seconds, enough for another process to finish writing


class History:
    """A history of payloads in a folder or an object store, as Parquet that any engine can read.

    Each payload, of summaries or of invoices, is kept complete, once, with its hash. Frames are
    read from tables that are derived from the payloads and can be rebuilt. Any number of
    processes and machines may append, compact and read at the same time: readers never wait, and
    a killed process leaves nothing broken. Reading writes nothing.

    Parameters
    ----------
    location
        A folder, created with access for you alone when the first payload is kept, or the fsspec
        URL of an object store with atomic writes, such as ``abfss://...`` or ``s3://...``. The
        default is ``PCNOTEBOOKS_HISTORY``, or else a folder in the user's data directory. The
        attribute `location`, which messages quote, hides the password of a URL.

    Raises
    ------
    ConfigurationError
        If the extra ``history`` is not installed, or the location cannot be opened.

    Notes
    -----
    In all methods, `partner`, `cloud` and `currency` accept one value or several; None means all.
    `since` and `until` limit ``retrieved_at`` and are inclusive: dates, which mean whole days,
    datetimes or ISO strings, in UTC unless they have an offset. If there is no history at the
    location, every method except :meth:`append` raises ConfigurationError.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pcnotebooks import sample_history
    >>> folder = TemporaryDirectory()
    >>> history = History(folder.name)
    >>> sum(history.append(payload, sample=True) for payload in sample_history())
    96
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
            raise missing_library("pyarrow", "History")
        place = location or default_location()
        if not isinstance(place, str | os.PathLike):
            raise ConfigurationError(
                f"A history's location cannot be {place!r}.", remedy="Give a folder or a URL."
            )
        self.location = without_password(os.fspath(place))
        self._datasets = datasets.Datasets(store.open_store(place), self.location)

    def __repr__(self) -> str:
        return f"History({self.location!r})"

    def _repr_html_(self) -> str:
        return facts_html("History", {"Location": self.location, "Look at it with": "index()"})

    @property
    def is_empty(self) -> bool:
        """Whether no payload is kept, or there is no history at the location yet."""
        return not self._datasets.files(PAYLOADS)

    def append(self, payload: Payload, *, sample: bool = False, compact: bool = True) -> bool:
        """Keep a payload, and return whether it is new.

        Once this method returns, the payload survives a power failure. If the process is killed
        earlier, the payload is kept completely or not at all. If several processes append the
        same payload to a folder at once, one of them gets True. An object store has no locks, so
        several may get True; the payload is kept once.

        Parameters
        ----------
        payload
            The result of :func:`fetch_invoice_summaries`, :func:`fetch_invoices` or
            :meth:`Payload.load`. A payload whose cloud, partner, ``retrieved_at``, resource, body
            and pages equal those of a kept one is not kept again.
        sample
            Accept sample data.
        compact
            Merge the small files of the account's earlier months when the first payload of a
            month is kept. If merging fails, the failure is only logged.

        Raises
        ------
        PayloadError
            If the body does not belong to the payload's resource.
        ConfigurationError
            If the payload is sample data and `sample` is False, if a label is too long for a folder
            name, or if a different answer is kept for the same partner, cloud, ``retrieved_at`` and
            resource.
        OSError, PcNotebooksError
            If the payload cannot be written, or the object store does not answer. Append it again:
            it is not kept twice even if the store had written it.

        Warns
        -----
        PcNotebooksWarning
            If the payload was kept but its tables could not be derived, or if other users can
            change a folder of the history.
        """
        if not isinstance(payload, Payload):
            raise TypeError(
                f"expected a Payload, got {type(payload).__name__}; load a file with"
                " Payload.load(path)"
            )
        if payload.is_sample and not sample:
            raise ConfigurationError(
                f"Sample data was not kept: {payload!r}.",
                remedy="Use a separate history for sample data: append(payload, sample=True).",
            )
        return appending.append(self._datasets, payload, compact=compact)

    def payloads(
        self,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Iterator[Payload]:
        """Yield the kept payloads of both resources, oldest first, each verified by its hash.

        Raises
        ------
        PayloadError
            When the iterator reaches a damaged file.
        """
        return self._datasets.payloads_by_month(Wanted.of(partner, cloud, None, since, until))

    def index(self) -> pd.DataFrame:
        """Return a table of the kept payloads, one row each, without their bodies.

        Returns
        -------
        DataFrame
            ``partner``, ``cloud`` (category), ``retrieved_at`` (datetime64[us, UTC]),
            ``resource`` (category), ``sha256`` as :attr:`Payload.sha256`, ``file`` (relative to
            the location), ``damage`` and ``remedy`` (string), sorted by partner, cloud,
            retrieved_at and resource. A damaged file has one row: its partner, cloud and resource
            are given, the columns of its payloads are missing.

        See Also
        --------
        History.verify : Damaged files, including derived tables.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pcnotebooks import sample_payload
        >>> folder = TemporaryDirectory()
        >>> history = History(folder.name)
        >>> history.append(sample_payload(), sample=True)
        True
        >>> history.index()[["partner", "cloud", "retrieved_at"]]
                    partner   cloud              retrieved_at
        0  Contoso (sample)  sample 2018-03-16 12:00:00+00:00
        >>> folder.cleanup()
        """
        return self._datasets.patiently(lambda: frames.index(self._datasets))

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
        """Return the :func:`summary_frame` of the kept payloads.

        Parameters
        ----------
        partner, cloud, currency, since, until
            Which rows to return; see the notes of :class:`History`.
        at
            Return only the figures as of this day or time: the rows of the latest payload of each
            partner and cloud up to then.
        exact
            Return amounts as `decimal.Decimal` objects instead of float64.

        Raises
        ------
        PayloadError
            If a required file of payloads is damaged.
        ConfigurationError
            If there are two different answers for one partner, cloud and ``retrieved_at``, kept by
            two processes at the same moment. verify() names their files.

        Warns
        -----
        PcNotebooksWarning
            If a derived table is damaged; its rows are then read from the payloads.
        """
        wanted = Wanted.of(partner, cloud, currency, since, until)
        return self._frame(SUMMARIES, wanted, at, exact=exact)

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
        """Return the :func:`totals_frame` of the kept payloads; parameters as :meth:`summaries`."""
        wanted = Wanted.of(partner, cloud, currency, since, until)
        return self._frame(TOTALS, wanted, at, exact=exact)

    def invoices(
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
        """Return the :func:`invoice_frame` of the kept payloads; parameters as :meth:`summaries`.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pcnotebooks import invoice_ageing, sample_payload
        >>> folder = TemporaryDirectory()
        >>> history = History(folder.name)
        >>> history.append(sample_payload("invoices"), sample=True)
        True
        >>> invoice_ageing(history.invoices(currency="GBP"))[["invoice_id", "open_amount"]]
           invoice_id  open_amount
        0  D02005YFHI     23606.35
        >>> folder.cleanup()
        """
        wanted = Wanted.of(partner, cloud, currency, since, until)
        return self._frame(INVOICES, wanted, at, exact=exact)

    def arrow(
        self,
        dataset: str,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        currency: Choice = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        at: AsOf | None = None,
    ) -> pa.Table:
        """Return the rows of a dataset as an Arrow table, for DuckDB, polars and other engines.

        Parameters
        ----------
        dataset
            ``"summaries"``, ``"totals"``, ``"invoices"``, or ``"payloads"`` with the bytes of
            each answer.
        partner, cloud, currency, since, until, at
            As in :meth:`summaries`. Payloads cannot be filtered by currency.

        Returns
        -------
        pyarrow.Table
            Amounts are ``decimal128(19, 4)``, instants ``timestamp[us, UTC]``. Rows are unique,
            sorted by partner, cloud, retrieved_at, sha256 and position; payloads by time.

        Warns
        -----
        PcNotebooksWarning
            If amounts have more than four decimals: they are rounded here and exact in the
            frames. Also if a derived table is damaged.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pcnotebooks import sample_payload
        >>> folder = TemporaryDirectory()
        >>> history = History(folder.name)
        >>> history.append(sample_payload(), sample=True)
        True
        >>> table = history.arrow("totals", currency="GBP")
        >>> table.column("balance_amount").to_pylist()
        [Decimal('751094.3900')]
        >>> folder.cleanup()
        """
        wanted = Wanted.of(partner, cloud, currency, since, until)
        return self._table(dataset, wanted, at)

    def to_delta(
        self,
        uri: str | os.PathLike[str],
        *,
        dataset: str = SUMMARIES,
        storage_options: Mapping[str, str] | None = None,
    ) -> int:
        """Write the new rows of a dataset to a Delta table, for Fabric and Databricks.

        The first call creates the table. Later calls add new rows and replace rows that were
        rebuilt, as one version of the table. If nothing is new, no version is written. Rows of
        payloads that this history does not hold stay unchanged.

        Parameters
        ----------
        uri
            A folder outside the history, or the URL of an object store that delta-rs supports:
            ``abfss://workspace@onelake.dfs.fabric.microsoft.com/books.Lakehouse/Tables/summaries``.
        dataset
            As in :meth:`arrow`.
        storage_options
            Credentials and settings of the object store, as delta-rs expects them. Messages never
            show their values.

        Returns
        -------
        int
            The number of rows added, replaced or removed.

        Raises
        ------
        ConfigurationError
            If the extra ``delta`` is not installed, or `uri` holds a table of another form.
        PcNotebooksError
            If another process wrote to the table at the same time, or it cannot be reached.
        """
        delta = engines.open_delta(uri, dataset, self.location, storage_options)
        return delta.merge(self._table(dataset, Wanted(), None))

    def changes(
        self,
        *,
        partner: Choice = None,
        cloud: Clouds = None,
        currency: Choice = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        resource: str = decode.SUMMARIES,
        exact: bool = False,
    ) -> pd.DataFrame:
        """Return the changes from each kept payload to the next.

        The first change after `since` is relative to the last payload before it.

        Parameters
        ----------
        partner, cloud, currency, since, until, exact
            As for :meth:`summaries`.
        resource
            ``"invoice_summaries"`` for :func:`balance_changes`, ``"invoices"`` for
            :func:`invoice_changes`.
        """
        require_resource(resource)
        if resource == decode.INVOICES:
            # Read all currencies: a list without invoices in the currency is still a list.
            wanted = Wanted.of(partner, cloud, None, None, until)
            moments = self._datasets.patiently(
                lambda: frames.moments(self._datasets, replace(wanted, resource=resource))
            )
            rows = self._frame(INVOICES, wanted, None, exact=True)
            changes = rows_with(changes_between(rows, moments, exact=exact), currency=currency)
        else:
            wanted = Wanted.of(partner, cloud, currency, None, until)
            changes = changes_of(self._frame(TOTALS, wanted, None, exact=True), exact=exact)
        if since is None:
            return changes
        return rows_with(changes[changes["retrieved_at"] >= moment_of(since)])

    def compact(self, before: AsOf | None = None) -> int:
        """Merge the small files of past months, and repair the leftovers of killed processes.

        The merged file is written before the small files are deleted: `History` still reads each
        row exactly once, but other engines may briefly see a row twice.

        Parameters
        ----------
        before
            Merge the months before the month of this day; the default is today.

        Returns
        -------
        int
            The number of files that were merged into others.
        """
        now = moment_of(datetime.now(UTC) if before is None else before)
        return upkeep.compact(self._datasets, month_of(now))

    def rebuild(self) -> None:
        """Rebuild every derived table from the payloads; damaged payload files are skipped."""
        upkeep.mend(self._datasets, everything=True)

    def verify(self) -> pd.DataFrame:
        """Check every hash, and compare every derived table with its payloads.

        Returns
        -------
        DataFrame
            ``file`` (relative to the location), ``damage`` and ``remedy`` (string). Empty if the
            history is intact.
        """
        found = set(upkeep.damages(self._datasets))
        if found:
            # Other processes append and compact: give their unfinished writes time to complete.
            time.sleep(_A_MOMENT)
            found &= set(upkeep.damages(self._datasets))
        rows = sorted(found)
        return pd.DataFrame(rows, columns=["file", "damage", "remedy"], dtype="string")

    def _frame(self, dataset: str, wanted: Wanted, at: AsOf | None, *, exact: bool) -> pd.DataFrame:
        """Return a frame, and warn about damaged tables at the caller's line."""
        damaged: dict[File, str] = {}
        frame = self._datasets.patiently(
            lambda: frames.frame(self._datasets, dataset, wanted, at, exact=exact, damaged=damaged)
        )
        self._warn(damaged)
        return frame

    def _table(self, dataset: str, wanted: Wanted, at: AsOf | None) -> pa.Table:
        """Return a table, and warn as :meth:`_frame` does, and also about rounded amounts."""
        damaged: dict[File, str] = {}
        table, is_rounded = self._datasets.patiently(
            lambda: frames.arrow(self._datasets, dataset, wanted, at, damaged=damaged)
        )
        self._warn(damaged)
        if is_rounded:
            warnings.warn(
                f"Some amounts of {dataset} in {self.location} have more than four decimals. They"
                " are rounded here; the frames have the exact amounts.",
                PcNotebooksWarning,
                stacklevel=3,
            )
        return table

    def _warn(self, damaged: Mapping[File, str]) -> None:
        for file, damage in sorted(damaged.items()):
            warnings.warn(
                f"{file.path} in {self.location} {damage}; its rows were"
                f" read from the payloads. {upkeep.REBUILD}",
                PcNotebooksWarning,
                stacklevel=4,
            )


def default_location() -> str:
    """Return the default location: ``PCNOTEBOOKS_HISTORY``, or a folder of the user's data."""
    folder = platformdirs.user_data_path("pcnotebooks", appauthor=False) / "history"
    return os.environ.get("PCNOTEBOOKS_HISTORY") or str(folder)
