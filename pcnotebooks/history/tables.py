"""The tables of a history as Parquet: payloads, and the tables derived from them."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pcnotebooks.amounts import exactly
from pcnotebooks.errors import PayloadError
from pcnotebooks.frame import rows
from pcnotebooks.frame.instants import NOT_A_TIME
from pcnotebooks.frame.invoices import INVOICE_COLUMNS, invoice_frame, known_types
from pcnotebooks.frame.schema import (
    AMOUNTS,
    DATES,
    KNOWN_TYPES,
    SUMMARY_COLUMNS,
    TOTALS_COLUMNS,
    categorical,
    type_category,
    type_key,
    utc,
)
from pcnotebooks.history.files import (
    INVOICES,
    PAYLOADS,
    SUMMARIES,
    TOTALS,
    Moment,
    Wanted,
    payload_id,
)
from pcnotebooks.payload import decode
from pcnotebooks.payload.payload import Payload

_AMOUNT = pa.decimal128(19, 4)
_STEP = Decimal("0.0001")
_LARGEST = Decimal("999999999999999.9999")  # rounding it up would need another digit
_INSTANT = pa.timestamp("us", "UTC")
# Up to here, an amount counted in steps of 0.0001 is a whole number that a float can represent.
_EXACT_BELOW = 2**53 / 10**4


def _type_of(column: str) -> pa.DataType:
    if column.endswith(("_amount", "_charges")):
        return _AMOUNT
    return _INSTANT if column.endswith(("_date", "_at", "_start", "_end")) else pa.string()


# A row is identified by partner, cloud, retrieved_at, sha256 of the body, and position.
_ORIGIN = [("sha256", pa.string()), ("position", pa.int32())]
PAYLOAD_SCHEMA = pa.schema(
    [
        ("partner", pa.string()),
        ("cloud", pa.string()),
        ("retrieved_at", _INSTANT),
        ("request_id", pa.string()),
        ("correlation_id", pa.string()),
        ("sha256", pa.string()),
        ("body", pa.binary()),
        ("resource", pa.string()),
        ("pages", pa.list_(pa.binary())),
    ]
)
# The payload that a row belongs to. Rows are selected by these columns and by currency.
KEYS = ("partner", "cloud", "retrieved_at", "sha256")
# The columns that identify a row of each dataset.
ROW_KEYS = {PAYLOADS: (*KEYS, "resource")} | dict.fromkeys(
    (SUMMARIES, TOTALS, INVOICES), (*KEYS, "position")
)
_COLUMNS = {SUMMARIES: SUMMARY_COLUMNS, TOTALS: TOTALS_COLUMNS, INVOICES: INVOICE_COLUMNS}
_SCHEMAS = {PAYLOADS: PAYLOAD_SCHEMA} | {
    dataset: pa.schema([*((name, _type_of(name)) for name in columns), *_ORIGIN])
    for dataset, columns in _COLUMNS.items()
}
# Files of an older history lack the last two: they hold summaries without further pages.
_OPTIONAL = ("request_id", "correlation_id", "resource", "pages")
_CATEGORIES = ("partner", "cloud", "currency", "invoice_type", "document_type")


class UnreadableError(Exception):
    """An intact file whose format this release cannot read."""


def distinct(payloads: Iterable[Payload]) -> list[Payload]:
    """Return each payload once, oldest first; the given order does not matter."""
    by_id = {payload_id(payload): payload for payload in payloads}
    keys = {
        (each.retrieved_at, each.partner, each.cloud, each.resource, key): key
        for key, each in by_id.items()
    }
    return [by_id[keys[key]] for key in sorted(keys)]


def payload_table(payloads: Iterable[Payload]) -> pa.Table:
    """Return a table with one row for each payload."""
    names = PAYLOAD_SCHEMA.names
    values = [{name: getattr(payload, name) for name in names} for payload in payloads]
    return pa.Table.from_pylist(values, schema=PAYLOAD_SCHEMA)


def payloads_of(table: pa.Table) -> list[Payload]:
    """Return the payloads of a table, each verified by its hash.

    Raises
    ------
    PayloadError
        If a body was changed since it was kept.
    """
    payloads = []
    for row in table.to_pylist():
        sha256 = row.pop("sha256")
        row |= {"resource": row["resource"] or decode.SUMMARIES, "pages": row["pages"] or ()}
        payload = Payload(**row)
        if payload.sha256 != sha256:
            raise PayloadError(f"{payload!r} was changed since it was kept: its sha256 differs.")
        payloads.append(payload)
    return payloads


def derived_tables(resource: str, payloads: Sequence[Payload]) -> tuple[dict[str, pa.Table], bool]:
    """Return the tables derived from payloads, and whether any amount was rounded.

    The tables have four decimals, one more than any currency. The service computes in decimals
    and could state more of them.

    Raises
    ------
    PayloadError
        If a body does not belong to the resource.
    """
    if resource == decode.INVOICES:
        table, rounded = _invoices(payloads)
        return {INVOICES: table}, rounded
    # Not flatten(): it refuses two answers of one moment, which must be kept and reported here.
    flat = rows.read(payloads)
    summaries, in_summaries = _derived(flat, flat.details, _SCHEMAS[SUMMARIES])
    totals, in_totals = _derived(flat, flat.totals, _SCHEMAS[TOTALS])
    return {SUMMARIES: summaries, TOTALS: totals}, in_summaries or in_totals


def _derived(flat: rows.Flat, own: rows.Columns, schema: pa.Schema) -> tuple[pa.Table, bool]:
    """Return flat rows as a table, and whether any amount was rounded."""
    places = np.array(own.places, dtype=np.int64)
    columns: dict[str, Any] = {
        "currency": own.currencies,
        "currency_symbol": own.symbols,
        "invoice_type": [_known_type(stated) for stated in own.types],
        # Rows are in the order of the payloads; a row's position counts from its payload's first.
        "position": np.arange(len(places)) - np.searchsorted(places, places),
    }
    for name in ("partner", "cloud", "retrieved_at", "sha256"):
        values = [getattr(payload, name) for payload in flat.payloads]
        columns[name] = [values[place] for place in own.places]
    rounded = False
    for place, name in enumerate(AMOUNTS):
        amounts = own.amounts[place]
        columns[name] = [None if amount is None else _in_steps(amount) for amount in amounts]
        rounded = rounded or columns[name] != amounts
    for name, dates in zip(DATES, own.dates, strict=True):
        # NOT_A_TIME becomes NaT, and NaT a missing value.
        columns[name] = np.array(dates, dtype=np.int64).view("datetime64[us]")
    return pa.table({name: columns[name] for name in schema.names}, schema=schema), rounded


def _invoices(payloads: Sequence[Payload]) -> tuple[pa.Table, bool]:
    """Return the rows of lists as a table, and whether any amount was rounded."""
    schema, rounded = _SCHEMAS[INVOICES], False
    tables = [schema.empty_table()]
    # One by one: together, two answers of one moment would be refused; here they must be kept.
    for payload in payloads:
        frame = invoice_frame(payload, exact=True)
        columns = {name: frame[name].tolist() for name in ("total_charges", "paid_amount")}
        stepped = {
            name: [None if amount is None else _in_steps(amount) for amount in amounts]
            for name, amounts in columns.items()
        }
        rounded = rounded or stepped != columns
        frame = frame.astype(dict.fromkeys(_CATEGORIES, "string")).assign(
            **{name: pd.Series(amounts, dtype=object) for name, amounts in stepped.items()},
            sha256=payload.sha256,
            position=range(len(frame)),
        )
        tables.append(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
    return pa.concat_tables(tables).replace_schema_metadata(None), rounded


def _known_type(stated: str | None) -> str | None:
    """Return the standard spelling of an invoice type, for engines that compare strings."""
    return KNOWN_TYPES.get(type_key(stated), stated) if stated else None


def _in_steps(amount: Decimal) -> Decimal:
    """Return the nearest amount that an amount column can hold."""
    with exactly():
        rounded = amount.quantize(_STEP, rounding=ROUND_HALF_EVEN)
        return max(-_LARGEST, min(rounded, _LARGEST))


def parquet(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    # Dictionaries and statistics shrink and speed up a large file, but make a small file larger.
    large = len(table) > 50
    bytes_of_answers = {"body", "pages.list.element"}
    names = ["pages.list.element" if name == "pages" else name for name in table.schema.names]
    short = [name for name in names if name not in bytes_of_answers]
    pq.write_table(
        table,
        sink,
        # Only bodies are long enough to gain from zstd, which takes twice as long to read.
        compression={
            name: "zstd" if large and name in bytes_of_answers else "snappy" for name in names
        },
        use_dictionary=short if large else False,
        write_statistics=short if large else False,
        write_page_checksum=True,
        store_schema=False,
    )
    return bytes(sink.getvalue())


def read(content: bytes, dataset: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a Parquet file of a dataset, with today's columns and types.

    A later release may have written more columns, and another engine a different order or
    different types. A column that cannot be converted without loss is an error.

    Raises
    ------
    UnreadableError
        If the file is not Parquet, or a column is missing or has an incompatible type.
    """
    schema = _SCHEMAS[dataset]
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    try:
        # The file of a month is small: the overhead of pyarrow.dataset exceeds the read itself.
        file = pq.ParquetFile(pa.BufferReader(content))
        there = file.schema_arrow.names
        table = file.read([name for name in schema.names if name in there], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"cannot be read as Parquet: {error}") from None
    return pa.table([_column(table, field) for field in schema], schema=schema)


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """Return a column in today's type."""
    places = table.schema.get_all_field_indices(field.name)
    if not places and field.name in _OPTIONAL:
        return pa.chunked_array([pa.nulls(len(table), field.type)])
    if len(places) != 1:
        times = "twice" if places else "not at all"
        raise UnreadableError(f"has the column {field.name} {times}")
    column = table.column(places[0])
    if kind(column.type) != kind(field.type) and column.null_count < len(column):
        raise UnreadableError(f"has {column.type} in the column {field.name}, not {field.type}")
    if field.name in KEYS and column.null_count:
        raise UnreadableError(f"lacks values in the column {field.name}")
    try:
        return column if column.type == field.type else column.cast(field.type)
    except pa.ArrowException:
        raise UnreadableError(
            f"has values in the column {field.name} that are not of the type {field.type}"
        ) from None


