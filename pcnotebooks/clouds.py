"""Define the national clouds of Partner Center."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.text import unwrapped


@dataclass(frozen=True)
class Cloud:
    """The addresses of a login service and of Partner Center.

    A custom cloud (a test server, a future sovereign cloud) can be passed instead of a name.

    Parameters
    ----------
    name
        Short name, used in the ``cloud`` column of every frame.
    label
        Name for people.
    authority
        Address of the login service, https.
    api
        Address of Partner Center, https; http only on loopback. Also the token's audience.

    Raises
    ------
    ConfigurationError
        If an address would send a token unencrypted.

    Examples
    --------
    >>> CLOUDS["global"].scope
    'https://api.partnercenter.microsoft.com/user_impersonation'
    """

    name: str
    label: str
    authority: str
    api: str

    def __post_init__(self) -> None:
        if self.name == "sample" and not (self.authority or self.api):
            return  # sample data has no address
        for field, value in vars(self).items():
            if not isinstance(value, str):
                raise ConfigurationError(
                    f"The {field} of a cloud is of type {type(value).__name__}, not a text.",
                    remedy=f"Give {field} as a text, in quotes.",
                )
            if field != "label":
                object.__setattr__(self, field, unwrapped(value))
        if not (self.name and self.name.isprintable()):
            raise ConfigurationError(
                f"{self.name!r} cannot be the name of a cloud.",
                remedy="Give a short name in one line.",
            )
        object.__setattr__(self, "authority", self.authority.rstrip("/"))
        object.__setattr__(self, "api", self.api.rstrip("/"))
        for field, schemes in (("authority", ["https"]), ("api", ["https", "http"])):
            address = getattr(self, field)
            if not _is_safe(address, schemes):
                raise ConfigurationError(
                    f"Cloud {self.name!r}: {field} {address!r} is not an https address.",
                    remedy="Give scheme and host, such as 'https://api.partnercenter.microsoft.com'"
                    " (http is for an api on loopback only).",
                )

    @property
    def scope(self) -> str:
        """The delegated permission to request for a user's token."""
        return f"{self.api}/user_impersonation"


def _is_safe(address: str, schemes: Collection[str]) -> bool:
    """Return whether an address keeps requests secret, even if another parser reads it."""
    # With a line break, which urlsplit drops, or a backslash, other parsers see another host.
    if not address.isprintable() or re.search(r"[\s\\]", address):
        return False
    try:
        parts = urlsplit(address)
        places = parts.hostname and parts.port != 0
    except ValueError:
        return False
    if not places or parts.scheme not in schemes:
        return False
    # A password in an address would appear in logs, and a query in every request.
    if "@" in parts.netloc or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or is_loopback(parts.hostname)


def is_loopback(host: str | None) -> bool:
    """Return whether a host name means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        cloud.name: cloud
        for cloud in (
            Cloud(
                "global",
                "Partner Center",
                "https://login.microsoftonline.com",
                "https://api.partnercenter.microsoft.com",
            ),
            # Microsoft documents the same API host as for global; only the login differs.
            Cloud(
                "us_government",
                "Microsoft Cloud for US Government",
                "https://login.microsoftonline.us",
                "https://api.partnercenter.microsoft.com",
            ),
            Cloud(
                "china",
                "Partner Center operated by 21Vianet",
                "https://login.chinacloudapi.cn",
                "https://partner.partnercenterapi.microsoftonline.cn",
            ),
        )
    }
)

SAMPLE = Cloud("sample", "Sample data", "", "")


def get_cloud(name: str | Cloud) -> Cloud:
    """Return the cloud with this name; a :class:`Cloud` is returned unchanged.

    Parameters
    ----------
    name
        One of :data:`CLOUDS`, or a :class:`Cloud`.

    Raises
    ------
    ConfigurationError
        If no cloud has this name.

    Examples
    --------
    >>> get_cloud("china").label
    'Partner Center operated by 21Vianet'
    """
    if isinstance(name, Cloud):
        return name
    if unwrapped(name) in CLOUDS:
        return CLOUDS[unwrapped(name)]
    known = ", ".join(repr(known) for known in CLOUDS)
    # Users swap arguments: a text too long for a name may be a token, and is not repeated.
    called = f" {name!r}" if len(name) <= 40 else " of that name"
    del name
    raise ConfigurationError(
        f"There is no cloud{called}.",
        remedy=f"Choose from {known}, or pass a custom Cloud(name, label, authority, api). For"
        " sample data, use sample_payload(). Germany's cloud was closed on 29 October 2021.",
    )


def cloud_label(name: str) -> str:
    """Return a cloud's label; the short name of a custom cloud."""
    cloud = SAMPLE if name == SAMPLE.name else CLOUDS.get(name)
    return cloud.label if cloud else name
