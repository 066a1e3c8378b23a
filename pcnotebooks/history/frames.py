"""Build frames of the kept payloads, from the derived tables if they are intact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pyarrow as pa

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.schema import finish
from pcnotebooks.frame.selection import AsOf, rows_with
from pcnotebooks.history import tables
from pcnotebooks.history.datasets import DamagedError, Datasets
from pcnotebooks.history.disputes import disputes
from pcnotebooks.history.files import (
    DERIVED,
    INVOICES,
    PAYLOADS,
    SUMMARIES,
    TOTALS,
    File,
    Moment,
    Wanted,
    moment_of,
)

_FRAMES = {SUMMARIES: summary_frame, TOTALS: totals_frame, INVOICES: invoice_frame}
_INDEX_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "retrieved_at": "datetime64[us, UTC]",
    "resource": "category",
    "sha256": "string",
    "file": "string",
    "damage": "string",
    "remedy": "string",
}


def frame(
    datasets: Datasets,
    dataset: str,
    wanted: Wanted,
    at: AsOf | None,
    *,
    exact: bool,
    damaged: dict[File, str],
) -> pd.DataFrame:
    """Return the wanted rows of a derived dataset.

    Parameters
    ----------
    datasets, dataset, wanted
        The history, the dataset and the selection of rows.
    at
        As in :meth:`History.summaries`.
    exact
        Return amounts as Decimal.
    damaged
        Receives each damaged derived table, which is not used, with its damage.
    """
    wanted, files = _chosen(datasets, dataset, wanted, at)
    table, is_rounded = _derived(datasets, dataset, files, wanted, damaged)
    if not is_rounded:
        _require_one_answer(datasets, table, files, wanted)
        return tables.frame_of(table, exact=exact)
    # Amounts in the tables were rounded for other engines; the payloads have the exact ones.
    payloads = datasets.payloads(files, wanted)
    _require_one_answer(datasets, tables.payload_table(payloads), files, wanted)
    return rows_with(_FRAMES[dataset](*payloads, exact=exact), currency=wanted.currencies)


def arrow(
    datasets: Datasets,
    dataset: str,
    wanted: Wanted,
    at: AsOf | None,
    *,
    damaged: dict[File, str],
) -> tuple[pa.Table, bool]:
    """Return the wanted rows of a dataset, each once, and whether any amount was rounded.

    Raises
    ------
    ConfigurationError
        If the dataset is unknown, or payloads are selected by currency.
    """
    if dataset not in (PAYLOADS, *_FRAMES):
        raise ConfigurationError(
            f"The dataset {dataset!r} is unknown.",
            remedy=f"Choose one of: {', '.join((PAYLOADS, *_FRAMES))}.",
        )
    if dataset == PAYLOADS:
        if wanted.currencies is not None:
            raise ConfigurationError(
                "Payloads cannot be filtered by currency, because each holds all currencies.",
                remedy="Omit the currency, or choose a derived dataset.",
            )
        return _payloads(datasets, wanted, at), False
    wanted, files = _chosen(datasets, dataset, wanted, at)
    table, is_rounded = _derived(datasets, dataset, files, wanted, damaged)
    _require_one_answer(datasets, table, files, wanted)
    return tables.each_once(table), is_rounded


def _payloads(datasets: Datasets, wanted: Wanted, at: AsOf | None) -> pa.Table:
    """Return the wanted payloads, oldest first, each verified by its hash."""
    wholes = [wanted]
    if at is not None:
        each = (replace(wanted, resource=resource) for resource in DERIVED)
        wholes = [_latest(datasets, _until(one, at)) for one in each]
    found = [each for one in wholes for each in datasets.payloads(datasets.payload_files(one), one)]
    return tables.payload_table(tables.distinct(found))


def _chosen(
    datasets: Datasets, dataset: str, wanted: Wanted, at: AsOf | None
) -> tuple[Wanted, list[File]]:
    """Return the selection for a derived dataset, and the files of payloads that may match it."""
    resource = next(name for name, derived in DERIVED.items() if dataset in derived)
    wanted = replace(wanted, resource=resource)
    if at is not None:
        wanted = _latest(datasets, _until(wanted, at))
    return wanted, datasets.payload_files(wanted)


def _until(wanted: Wanted, at: AsOf) -> Wanted:
    day = moment_of(at, end=True)
    return replace(wanted, until=day if wanted.until is None else min(day, wanted.until))


def moments(datasets: Datasets, wanted: Wanted) -> list[Moment]:
    """Return partner, cloud and time of the wanted payloads, even of those without figures."""
    files = datasets.payload_files(wanted)
    keys = datasets.keys(files, wanted).select(tables.KEYS[:3]) if files else None
    return list(zip(*keys.to_pydict().values(), strict=True)) if keys else []


def _require_one_answer(
    datasets: Datasets, table: pa.Table, files: Sequence[File], wanted: Wanted
) -> None:
    """Raise if two processes kept different answers of one moment."""
    if found := disputes(datasets, table, files, wanted):
        raise found[0].error(datasets.location)


def _latest(datasets: Datasets, wanted: Wanted) -> Wanted:
    """Narrow to the latest payload of each partner and cloud, even if it has no figures."""
    files = datasets.payload_files(wanted)
    if not files:
        return wanted
    moments = tables.latest(datasets.keys(files, wanted))
    wanted = replace(wanted, moments=moments)
    times = [moment for *_, moment in moments]
    return replace(wanted, since=min(times), until=max(times)) if times else wanted


def _derived(
    datasets: Datasets,
    dataset: str,
    files: Sequence[File],
    wanted: Wanted,
    damaged: dict[File, str],
) -> tuple[pa.Table, bool]:
    """Return the derived rows of files of payloads, and whether any amount was rounded.

    Rows of tables that are damaged, or that a killed process did not write, are derived here.
    """
    twins = {twin.stem: twin for twin in datasets.files(dataset)}
    found = [twins[file.stem] for file in files if file.stem in twins]
    parts: list[pa.Table] = []
    while found and not parts:
        try:
            parts.append(datasets.table(found, wanted))
        except DamagedError as error:
            found.remove(error.file)
            damaged[error.file] = error.damage
    there = {twin.stem for twin in found}
    lacking = [file for file in files if file.stem not in there]
    resource = wanted.resource or ""
    derived, rounded = tables.derived_tables(resource, datasets.payloads(lacking, wanted))
    parts.append(tables.select(derived[dataset], wanted))
    return pa.concat_tables(parts), rounded or any(twin.rounded for twin in found)


def index(datasets: Datasets) -> pd.DataFrame:
    """Return one row for each kept payload, and one for each damaged file."""
    # A payload may be in a merged file and also in its own file.
    found: dict[tuple[Moment, str, str], str] = {}
    damaged = []
    for file in datasets.payload_files():
        try:
            keys = datasets.table([file], columns=tables.KEYS)
        except DamagedError as error:
            what = (error.damage, error.remedy)
            damaged.append([*file.owner, None, file.resource, None, file.path, *what])
            continue
        for *moment, sha256 in zip(*(keys[name].to_pylist() for name in tables.KEYS), strict=True):
            partner, cloud, at = moment
            found.setdefault(((partner, cloud, at), file.resource, sha256), file.path)
    rows = [[*moment, *which, path, None, None] for (moment, *which), path in found.items()]
    every = pd.DataFrame([*rows, *damaged], columns=list(_INDEX_DTYPES), dtype=object)
    order = ["partner", "cloud", "retrieved_at", "resource", "sha256", "file"]
    return finish(finish(every, _INDEX_DTYPES).sort_values(order, kind="stable"), _INDEX_DTYPES)
