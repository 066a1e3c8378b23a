"""Settle the settings of a sign-in: from arguments, a profile, the environment or defaults."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from pcnotebooks.clouds import Cloud, get_cloud
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.files import read_file
from pcnotebooks.links import page
from pcnotebooks.text import hidden, one_line, unwrapped

CACHES = ("memory", "encrypted", "plain")
APP_METHODS = ("client_secret", "certificate", "workload_identity")
METHODS = ("device_code", "browser", *APP_METHODS)
_PROOFS = ("secret", "certificate", "passphrase")
_KEYS = ("client_id", "tenant", "cloud", "partner", "cache", "method", *_PROOFS)
_DEFAULTS = {
    "cloud": "global",
    "tenant": "organizations",
    "cache": "memory",
    "method": "device_code",
}
ANY_TENANT = ("", "organizations", "common")
# Entra's ids are GUIDs; another login service may use names or addresses.
_CLIENT_ID = re.compile(r"[\w.:/~@+-]+", re.ASCII)
# A label of a domain neither begins nor ends with a hyphen; punycode has two inside: xn--...
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_TENANT = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_SETUP = (
    "Register an app in the partner's Entra tenant (public client, delegated permission"
    ' user_impersonation on "Microsoft Partner Center") and give its application id: sign_in('
    'client_id="..."), the environment variable PCNOTEBOOKS_CLIENT_ID, or client_id in a profile'
    " (in a shell: pcnotebooks profile add)."
    f" {page('guides/registration')} shows each step."
)


@dataclass(frozen=True)
class Settings:
    """The settings of a sign-in; they hold the place of an app's secret, never the secret."""

    cloud: Cloud
    client_id: str
    tenant: str
    cache: str
    partner: str | None = None
    profile: str | None = None
    method: str = "device_code"
    secret: str | None = field(default=None, repr=False)  # may be the secret by mistake
    certificate: str | None = None
    passphrase: str | None = field(default=None, repr=False)

    @property
    def is_app(self) -> bool:
        """Whether an app signs in without a user."""
        return self.method in APP_METHODS

    @property
    def authority(self) -> str:
        """The address at which msal signs in."""
        return f"{self.cloud.authority}/{self.tenant}"


def resolve(
    cloud: str | Cloud | None = None,
    *,
    profile: str | None = None,
    client_id: str | None = None,
    tenant: str | None = None,
    cache: str | None = None,
    method: str | None = None,
) -> Settings:
    """Return the settings, each from the argument, else the profile, else the environment.

    The environment variables are PCNOTEBOOKS_PROFILE, _CLIENT_ID, _TENANT, _CLOUD, _CACHE,
    _METHOD and _CERTIFICATE.

    Raises
    ------
    ConfigurationError
        If there is no client id, or the profile, cloud, tenant, cache or method is not valid.
    """
    profile = profile or os.environ.get("PCNOTEBOOKS_PROFILE") or None
    given = {"client_id": client_id, "tenant": tenant, "cache": cache, "method": method}
    for key, value in {**given, "profile": profile}.items():
        if not isinstance(value, str | None):
            raise ConfigurationError(
                f"The {key} is of type {type(value).__name__}, not a text.",
                remedy=f"Give {key} as a text, in quotes.",
            )
    if profile and profile not in load_profiles():
        profile = unwrapped(profile)
    stored = load_profile(profile) if profile else {}
    chosen: dict[str, Any] = {
        key: unwrapped(value or "") or _set(stored, key) for key, value in given.items()
    }
    chosen["cloud"] = _cloud(cloud or _set(stored, "cloud"))
    if not chosen["client_id"]:
        raise ConfigurationError("Signing in needs a client id.", remedy=_SETUP)
    _require_client_id(chosen["client_id"])
    _require_cache(chosen["cache"])
    _require_method(chosen["method"])
    chosen |= {name: stored.get(name) for name in _PROOFS}
    chosen["certificate"] = chosen["certificate"] or os.environ.get("PCNOTEBOOKS_CERTIFICATE")
    chosen["tenant"] = _tenant(chosen["tenant"])
    partner, own = stored.get("partner"), unwrapped(stored.get("tenant", "")).lower()
    if own not in ANY_TENANT and own != chosen["tenant"].lower():
        partner = None  # the label is another partner's; the token's tenant is used
    settings = Settings(**chosen, partner=partner, profile=profile)
    if profile and own in ANY_TENANT and unwrapped(tenant or "").lower() in ANY_TENANT:
        _check_alone(settings)
    return settings


def require_settings(values: Mapping[str, str]) -> None:
    """Raise for a value of a profile that is not valid, before it is stored."""
    _require_client_id(unwrapped(values["client_id"]))
    _require_cache(values.get("cache", _DEFAULTS["cache"]))
    _require_method(values.get("method", _DEFAULTS["method"]))
    _tenant(unwrapped(values["tenant"]))
    _cloud(values.get("cloud", _DEFAULTS["cloud"]))


def _require_client_id(client_id: str) -> None:
    if not _CLIENT_ID.fullmatch(client_id):
        raise ConfigurationError(
            f"{hidden(one_line(client_id, 60))!r} is not a client id.",
            remedy="Copy only the application (client) id, such as"
            " 11111111-2222-4333-8444-555555555555.",
        )


