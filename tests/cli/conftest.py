"""What tests of several commands share."""

from __future__ import annotations

import pytest

from pcnotebooks.session.sign_in import sign_in
from tests.services.browser import visit


@pytest.fixture
def signed_in(contoso, identity_provider, monkeypatch):
    """Sign in once, and keep that in a file."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    sign_in(profile="contoso", prompt=lambda code: visit(code.url, "approve", user_code=code.code))
    return identity_provider