def kind(stored: pa.DataType) -> str:
    """Return the kind of a type; types that can hold the same values have the same kind."""
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    kind = re.split(r"[\[(<]", str(stored))[0]
    return re.sub(r"^large_|_view$|\d+$|^u(?=int)", "", kind)


def chosen(wanted: Wanted) -> pc.Expression | None:
    """Return the filter of the wanted rows."""
    columns = {"partner": wanted.partners, "cloud": wanted.clouds, "currency": wanted.currencies}
    conditions = [
        pc.field(name).isin(pa.array(values, pa.string()))
        for name, values in columns.items()
        if values is not None
    ]
    at = pc.field("retrieved_at")
    if wanted.since is not None:
        conditions.append(at >= pa.scalar(wanted.since, _INSTANT))
    if wanted.until is not None:
        conditions.append(at <= pa.scalar(wanted.until, _INSTANT))
    if wanted.moments is not None:
        these = [
            (pc.field("partner") == partner) & (pc.field("cloud") == cloud)
            & (at == pa.scalar(moment, _INSTANT))
            for partner, cloud, moment in wanted.moments
        ]  # fmt: skip
        conditions.append(functools.reduce(operator.or_, these, pc.scalar(False)))
    return functools.reduce(operator.and_, conditions) if conditions else None


