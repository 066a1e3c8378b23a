"""Flatten payloads into the rows of frames and tables, before dtypes are applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pcnotebooks.errors import ConfigurationError, PayloadError
from pcnotebooks.frame.instants import Instants, NoDateError
from pcnotebooks.payload.decode import (
    SUMMARIES,
    Figures,
    Item,
    decode,
    items_of,
    stamps,
    wrong_value,
)
from pcnotebooks.payload.payload import Payload


class Columns:
    """Rows stored as columns: an object per row would be slow for a hundred thousand rows."""

    def __init__(self, instants: Instants) -> None:
        self.places: list[int] = []  # indices of the payloads
        self.currencies: list[str] = []
        self.symbols: list[str | None] = []
        self.types: list[str | None] = []
        self.amounts: tuple[list[Decimal], list[Decimal | None]] = ([], [])
        self.dates: tuple[list[int], ...] = ([], [], [], [])
        self._instants = instants

    def add(self, place: int, item: Item, invoice_type: str | None, own: Figures) -> None:
        """Add a row for an item or a part of it; a part without a symbol takes the item's."""
        symbol = item.currency_symbol if own.currency_symbol is None else own.currency_symbol
        self.places.append(place)
        self.currencies.append(item.currency_code)
        self.symbols.append(symbol)
        self.types.append(invoice_type)
        balances, payments = self.amounts
        balances.append(own.balance_amount)
        payments.append(own.last_payment_amount)
        instants, (paid, accounted, first, latest) = self._instants, self.dates
        paid.append(instants[own.last_payment_date])
        accounted.append(instants[own.accounting_date])
        first.append(instants[own.first_invoice_creation_date])
        latest.append(instants[own.latest_invoice_date])


@dataclass(frozen=True)
class Flat:
    """The rows of some payloads, by invoice type and in total.

    A currency without details has one row by type, which is its total. `undivided` holds the index
    of its payload and the currency, to distinguish this row from a part without a type.
    """

    payloads: Sequence[Payload]
    details: Columns
    totals: Columns
    undivided: set[tuple[int, str]] = field(default_factory=set)


def flatten(payloads: Iterable[Payload], *, details: bool = True, totals: bool = True) -> Flat:
    """Return the rows of payloads, oldest first; each payload is decoded once.

    Parameters
    ----------
    payloads
        Any number of payloads; duplicates count once.
    details, totals
        Whether to build rows by type and totals; skipping one of them saves time.

    Raises
    ------
    PayloadError
        If a body does not have the form of invoice summaries.
    ConfigurationError
        If there are two different answers for one partner, cloud and time.
    """
    return read(in_order(payloads), details=details, totals=totals)


def read(payloads: Sequence[Payload], *, details: bool = True, totals: bool = True) -> Flat:
    """Return the rows of payloads in their given order."""
    instants = Instants()
    flat = Flat(payloads, Columns(instants), Columns(instants))
    for place, payload in enumerate(payloads):
        try:
            for item in items_of(payload):
                if totals:
                    flat.totals.add(place, item, None, item)
                if not item.details:
                    flat.undivided.add((place, item.currency_code))
                if not details:
                    continue
                if not item.details:
                    flat.details.add(place, item, None, item)
                for detail in item.details or ():
                    flat.details.add(place, item, detail.invoice_type, detail.summary)
        except NoDateError as error:
            raise _wrong_stamp(payload, str(error)) from None
    return flat


def _wrong_stamp(payload: Payload, text: str) -> PayloadError:
    path = next(path for path, stamp in stamps(decode(payload)) if stamp == text)
    return wrong_value(payload, path, text, "a date")


def latest_payloads(payloads: Iterable[Payload], resource: str = SUMMARIES) -> list[Payload]:
    """Return the latest payload of each partner and cloud, even if it has no figures."""
    newest = {(payload.partner, payload.cloud): payload for payload in in_order(payloads, resource)}
    return [newest[key] for key in sorted(newest)]


def in_order(payloads: Iterable[Payload], resource: str = SUMMARIES) -> list[Payload]:
    """Return the distinct payloads of a resource, oldest first; the given order is ignored."""
    distinct: dict[tuple[Any, ...], Payload] = {}
    for payload in payloads:
        if not isinstance(payload, Payload):
            raise TypeError(
                f"expected payloads, got {type(payload).__name__}; pass several as"
                " summary_frame(*payloads), and a file as Payload.load(path)"
            )
        if payload.resource != resource:
            continue
        # The same answer with other request ids counts once.
        pages = (payload.body, *payload.pages)
        distinct.setdefault((payload.retrieved_at, payload.partner, payload.cloud, pages), payload)
    order = sorted(distinct)
    for (at, partner, cloud, _), following in pairwise(order):
        if following[:3] == (at, partner, cloud):
            raise two_answers(
                partner,
                cloud,
                at,
                remedy="Give each account its own partner label, and each answer its own"
                " retrieved_at, as in Payload.load(path, partner=..., retrieved_at=...).",
            )
    return [distinct[key] for key in order]


def two_answers(partner: str, cloud: str, at: datetime, *, remedy: str) -> ConfigurationError:
    """Return the error of two different answers of one moment, whose balances cannot be added."""
    return ConfigurationError(
        f"Two different answers have the same partner {partner!r}, cloud {cloud!r} and retrieved_at"
        f" {at.isoformat()}, so it is unknown whether their balances are one debt or two.",
        remedy=remedy,
    )
