"""Users who sign in, and what a test asks of a sign-in that is refused."""

from __future__ import annotations

import pickle

import pytest

from pcnotebooks.errors import SignInError
from pcnotebooks.session.sign_in import sign_in
from pcnotebooks.session.token_cache import readable_accounts
from tests.services.browser import visit
from tests.services.identity_provider import (
    CLIENT_ID,
)
from tests.services.planted import shown

EXPIRING = 200  # seconds: msal renews a token under five minutes before its end


def approve(device_code):
    """Sign in as the user would, by the form of the page that the prompt names."""
    visit(device_code.url, "approve", user_code=device_code.code)


def decline(device_code):
    """Press the other button."""
    visit(device_code.url, "decline", user_code=device_code.code)


def ignore(device_code):
    """Leave the code alone."""


def never(device_code):
    """Stand where nobody is to be asked."""
    pytest.fail("somebody was asked to sign in")


def signed_in(provider, *, prompt=approve, api="https://127.0.0.1:9", **options):
    """Sign in to the provider with its app."""
    options.setdefault("client_id", CLIENT_ID)
    return sign_in(provider.cloud(api), prompt=prompt, **options)


def refused(provider, attempt, kind=SignInError):
    """Return the error of an attempt, which neither shows nor keeps anything secret."""
    with pytest.raises(kind) as caught:
        attempt()
    error = caught.value
    assert not provider.shown_in(shown(error))
    assert not provider.shown_in(str(pickle.dumps(error)))
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def cached_accounts():
    """Return the accounts of every cache, each of which can be read."""
    accounts, unreadable = readable_accounts()
    for error in unreadable.values():
        raise error
    return accounts


def files(folder):
    """Return every file under a folder."""
    return [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