def select(table: pa.Table, wanted: Wanted) -> pa.Table:
    """Return the wanted rows of a table."""
    condition = chosen(wanted)
    return table if condition is None else table.filter(condition)


def latest(table: pa.Table) -> tuple[Moment, ...]:
    """Return partner, cloud and time of the latest payload of each partner and cloud."""
    newest: dict[tuple[str, str], datetime] = {}
    columns = (table.column(name).to_pylist() for name in ("partner", "cloud", "retrieved_at"))
    for partner, cloud, at in zip(*columns, strict=True):
        newest[partner, cloud] = max(at, newest.get((partner, cloud), at))
    return tuple((*key, at) for key, at in newest.items())


def disputed(table: pa.Table) -> list[Moment]:
    """Return partner, cloud and time of each moment that has different answers."""
    partner, cloud, sha256 = (numbers(table[name]) for name in ("partner", "cloud", "sha256"))
    instants = table["retrieved_at"].cast(pa.int64()).to_numpy()
    whose = partner * (cloud.max(initial=0) + 1) + cloud
    order = np.lexsort((instants, whose))  # ten times as fast as a group_by of pyarrow
    whose, instants, sha256 = whose[order], instants[order], sha256[order]
    same = (whose[1:] == whose[:-1]) & (instants[1:] == instants[:-1])
    second = order[1:][same & (sha256[1:] != sha256[:-1])]
    columns = [
        table[name].take(second).to_pylist() for name in ("partner", "cloud", "retrieved_at")
    ]
    return sorted(set(zip(*columns, strict=True)))


def numbers(column: pa.ChunkedArray) -> _Codes:
    """Return a number for each value, the same for equal values; missing values are equal."""
    encoded = _in_one(column).dictionary_encode("encode")
    found: _Codes = encoded.indices.to_numpy().astype(np.int64)
    return found


