"""Explain why no answer came: errors of requests, urllib3 and the system, with remedies."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import requests
from urllib3.exceptions import ProtocolError, ProxyError, ProxySchemeUnknown, ReadTimeoutError

from pcnotebooks.text import one_line


class UnfinishedError(requests.exceptions.Timeout):
    """The answer was abandoned before it was complete."""


class ProxyLoginError(OSError):
    """The proxy accepts no user name and password, only a sign-in such as NTLM or Negotiate."""


@dataclass(frozen=True)
class Kind:
    """A reason for a missing answer, recognised by an exception anywhere in the chain.

    A rejected certificate also has OpenSSL's number, ``X509_V_ERR_...`` in x509_vfy.h.
    """

    causes: tuple[type[BaseException], ...]
    what: str
    remedy: str
    transient: bool = True
    numbers: Collection[int] = ()


_untrusted = partial(
    Kind, (ssl.SSLCertVerificationError,), "its certificate is not trusted", transient=False
)
# The first match counts, so specific kinds come before those that wrap them.
KINDS = (
    _untrusted(
        "Set this machine's clock: according to it, the certificate is not valid yet.",
        numbers=(9,),
    ),
    _untrusted(
        "Check this machine's clock. If it is right, the owner of the certificate has to renew it.",
        numbers=(10,),
    ),
    _untrusted(
        "Another server answers under this name: check the cloud's addresses and the network's name"
        " server, and sign in to the network if it has a sign-in page.",
        numbers=(62, 64),
    ),
    _untrusted(
        "If the network inspects TLS, save its certificate authority as a PEM file and name that"
        " file in the environment variable REQUESTS_CA_BUNDLE, or add it to the file named there.",
        numbers=(2, 18, 19, 20, 21),
    ),
    _untrusted(
        "Python 3.13 and newer check certificates against RFC 5280: ask the network's administrator"
        " to renew the certificate or its authority, or use Python 3.12 until then.",
        numbers=range(80, 95),
    ),
    _untrusted(
        "Ask the owner of the certificate, or the network's administrator if the network inspects"
        " TLS.",
    ),
    Kind(
        # The cloud's address is http or https, so an unknown scheme is that of the proxy.
        (
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidProxyURL,
            ProxySchemeUnknown,
        ),
        "the proxy that the environment names cannot be used",
        "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; a SOCKS proxy needs requests[socks].",
        transient=False,
    ),
    Kind(
        (ProxyLoginError,),
        "the proxy does not accept a user name and password",
        "Run a local relay that signs in to the proxy, such as px or cntlm, and name the relay in"
        " HTTPS_PROXY.",
        transient=False,
    ),
    Kind(
        (ProxyError, requests.exceptions.ProxyError),
        "the proxy cannot be reached or refused to connect",
        "Check HTTPS_PROXY, with user name and password if the proxy needs them, and NO_PROXY.",
    ),
    Kind(
        (socket.gaierror,),
        "its name could not be resolved",
        "Check the network connection and the cloud's api address; behind a proxy, set"
        " HTTPS_PROXY.",
    ),
    Kind(
        (requests.exceptions.ConnectTimeout,),
        "connecting timed out with timeout={timeout}",
        "Check the network and its firewall; behind a proxy, set HTTPS_PROXY.",
    ),
    Kind(
        (UnfinishedError,),
        "the answer was so slow that it was abandoned",
        "Try again later, or allow more seconds: timeout=(connect, read). If it happens"
        " again, a proxy delays the answer.",
        transient=False,
    ),
    Kind(
        (requests.exceptions.ReadTimeout, ReadTimeoutError),
        "reading timed out with timeout={timeout}",
        "Try again later, or allow more seconds: timeout=(connect, read).",
    ),
    Kind(
        (ConnectionRefusedError,),
        "the connection was refused",
        "Check the cloud's api address, and that the network lets it through.",
    ),
    Kind(
        (requests.exceptions.ContentDecodingError,),
        "the answer could not be decompressed",
        "Try again; if it happens again, a proxy damages the answer.",
    ),
    Kind(
        (ProtocolError, ssl.SSLEOFError),
        "the connection broke off",
        "Try again; if it happens again, a proxy or firewall cuts the connection.",
    ),
    Kind(
        (ssl.SSLError, requests.exceptions.SSLError),
        "TLS could not be set up",
        "Check the file that REQUESTS_CA_BUNDLE names, and that the api address supports https.",
        transient=False,
    ),
    Kind(
        (requests.exceptions.ConnectionError,),
        "the connection failed",
        "Check the network connection.",
    ),
    Kind(
        (Exception,),
        "the request failed",
        "Check the environment variables REQUESTS_CA_BUNDLE and HTTPS_PROXY.",
        transient=False,
    ),
)


def explained(error: BaseException, timeout: object = None) -> tuple[Kind, str]:
    """Return the kind of a failure and its description, with the time-out if it is given."""
    causes = _causes(error)
    numbers = [getattr(cause, "verify_code", None) for cause in causes]
    kind = next(
        kind
        for kind in KINDS
        if any(isinstance(at, kind.causes) for at in causes)
        and (not kind.numbers or any(number in kind.numbers for number in numbers))
    )
    stated = kind.what if timeout is not None else kind.what.removesuffix(" with timeout={timeout}")
    what = stated.format(timeout=timeout)
    detail = _detail(causes)
    if not detail and kind is KINDS[-1]:
        detail = type(error).__name__
    return kind, f"{what} ({detail})" if detail else what


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and all errors inside it; requests and urllib3 nest them in three ways."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    for candidate in queue:
        if isinstance(candidate, BaseException) and candidate not in found:
            found.append(candidate)
            reason = getattr(candidate, "reason", None)
            queue += [*candidate.args, reason, candidate.__cause__]
    return found


def _detail(causes: list[BaseException]) -> str:
    """Return the system's own description of the error, which never holds a header."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return one_line(cause.verify_message, 200).rstrip(".")
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror, 200)
        if type(cause) in (OSError, ProxyLoginError):
            # "Tunnel connection failed: 407 ...", or a certificate bundle that does not exist.
            return one_line(str(cause), 200)
    return ""
