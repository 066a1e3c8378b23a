"""Read the ids of a page of a list of invoices, and the link to the next page."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pcnotebooks.payload.decode import Page, first_look, read_whole


class Header(msgspec.Struct, gc=False):
    """A header to send with a link."""

    key: str
    value: str


class Link(msgspec.Struct, gc=False):
    """An address relative to ``{api}/v1``, as the service states it."""

    uri: str
    headers: list[Header] | None = None


class _Links(msgspec.Struct, gc=False):
    next: Link | None = None


# The three fields in every version of the answer since 2017. An answer that lacks one of them is
# not a list of invoices, and is refused when it is fetched, not later when it is read.
class _Entry(msgspec.Struct, rename="camel", gc=False):
    id: str
    currency_code: str
    total_charges: Decimal


class Listed(msgspec.Struct, rename="camel", gc=False):
    """The fields of a page that fetching needs. An item contains the amendments of its invoice."""

    items: list[_Entry]
    links: _Links | None = None
    total_count: int | None = None

    @property
    def ids(self) -> list[str]:
        """The ids of the items."""
        return [item.id for item in self.items]

    @property
    def next(self) -> Link | None:
        """The link to the next page; None on the last one."""
        return self.links.next if self.links else None


_LISTED = msgspec.json.Decoder(Listed)


def listed(page: Page) -> Listed:
    """Return the ids and the next link of a page.

    Raises
    ------
    PayloadError
        If the page is not a list of invoices; the message has the JSON path.
    """
    first_look(page.answer)
    return read_whole(page, _LISTED)
