"""The history: payloads kept, so that balances become trends and what changed is said."""

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

if TYPE_CHECKING or find_spec("pyarrow"):  # without it, History says what to install
    from pcnotebooks.history import appending, datasets, engines, frames, store, upkeep

_A_MOMENT = 0.3  # seconds, after which a writer has finished what it began


class History:
    """Payloads kept in a folder or an object store, as Parquet that other engines can read.

    Every payload appended, of summaries or of invoices, is kept whole, once, with its hash.
    Frames are read from tables that are derived from the payloads and can be derived again. Any
    number of processes and machines may append, compact and read at once: readers never wait, and
    one that is killed leaves nothing broken. Reading writes nothing.

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
    says otherwise. A day is whole, so both are included. If there is no history at the location,
    every method but :meth:`append` raises ConfigurationError: a wrong name is not an empty history.

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
                f"A history's location is {place!r}.", remedy="Give a folder or an fsspec URL."
            )
        self.location = without_password(os.fspath(place))
        self._datasets = datasets.Datasets(store.open_store(place), self.location)

    def __repr__(self) -> str:
        return f"History({self.location!r})"

    def _repr_html_(self) -> str:
        return facts_html("History", {"Location": self.location, "Look at it with": "index()"})

    @property
    def is_empty(self) -> bool:
        """Whether no payload is kept, also if there is no history at the location yet."""
        return not self._datasets.files(PAYLOADS)

    def append(self, payload: Payload, *, sample: bool = False, compact: bool = True) -> bool:
        """Keep a payload; return whether it is new.

        Once this returns, the payload survives a loss of power. A process killed before has kept
        it whole or not at all.

        Parameters
        ----------
        payload
            What :func:`fetch_invoice_summaries`, :func:`fetch_invoices` or :meth:`Payload.load`
            returned. With the cloud, partner, ``retrieved_at``, resource, body and pages of a
            kept one it is that one.
        sample
            Keep even sample data.
        compact
            Merge the small files of the account's earlier months when the first payload of a
            month is kept. A failure of this is only logged.

        Raises
        ------
        PayloadError
            For a body that is not of its resource.
        ConfigurationError
            For sample data without `sample`, a label too long for a folder's name, or another
            answer than the one that is kept of that partner, cloud, ``retrieved_at`` and resource.
        OSError, PcNotebooksError
            If it cannot be written, or an object store gives no answer. Append it again: what is
            kept all the same, by a store whose answer was lost, is not kept twice.

        Warns
        -----
        PcNotebooksWarning
            If it is kept, and a table could not be derived of it; if other users can change a
            folder of the history.
        """
        if not isinstance(payload, Payload):
            raise TypeError(
                f"expected a payload, got {type(payload).__name__}; pass a file as"
                " Payload.load(path)"
            )
        if payload.is_sample and not sample:
            raise ConfigurationError(
                f"Sample data was not kept: {payload!r}.",
                remedy="A history of its own may hold it: append(payload, sample=True).",
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
        """Yield the kept payloads of both resources, oldest first, each proved by its hash.

        Raises
        ------
        PayloadError
            For a damaged file, when its turn comes.
        """
        return self._datasets.payloads_by_month(Wanted.of(partner, cloud, None, since, until))

    def index(self) -> pd.DataFrame:
        """Return what is kept: one row a payload, without reading its body.

        Returns
        -------
        DataFrame
            ``partner``, ``cloud`` (category), ``retrieved_at`` (datetime64[us, UTC]),
            ``resource`` (category), ``sha256`` as :attr:`Payload.sha256`, ``file`` (below the
            location), ``damage`` and ``remedy`` (string). A
            damaged file is one row, with its partner, cloud and resource; which payloads were in
            it is missing. For a payload in a whole file, damage and remedy are missing. Sorted by
            partner, cloud, retrieved_at and resource.

        See Also
        --------
        History.verify : What is damaged, the derived tables included.

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
        """Return :func:`summary_frame` of the kept payloads.

        Parameters
        ----------
        partner, cloud, currency, since, until
            Which rows.
        at
            Only the figures as of that day or moment: the rows of each partner's and cloud's
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
        PcNotebooksWarning
            For a damaged derived table; its rows were read from the payloads.
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
        """Return :func:`totals_frame` of the kept payloads; all else as :meth:`summaries`."""
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
        """Return :func:`invoice_frame` of the kept payloads; all else as :meth:`summaries`.

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
        """Return the rows of a dataset as a table of Arrow, for DuckDB, polars and others.

        Parameters
        ----------
        dataset
            ``"summaries"``, ``"totals"``, ``"invoices"``, or ``"payloads"`` with the bytes of
            every answer.
        partner, cloud, currency, since, until, at
            As :meth:`summaries` takes them; a payload has no currency.

        Returns
        -------
        pyarrow.Table
            Amounts are ``decimal128(19, 4)``, instants ``timestamp[us, UTC]``. Each row is there
            once, sorted by partner, cloud, retrieved_at, sha256 and position; payloads by time.

        Warns
        -----
        PcNotebooksWarning
            For amounts of more than four decimals, which are rounded here and exact in the
            frames; for a damaged derived table.

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
        """Write what is new of a dataset to a Delta table, which Fabric and Databricks read.

        The first call makes the table. Later ones add the new rows and replace rows that were
        derived again, in one version of the table. If nothing is new, no version is written. Rows
        of payloads that this history does not hold are left alone.

        Parameters
        ----------
        uri
            A folder outside the history, or a URL of an object store that delta-rs knows, such as
            ``abfss://workspace@onelake.dfs.fabric.microsoft.com/books.Lakehouse/Tables/summaries``.
        dataset
            As :meth:`arrow` takes it.
        storage_options
            Credentials and settings of the object store, as delta-rs takes them. Messages do not
            show their values.

        Returns
        -------
        int
            How many rows were added, replaced or removed.

        Raises
        ------
        ConfigurationError
            Without the extra ``delta``, or for a place that holds another table.
        PcNotebooksError
            If another process wrote to the table meanwhile, or if it cannot be reached.
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
    ) -> pd.DataFrame:
        """Return what changed from one kept payload to the next.

        The first change since a day is told from the payload before that day.

        Parameters
        ----------
        partner, cloud, currency, since, until
            Which rows.
        resource
            Of ``"invoice_summaries"`` the :func:`balance_changes`, of ``"invoices"`` the
            :func:`invoice_changes`.
        """
        require_resource(resource)
        if resource == decode.INVOICES:
            # Of all currencies: which lists there were is known even if one has no such invoice.
            wanted = Wanted.of(partner, cloud, None, None, until)
            moments = self._datasets.patiently(
                lambda: frames.moments(self._datasets, replace(wanted, resource=resource))
            )
            rows = self._frame(INVOICES, wanted, None, exact=True)
            changes = rows_with(changes_between(rows, moments), currency=currency)
        else:
            wanted = Wanted.of(partner, cloud, currency, None, until)
            changes = changes_of(self._frame(TOTALS, wanted, None, exact=True))
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
        now = moment_of(datetime.now(UTC) if before is None else before)
        return upkeep.compact(self._datasets, month_of(now))

    def rebuild(self) -> None:
        """Derive every table again from the payloads; a damaged file of payloads is left alone."""
        upkeep.mend(self._datasets, everything=True)

    def verify(self) -> pd.DataFrame:
        """Check every hash, and every derived table against its payloads.

        Returns
        -------
        DataFrame
            ``file`` (below the location), ``damage`` and ``remedy``, in words (string). Empty
            when the history is whole.
        """
        found = set(upkeep.damages(self._datasets))
        if found:
            # Others append and compact: what was half done a moment ago is done by now.
            time.sleep(_A_MOMENT)
            found &= set(upkeep.damages(self._datasets))
        rows = sorted(found)
        return pd.DataFrame(rows, columns=["file", "damage", "remedy"], dtype="string")

    def _frame(self, dataset: str, wanted: Wanted, at: AsOf | None, *, exact: bool) -> pd.DataFrame:
        """Return a frame, and warn, at the line that called the public method, of damaged tables.

        Nothing is lost by them: their rows are derived from the payloads meanwhile.
        """
        damaged: dict[File, str] = {}
        frame = self._datasets.patiently(
            lambda: frames.frame(self._datasets, dataset, wanted, at, exact=exact, damaged=damaged)
        )
        self._warn(damaged)
        return frame

    def _table(self, dataset: str, wanted: Wanted, at: AsOf | None) -> pa.Table:
        """Return a table, and warn as :meth:`_frame` does, also of rounded amounts."""
        damaged: dict[File, str] = {}
        table, is_rounded = self._datasets.patiently(
            lambda: frames.arrow(self._datasets, dataset, wanted, at, damaged=damaged)
        )
        self._warn(damaged)
        if is_rounded:
            warnings.warn(
                f"Some amounts of {dataset} in {self.location} have more than four decimals. They"
                " are rounded here, and exact in the frames.",
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
    """Return where the history is unless told: ``PCNOTEBOOKS_HISTORY``, else the user's data."""
    folder = platformdirs.user_data_path("pcnotebooks", appauthor=False) / "history"
    return os.environ.get("PCNOTEBOOKS_HISTORY") or str(folder)
