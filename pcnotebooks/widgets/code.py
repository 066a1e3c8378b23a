"""The Python code that produces the rows of a dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import TypeAlias

from pcnotebooks.clouds import CLOUDS, Cloud
from pcnotebooks.overview.model import Overview
from pcnotebooks.payload.payload import Payload

Key: TypeAlias = tuple[Cloud, str | None]  # a cloud and a profile


@dataclass(frozen=True)
class Origin:
    """The origin of a dashboard's payloads."""

    cloud: Cloud
    is_given: bool  # whether some were passed to the dashboard
    history: str | None  # its location
    fetched: Mapping[Key, Sequence[Payload]]
    named: Mapping[str, str | None]  # client id and tenant

    def source(self, *, partner: str | None = None) -> str:
        """Return the code that produces the payloads, of one partner or of all."""
        if partner is not None:
            return f"*[each for each in [{self.source()}] if each.partner == {partner!r}]"
        given = ["*payloads"] if self.is_given else []
        if self.history is not None:
            kept = f"*History({self.history!r}).payloads(cloud={self.cloud.name!r})"
            return ", ".join([*given, kept])
        return ", ".join([*given, *map(self._fetch, self.fetched)]) or "sample_payload()"

    def _fetch(self, key: Key) -> str:
        """Return the code that fetches the same resources."""
        cloud, profile = key
        named = {"profile": profile, **self.named}
        words = [f"{name}={value!r}" for name, value in named.items() if value]
        own = "cloud" if cloud.name not in CLOUDS else repr(cloud.name)
        session = f"sign_in({', '.join([own, *words])})"
        resources = {payload.resource for payload in self.fetched[key]}
        if len(resources) > 1:
            return f"*fetch_all([{session}])"
        return f"fetch_{resources.pop()}({session})"


def lines_of(
    shown: Overview, source: str, chosen: Mapping[str, str], day: date | None
) -> list[str]:
    """Return the code that produces the rows shown and, if there is a list, its invoices."""
    dated = f', as_of="{day}"' if day else ""
    choices = "".join(f", {name}={value!r}" for name, value in chosen.items())
    calls = []
    if shown.balances:
        calls.append(f"payment_recency(summary_frame({source}){dated})")
    if shown.lists:
        calls.append(f"invoice_ageing(invoice_frame({source}){dated})")
    return [f"select({call}{choices})" if choices else call for call in calls]


def code_html(code: str) -> str:
    """Return a line of code as HTML that can be selected and copied."""
    return (
        '<pre class="pcn-code-line" tabindex="0" aria-label="The same in code">'
        f"<code>{escape(code)}</code></pre>"
    )
