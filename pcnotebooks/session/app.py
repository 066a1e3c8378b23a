"""Get tokens for an app without a user, for jobs that run unattended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msal

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.session.credential import MsalCredential, Token, application_options
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.proofs import proof_of
from pcnotebooks.session.settings import ANY_TENANT, Settings
from pcnotebooks.session.token_cache import claims_of


class AppCredential(MsalCredential):
    """An app's own tokens, kept in memory and renewed with its proof."""

    __slots__ = ()

    def __init__(self, settings: Settings) -> None:
        if settings.tenant in ANY_TENANT:
            raise ConfigurationError(
                f"Signing in by {settings.method} needs a single tenant, not {settings.tenant!r}.",
                remedy="Give the directory (tenant) id or the domain of the partner.",
            )
        # A new token takes one request and no user, so there is no reason to store one.
        super().__init__(replace(settings, cache="memory"))

    def __repr__(self) -> str:
        return f"<app {self.settings.client_id} without a user>"

    @property
    def scope(self) -> str:
        """The scope to request: an app without a user has no delegated permission to name."""
        return f"{self.settings.cloud.api}/.default"

    @discreet
    def get_token(self, *scopes: str) -> Token:
        """Return a valid token, renewed when it is about to expire.

        Raises
        ------
        SignInError
            If the login service refuses.
        ConfigurationError
            If the proof is missing or cannot be used.
        """
        with self._lock:
            result = self._asked(scopes)
            if result.get("access_token") == self._refused() is not None:
                self.ask(lambda app: app.remove_tokens_for_client())
                result = self._asked(scopes)
        return self.given(result)

    def _asked(self, scopes: tuple[str, ...]) -> Any:
        return self.ask(lambda app: app.acquire_token_for_client(list(scopes)))

    @discreet
    def forget(self) -> None:
        """Remove the tokens from memory; the next call asks for another."""
        with self._lock:
            self.ask(lambda app: app.remove_tokens_for_client())

    def _application(self) -> Any:
        options = application_options(self.settings, self._cache(), self._patience)
        return msal.ConfidentialClientApplication(
            client_credential=proof_of(self.settings), **options
        )

    @discreet
    def sign_in(self) -> None:
        """Ask for the first token, and name the partner by its tenant unless it has a label.

        Raises
        ------
        SignInError, ConfigurationError
            As `get_token`.
        """
        tenant = claims_of(self.get_token(self.scope).token).get("tid")
        partner = self.settings.partner or (tenant if isinstance(tenant, str) else None)
        self.settings = replace(self.settings, partner=partner)