def each_once(table: pa.Table) -> pa.Table:
    """Return derived rows without duplicates, sorted by their key."""
    texts = [_coded(table.column(name))[1] for name in ("partner", "cloud", "sha256")]
    instants, positions = (
        table.column(name).cast(pa.int64()).to_numpy() for name in ("retrieved_at", "position")
    )
    return table.take(_order(*texts[:2], instants, texts[2], positions)).combine_chunks()


def frame_of(table: pa.Table, *, exact: bool) -> pd.DataFrame:
    """Return derived rows as the frame of their payloads, without duplicates."""
    columns: dict[str, Any] = {}
    codes: dict[str, _Codes] = {}
    for field in table.schema:
        column = table.column(field.name)
        if field.type == _AMOUNT:
            columns[field.name] = _amounts(column, exact=exact)
        elif field.type == _INSTANT:
            columns[field.name] = _instants(column)
        elif field.type == pa.string():
            columns[field.name], codes[field.name] = _coded(column)
    of_invoices = "invoice_id" in codes
    for name in ("invoice_type", "document_type"):
        if name in codes:
            # Payloads may spell the same type differently.
            texts = [*columns[name], None]
            types = known_types(name, texts) if of_invoices else type_category(texts)
            codes[name] = types.codes.astype(np.int64)[codes[name]]
            columns[name] = list(types.categories)
    del columns["sha256"]
    for name in codes.keys() & columns.keys():
        if name in _CATEGORIES:
            columns[name] = categorical(codes[name].tolist(), columns[name])
        else:
            columns[name] = pd.array([*columns[name], None], dtype="string").take(codes[name])
    # Missing values come last.
    if of_invoices:
        days = columns["invoice_date"].asi8
        last = np.iinfo(np.int64).max
        own = [np.where(days == NOT_A_TIME, last, days), codes["invoice_id"]]
    else:
        own = [codes[name].astype(np.uint64) for name in ("invoice_type",) if name in codes]
    order = _order(
        *(codes[name] for name in ("partner", "cloud", "currency")),
        *own,
        columns["retrieved_at"].asi8,
        codes["sha256"],
        table.column("position").to_numpy(),
    )
    return pd.DataFrame(columns).take(order).reset_index(drop=True)


_Codes: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


def _order(*keys: _Codes) -> _Codes:
    """Return the row numbers sorted by the keys, only the first of equal rows."""
    order = np.lexsort(keys[::-1])
    fresh = np.zeros(len(order), dtype=bool)
    fresh[:1] = True
    for key in keys:
        ordered = key[order]
        fresh[1:] |= ordered[1:] != ordered[:-1]
    return order[fresh]


def _coded(column: pa.ChunkedArray) -> tuple[list[str], _Codes]:
    """Return the distinct strings, sorted, and for each row the index of its string or -1."""
    encoded = _in_one(column).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    ordered = sorted(texts)
    rank = {text: place for place, text in enumerate(ordered)}
    places = np.array([*(rank[text] for text in texts), -1], dtype=np.int64)
    # The index after the last string means that the value is missing.
    return ordered, places[encoded.indices.fill_null(len(texts)).to_numpy()]


def _in_one(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _instants(column: pa.ChunkedArray) -> pd.DatetimeIndex:
    return utc(column.cast(pa.int64()).fill_null(NOT_A_TIME).to_numpy())


def _amounts(column: pa.ChunkedArray, *, exact: bool) -> pd.Series:
    """Return amounts as Decimals, or as the floats with the same printed digits."""
    whole = _in_one(column)
    if exact:
        return pd.Series(_without_zeros(whole), dtype=object)
    # The lower half of each decimal counts steps of 0.0001; this division rounds only once.
    halves = np.frombuffer(whole.buffers()[1] or b"", dtype="<i8").reshape(-1, 2)
    steps = halves[whole.offset : whole.offset + len(whole), 0]
    present = whole.is_valid().to_numpy(zero_copy_only=False)
    floats = np.where(present, steps / 10**4, np.nan)
    if (np.abs(floats[present]) > _EXACT_BELOW).any():
        amounts = whole.to_pylist()
        floats = np.array([np.nan if amount is None else float(amount) for amount in amounts])
    return pd.Series(floats, dtype="float64")


def _without_zeros(amounts: pa.Array) -> list[Decimal | None]:
    """Return 12.3400 as 12.34, and 1000.0000 as 1000."""
    encoded = amounts.dictionary_encode()
    texts = [str(amount).rstrip("0").rstrip(".") for amount in encoded.dictionary.to_pylist()]
    short = [*(Decimal(text) for text in texts), None]
    return [short[place] for place in encoded.indices.fill_null(len(texts)).to_pylist()]