def _require_cache(cache: str) -> None:
    if cache not in CACHES:
        raise ConfigurationError(
            f"There is no token cache {cache!r}.",
            remedy=f"Choose from {', '.join(CACHES)}.",
        )


def _require_method(method: str) -> None:
    if method not in METHODS:
        raise ConfigurationError(
            f"There is no sign-in method {hidden(one_line(method, 60))!r}.",
            remedy=f"Choose from {', '.join(METHODS)}.",
        )


def _tenant(name: str) -> str:
    """Return a tenant as written in an address; the letters of a domain are encoded."""
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:  # an empty label, or one of more than 63 characters
        encoded = ""
    if not _TENANT.fullmatch(encoded):
        raise ConfigurationError(
            f"{hidden(one_line(name, 60))!r} is not a tenant.",
            remedy="Give the directory (tenant) id, a domain such as contoso.onmicrosoft.com,"
            " or organizations.",
        )
    return encoded


def _set(stored: dict[str, Any], key: str) -> Any:
    """Return a setting of the profile, else of the environment, else the default."""
    variable = os.environ.get(f"PCNOTEBOOKS_{key.upper()}")
    for value in (stored.get(key), variable, _DEFAULTS.get(key)):
        if given := unwrapped(value) if isinstance(value, str) else value:
            return given
    return None


def _check_alone(settings: Settings) -> None:
    """Raise if a profile without a tenant could get the sign-in of another profile."""
    for name, stored in load_profiles().items():
        if name == settings.profile or _set(stored, "client_id") != settings.client_id:
            continue
        try:
            cloud = _cloud(_set(stored, "cloud"))
        except ConfigurationError:
            continue  # the error appears when that profile is used
        if cloud == settings.cloud:
            raise ConfigurationError(
                f"The profiles {settings.profile!r} and {name!r} have the same cloud and client"
                f" id, and {settings.profile!r} names no tenant, so their sign-ins cannot"
                " be distinguished.",
                remedy=f"Set the tenant of each in {profiles_file()}.",
            )


def profiles_file() -> Path:
    """Return the path of ``profiles.toml`` in the user's configuration folder."""
    return platformdirs.user_config_path("pcnotebooks", appauthor=False) / "profiles.toml"


def load_profiles() -> dict[str, dict[str, Any]]:
    """Return every profile by its name; empty without a file.

    Raises
    ------
    ConfigurationError
        If the file is not TOML, or a profile has an unknown key.
    """
    path = profiles_file()
    try:
        profiles = tomllib.loads(read_file(path).decode("utf-8-sig").replace("\r\n", "\n"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", remedy="Check the file and its owner."
        ) from None
    # Numbers with thousands of digits raise ValueError, and deep nesting RecursionError.
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is not TOML: {error}.",
            remedy=f"Correct the file; {page('reference/settings')} shows an example.",
        ) from None
    for name, profile in profiles.items():
        if wrong := _wrong_keys(profile) if isinstance(profile, dict) else [name]:
            raise ConfigurationError(
                f"{path}: {', '.join(wrong)} of profile {name!r} is not valid.",
                remedy=f"Write a profile as a table such as [contoso] with {', '.join(_KEYS)}, each"
                " a text; a custom cloud is a table of texts.",
            )
    return profiles


def _wrong_keys(profile: dict[str, Any]) -> list[str]:
    """Return unknown keys, and those whose values are not texts."""
    texts = dict(profile)
    if isinstance(own := texts.get("cloud"), dict):
        texts |= {"cloud": ""} | {f"cloud.{key}": value for key, value in own.items()}
    return [
        key
        for key, value in texts.items()
        if key.split(".")[0] not in _KEYS or not isinstance(value, str)
    ]


def load_profile(name: str) -> dict[str, Any]:
    """Return one profile.

    Raises
    ------
    ConfigurationError
        If no profile has the name.
    """
    profiles = load_profiles()
    if name in profiles:
        return profiles[name]
    known = ", ".join(profiles) or "none"
    raise ConfigurationError(
        f"There is no profile {name!r}.",
        remedy=f"Choose a profile of {profiles_file()} ({known}), or add one: pcnotebooks profile"
        " add",
    )


def cloud_of(name: str) -> Cloud:
    """Return the cloud of a profile.

    Raises
    ------
    ConfigurationError
        If there is no such profile, or its cloud is not valid.
    """
    return _cloud(load_profile(name).get("cloud") or _DEFAULTS["cloud"])


def client_id_of(profile: str | None) -> str | None:
    """Return the client id of a profile, else the environment's; None if neither has one."""
    profile = profile or os.environ.get("PCNOTEBOOKS_PROFILE") or None
    found: str | None = _set(load_profiles().get(profile or "", {}), "client_id")
    return found


def _cloud(cloud: str | Cloud | dict[str, str]) -> Cloud:
    """Return the cloud; a profile may also define a custom one as a table."""
    if isinstance(cloud, str | Cloud):
        return get_cloud(cloud)
    if not isinstance(cloud, dict):
        raise ConfigurationError(
            f"The cloud is of type {type(cloud).__name__}, not a text.",
            remedy="Give the name of a cloud, or a Cloud.",
        )
    try:
        return Cloud(**({"label": cloud.get("name", "")} | cloud))
    except TypeError:
        raise ConfigurationError(
            f"The custom cloud has the settings {', '.join(cloud)}.",
            remedy="Give it name, authority and api, and optionally a label.",
        ) from None
