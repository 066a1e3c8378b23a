"""Fetch a list in pages: all of them, or an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from pcnotebooks.errors import PayloadError
from pcnotebooks.payload.decode import Page, in_words
from pcnotebooks.payload.paging import Header, listed
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service.client import Client, Reply

_log = logging.getLogger("pcnotebooks")
# Far beyond any partner: ten thousand invoices are 12 MB. An endless list is a fault or an attack.
MOST_PAGES = 1000
MOST_BYTES = 256 * 2**20
MOST_SECONDS = 1800.0
# MS-ContinuationToken and the like. A link must not choose the host, cookies or credentials.
_SAFE_HEADER = re.compile(r"MS-[\w-]+", re.IGNORECASE | re.ASCII)
_SAFE_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,8190}[\x21-\x7e])?")


def page_of(client: Client, reply: Reply) -> Payload:
    """Return an answer as a payload."""
    return Payload(
        reply.body,
        client.session.cloud.name,
        client.partner,
        datetime.now(UTC),
        reply.ids.get("request_id"),
        reply.ids.get("correlation_id"),
        resource=client.resource.name,
    )


def every_page(client: Client) -> Payload:
    """Return the complete list of a client's resource, retrieved at the time of its last page.

    The ids are those of the first page, whose request is for the resource itself.
    """
    pages: list[Payload] = []
    size, end = 0, monotonic() + MOST_SECONDS
    for page in _chain(client):
        pages.append(page)
        size += len(page.body)
        bounds = (
            (len(pages) > MOST_PAGES, f"{MOST_PAGES:,} pages"),
            (size > MOST_BYTES, f"{MOST_BYTES // 2**20} MiB"),
            (monotonic() > end, f"{MOST_SECONDS / 60:g} minutes"),
        )
        if passed := next((bound for is_over, bound in bounds if is_over), None):
            raise _incomplete(
                client,
                f"does not end: it was given up after {passed}",
                "No partner is known to have that many: check the cloud's api address and proxy.",
            )
    further = tuple(page.body for page in pages[1:])
    return replace(pages[0], pages=further, retrieved_at=pages[-1].retrieved_at)


def _chain(client: Client) -> Iterator[Payload]:
    """Yield each page, and follow its link to the next.

    The list ends at a page without a next link or without a new id, such as an empty page, and at
    a link that was already followed: the documented example has a next link although it shows
    every invoice.
    """
    name = in_words(client.resource.name)
    uri, headers = client.resource.uri, dict[str, str]()
    followed: set[tuple[object, ...]] = set()
    ids: set[str] = set()
    received = counted = 0
    # The same address with another continuation token is another page.
    while (request := (uri, *sorted(headers.items()))) not in followed:
        followed.add(request)
        number = len(followed)
        part = name if number == 1 else f"{name}, page {number}"
        page = page_of(client, client.get(uri, headers, part=part))
        content = listed(Page(page, page.body, number if number > 1 else None))
        yield page
        counted = max(counted, content.total_count or 0)
        if ids.issuperset(content.ids):
            break
        ids.update(content.ids)
        received += len(content.ids)
        _log.info("Page %d of %s: %d, %d so far", number, name, len(content.ids), received)
        if content.next is None:
            break
        uri, headers = content.next.uri, _safe(content.next.headers or ())
    # Whether the service counts a page or the list is not documented; it counts at most the list.
    if counted > received:
        raise _incomplete(
            client,
            f"is incomplete: {received:,} of {counted:,} came",
            "Fetch again; if it happens again, give request id and correlation id to"
            " Microsoft's support.",
        )


def _safe(headers: Iterable[Header]) -> dict[str, str]:
    """Return the headers of a link that may be sent."""
    return {
        header.key: header.value
        for header in headers
        if _SAFE_HEADER.fullmatch(header.key) and _SAFE_VALUE.fullmatch(header.value)
    }


def _incomplete(client: Client, what: str, remedy: str) -> PayloadError:
    call = replace(client.call, part="")
    name = in_words(client.resource.name)
    return PayloadError(
        f"The list of {name} of {call.host}{call.whose} {what}.",
        remedy=remedy,
        request_id=call.request_id,
        correlation_id=call.correlation_id,
    )
