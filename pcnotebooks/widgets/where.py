"""Controls for the identity of a sign-in: the profile, or client id and tenant."""

from __future__ import annotations

from collections.abc import Mapping

from ipywidgets import HTML, Dropdown, HBox, Text, VBox

from pcnotebooks.report.markup import style, wrapped
from pcnotebooks.session.settings import load_profiles

_SETUP = (
    "<p>To sign in, enter the client id of your app registration:"
    ' <a href="https://learn.microsoft.com/entra/identity-platform/quickstart-register-app"'
    ' target="_blank" rel="noopener noreferrer">how to register an app</a>. Register a public'
    " client with the delegated permission <code>user_impersonation</code> on Microsoft Partner"
    " Center.</p>"
)


def profile_picker(profile: str | None) -> Dropdown:
    """Return a control to choose one of the user's profiles, or none."""
    options = [("None", None), *((name, name) for name in load_profiles())]
    return Dropdown(
        options=options,
        value=profile,
        description="Profile",
        style={"description_width": "initial"},
    )


class AppFields(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Fields for client id and tenant, shown if no client id is known."""

    def __init__(self, named: Mapping[str, str | None]) -> None:
        self._named = named
        plain = {"style": {"description_width": "initial"}}
        self.client_id = Text(
            description="Client id", placeholder="11111111-2222-4333-8444-555555555555", **plain
        )
        self.tenant = Text(description="Tenant", placeholder="id or domain (optional)", **plain)
        fields = HBox([self.client_id, self.tenant])
        super().__init__([HTML(f"{style('widgets.css')}{wrapped(_SETUP)}"), fields])
        fields.add_class("pcn-bar")
        self.add_class("pcn-app")

    def show(self, *, needed: bool) -> None:
        """Show the fields if they are needed; the contents of hidden fields are ignored."""
        self.layout.display = None if needed and not self._named["client_id"] else "none"

    def ids(self) -> dict[str, str | None]:
        """Return client id and tenant: as passed in code, otherwise as typed."""
        typed = {"client_id": self.client_id.value, "tenant": self.tenant.value}
        if self.layout.display == "none":
            typed = {}
        return {name: given or typed.get(name) or None for name, given in self._named.items()}
