"""Explain why a sign-in was refused, with a remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

import requests

from pcnotebooks.errors import SignInError
from pcnotebooks.session.faults import UnfinishedError, explained
from pcnotebooks.session.settings import Settings
from pcnotebooks.text import hidden, one_line

AGAIN = "Sign in again."
_TABLE = (resources.files("pcnotebooks") / "data" / "sign_in_remedies.txt").read_text("utf-8")
_ROWS = (line.split(": ", 1) for line in _TABLE.splitlines() if not line.startswith("#"))
# What to do, by Entra's AADSTS number or OAuth's error. docs/reference/errors.md shows the table.
SIGN_IN_REMEDIES: Mapping[str, str] = MappingProxyType(
    {code: remedy for codes, remedy in _ROWS for code in codes.split()}
)
# Entra sends these with many numbers; without a number they have the meaning that OAuth defines.
_VAGUE = ("invalid_grant", "access_denied")
UNKNOWN = (
    "Sign in again. If it is refused again, ask an administrator of the tenant: its sign-in log has"
    " the reason. https://login.microsoftonline.com/error explains Entra's numbers."
)


def refusal(settings: Settings, result: Mapping[str, Any]) -> SignInError:
    """Return the error for a refusal by Entra, by OAuth or by the clock."""
    # A login service may repeat its input, such as a refresh token or a code.
    error = hidden(str(result.get("error") or "unknown_error"))[:80]
    told = hidden(one_line(str(result.get("error_description") or ""), 2000))
    number = re.search(r"AADSTS(\d+)", told)
    codes = result.get("error_codes")
    code = number[1] if number else error
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        code = str(codes[0])
    remedy = SIGN_IN_REMEDIES.get(code)
    if not remedy and not (code.isdecimal() and error in _VAGUE):
        remedy = SIGN_IN_REMEDIES.get(error)
    words = re.split(r"\s*Trace ID:", told)[0][:300]
    said = words or _IN_WORDS.get(error, error.replace("_", " "))
    return SignInError(
        f"{_attempt(settings)} failed: {said}".rstrip(".") + ".",
        code=code,
        request_id=_id(result.get("trace_id")),
        correlation_id=_id(result.get("correlation_id")),
        remedy=remedy or UNKNOWN,
    )


def nobody(settings: Settings) -> SignInError:
    """Return the error for a cache that has no sign-in, or no longer has one."""
    return SignInError(f"No user is signed in any more{_whose(settings)}.", remedy=AGAIN)


def _attempt(settings: Settings) -> str:
    return f"Signing in to {settings.cloud.label or settings.cloud.name}{_whose(settings)}"


def _whose(settings: Settings) -> str:
    """Return the partner for a message, since each of several partners may fail."""
    partner = settings.partner or settings.profile
    return f" for {partner!r}" if partner else ""


_IN_WORDS = {
    "cancelled": "it was cancelled",
    "timeout": "no user signed in within the given time",
    "expired_token": "the code has expired",
    "authorization_declined": "it was declined",
    "access_denied": "it was declined",
}


def unanswered(settings: Settings, error: Exception) -> SignInError:
    """Return the error for a login service that gave no usable answer."""
    # For an unknown tenant, msal's own text drops the answer, which the context has.
    text = f"{error} {error.__context__ or ''}"
    if "AADSTS" in text:
        found = re.search(r"\{.*\}", text, re.DOTALL)
        try:
            answer = json.loads(found[0]) if found else None
        except ValueError:
            answer = None
        told = {"error": "invalid_tenant", "error_description": text[text.index("AADSTS") :]}
        return refusal(settings, answer if isinstance(answer, dict) else told)
    status = re.search(r"HTTP Error: (\d{3})", text)  # as msal words it
    if status:
        return no_answer(settings, "unreachable", f"answered {status[1]}")
    # An error of requests about an address is also a ValueError, which msal replaces.
    for cause in (error, error.__context__):
        if not isinstance(cause, OSError) or isinstance(cause, requests.JSONDecodeError):
            continue
        fault, what = explained(cause)
        # Passing failures, and time-outs that sign_in has no option for, have no other remedy.
        general = fault.transient or isinstance(cause, UnfinishedError)
        remedy = None if general else fault.remedy
        return no_answer(settings, "unreachable", f"cannot be reached: {what}", remedy)
    return no_answer(settings)


def no_answer(
    settings: Settings,
    code: str = "not_json",
    what: str = "did not answer as a login service does",
    remedy: str | None = None,
) -> SignInError:
    """Return the error for an address that cannot be reached, or is not a login service."""
    host = settings.cloud.authority.removeprefix("https://")
    return SignInError(
        f"{_attempt(settings)} failed: {host} {what}.",
        code=code,
        remedy=remedy or SIGN_IN_REMEDIES[code],
    )


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{8,64}", value) else None
