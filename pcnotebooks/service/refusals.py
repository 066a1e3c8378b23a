"""Explain refusals and missing answers of Partner Center, and whether a retry may help."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

from pcnotebooks.errors import ConfigurationError, NetworkError, PcNotebooksError, ServiceError
from pcnotebooks.payload.checks import BYTE_ORDER_MARK
from pcnotebooks.session.faults import explained
from pcnotebooks.session.transport import Answer
from pcnotebooks.text import one_line

# Any other refusal would be repeated, and every call counts against the limit.
_TRANSIENT = frozenset({429, 500, 502, 503, 504})

_ROLE = (
    "Sign in as a user with the role Global admin, Billing admin or Admin agent in this partner"
    " account."
)
_ROLE_OR_APP = (
    "Sign in as a user with the role Global admin, Billing admin or Admin agent in this partner"
    " account, or as a web app that is registered for it in Partner Center."
)
_NOT_FOUND = "Check the cloud, and that the sign-in is for this partner account."
_FAULT = (
    "The service failed: try again later, then give request id and correlation id to Microsoft's"
    " support."
)
_IN_BETWEEN = (
    "Ask the network's administrator to allow the api host, or check the cloud's api address: a"
    " proxy or a sign-in page answers in its place."
)

# By the service's code, else by HTTP status, else by its first digit.
# docs/reference/errors.md shows each.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "900420": "Request the token for the cloud's api host (its scope): the audience"
        " graph.windows.net is no longer accepted.",
        "900421": "Sign in again with multi-factor authentication: a token from a sign-in without"
        " it never becomes compliant.",
        "900329": "Sign in as a user: an app-only token is accepted for the list of invoices"
        " (fetch_invoices), not for this call.",
        "900150": _ROLE,
        "900308": _ROLE,
        "2032": _ROLE,
        "900309": "Ask the tenant's administrator: a Conditional Access policy refuses the call.",
        "900124": "A Global admin has to accept the Microsoft Partner Agreement in Partner Center.",
        "800039": "Activate the reseller programme for this account; indirect resellers have no"
        " API access at all.",
        "1000": _NOT_FOUND,
        "800003": _FAULT,
        "900192": _FAULT,
        "401": "Sign in again, and check the cloud: the token has expired or is for another cloud.",
        "403": _ROLE,
        "404": _NOT_FOUND,
        "407": "Put the proxy's user name and password into HTTPS_PROXY.",
        "429": "Wait before asking again: every call counts against the limit.",
        # The service answers refusals in JSON, a firewall with a page.
        "page": _IN_BETWEEN,
        "3xx": _IN_BETWEEN,
        "4xx": "Give request id and correlation id to Microsoft's support: the request itself was"
        " not accepted.",
        "5xx": _FAULT,
    }
)
# The list of invoices differs: it accepts an app without a user.
LIST_REMEDIES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("403", "900150", "900308", "900329", "2032"), _ROLE_OR_APP)
)


class NeedsUserError(ConfigurationError):
    """A call that Partner Center refuses to an app without a user; nothing was sent."""


@dataclass(frozen=True)
class Call:
    """The facts that the errors of a call name: host, partner, and the ids for support."""

    host: str
    partner: str | None
    request_id: str
    correlation_id: str
    part: str = ""

    @property
    def whose(self) -> str:
        """The partner and the part for a message, since any partner or page may fail."""
        partner = f" for {self.partner!r}" if self.partner else ""
        return partner + (f" ({self.part})" if self.part else "")

    @property
    def ids(self) -> dict[str, str]:
        """The ids by their names in errors and payloads."""
        return {"request_id": self.request_id, "correlation_id": self.correlation_id}


@dataclass(frozen=True)
class Failure:
    """An error, and whether the same request may succeed a moment later."""

    error: PcNotebooksError
    transient: bool = False


def no_answer(call: Call, error: OSError, timeout: object) -> Failure:
    """Return the failure of a request that had no complete answer."""
    kind, what = explained(error, timeout)
    failure = NetworkError(
        f"No answer from {call.host}{call.whose}: {what}.",
        request_id=call.request_id,
        correlation_id=call.correlation_id,
        remedy=kind.remedy,
    )
    return Failure(failure, kind.transient)


def refusal(
    call: Call,
    answer: Answer,
    hide: Callable[[str], str],
    description: str = "",
    remedies: Mapping[str, str] | None = None,
) -> Failure:
    """Return the failure for an answer that is not a success.

    Parameters
    ----------
    call, answer
        The call and its answer.
    hide
        Removes the token, which the answer may repeat, from a text.
    description
        Text in place of the answer's own description.
    remedies
        Remedies of the requested resource, in place of those for most resources.
    """
    reason = one_line(hide(answer.reason), 200)
    # Decoded text may have held an escaped token, and a shortened text half of one.
    code, stated = (one_line(hide(text), 200) for text in _stated(answer))
    description = description or stated
    message = f"{call.host} answered {answer.status} {reason}".rstrip() + call.whose
    if code:
        message += f", code {code}"
    if description:
        message += f": {description}"
    retry_after = _retry_after(answer, description)
    if retry_after and f"{retry_after:.0f} seconds" not in description:
        message += f" (asks to wait {retry_after:,.0f} seconds)"
    error = ServiceError(
        message if message.endswith(".") else f"{message}.",
        status_code=answer.status,
        code=code or None,
        **call.ids,
        retry_after=retry_after,
        remedy=_remedy(answer, code, f"{reason} {description}", {**REMEDIES, **(remedies or {})}),
    )
    return Failure(error, transient=answer.status in _TRANSIENT)


def _is_page(answer: Answer) -> bool:
    """Return whether an answer is HTML: the service refuses in JSON, a firewall with a page."""
    return answer.body.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<")


def _stated(answer: Answer) -> tuple[str, str]:
    """Return the code and the description of an error body, in any of its forms.

    Each is empty if there is none.
    """
    text = answer.body.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace")
    if _is_page(answer):
        title = re.search(r"<title[^>]{0,200}>([^<]{0,2000})", text, re.IGNORECASE)
        return "", "an HTML page" + (f" titled {one_line(title[1], 2000)!r}" if title else "")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return "", text[:100_000]
    code = document.get("code")
    description = document.get("description") or document.get("message")
    if not (code or description):
        description = text
    return str(code or ""), str(description or "")


def _remedy(answer: Answer, code: str, told: str, remedies: Mapping[str, str]) -> str | None:
    without_mfa = answer.headers.get("isMfaCompliant", "").lower() == "false"
    # Refusals for other reasons also have this header; only with a 401 is it the reason.
    lacks_mfa = "mfa required" in told.lower() or (answer.status == 401 and without_mfa)
    if code not in remedies and lacks_mfa:
        code = "900421"
    status = str(answer.status)
    if _is_page(answer) and status in ("403", "404"):
        status = "page"
    keys = (code, status, f"{status[0]}xx")
    return next((remedies[key] for key in keys if key in remedies), None)


def _retry_after(answer: Answer, description: str) -> float | None:
    """Return the seconds that an answer asks to wait; None if it states no readable time."""
    stated = answer.headers.get("Retry-After")
    if stated is None:
        told = re.search(r"try again in (\d{1,6}) seconds", description, re.IGNORECASE)
        return float(told[1]) if told else None
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        # The date is from the service's clock; this machine's may be wrong.
        until, now = map(parsedate_to_datetime, (stated, answer.headers["Date"]))
        return max((until - now).total_seconds(), 0.0)
    try:
        # By default, urllib3 shortens a longer time to six hours.
        return float(Retry(retry_after_max=10**9).parse_retry_after(stated))
    except (InvalidHeader, ValueError, OverflowError):
        return None
