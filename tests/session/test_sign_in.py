"""Signing in with the real msal, against a real identity provider on loopback."""

from __future__ import annotations

import pytest
from azure.identity import AzureCliCredential

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.session import (
    Session,
    access_token,
    tenant_of,
    username,
)
from pcnotebooks.session.settings import profiles_file
from pcnotebooks.session.sign_in import sign_in, sign_out
from tests.services.identity_provider import (
    CLIENT_ID,
    DOMAIN,
    GUEST_TENANT,
    TENANT,
    USERNAME,
    signing_key,
)
from tests.services.users import (
    approve,
    cached_accounts,
    never,
    refused,
    signed_in,
)


def test_a_user_signs_in_and_gets_the_summaries(identity_provider, partner_center, tls):
    """Approval by form post gives a token that the service accepts."""
    service = partner_center(tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    payload = fetch_invoice_summaries(session)
    assert payload.body.startswith(b"{") or b"totalCount" in payload.body
    assert payload.partner == session.partner == TENANT
    assert identity_provider.count("devicecode") == 1


def test_without_a_client_id_nothing_is_sent(identity_provider):
    """What cannot work is refused before the first request."""
    with pytest.raises(ConfigurationError, match="client id"):
        sign_in(identity_provider.cloud())
    with pytest.raises(ConfigurationError, match="method"):
        signed_in(identity_provider, method="password")
    assert identity_provider.requests == []


def test_settings_come_from_a_profile_and_the_environment(identity_provider, monkeypatch):
    """A profile names cloud, app and partner; what it leaves out comes from the environment."""
    cloud = identity_provider.cloud()
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\npartner = "Contoso"\n'
        f'cloud = {{name="own", authority="{cloud.authority}", api="{cloud.api}"}}\n'
    )
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", "another")
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", TENANT)
    codes = []
    session = sign_in(profile="contoso", prompt=lambda code: (codes.append(code), approve(code)))
    assert session.partner == "Contoso"
    assert session.cloud.name == "own"
    assert (codes[0].client_id, codes[0].tenant) == (CLIENT_ID, TENANT)


@pytest.mark.parametrize("tenant", ["", f'tenant = "{TENANT}"\n'], ids=["none", "own"])
def test_a_sign_in_stands_under_its_own_partner_alone(identity_provider, tenant):
    """A profile that could get another's sign-in sends nothing; another's tenant has no label."""
    cloud = identity_provider.cloud()
    app = (
        f'client_id = "{CLIENT_ID}"\n'
        f'cloud = {{name="own", authority="{cloud.authority}", api="{cloud.api}"}}\n'
    )
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        f'[contoso]\npartner = "Contoso"\n{app}{tenant}[fabrikam]\npartner = "Fabrikam"\n{app}'
    )
    with pytest.raises(ConfigurationError, match="'fabrikam' and 'contoso'"):
        sign_in(profile="fabrikam", prompt=never)
    assert identity_provider.requests == []
    if tenant:
        assert sign_in(profile="contoso", prompt=approve).partner == "Contoso"
        guest = sign_in(profile="contoso", tenant=GUEST_TENANT, prompt=approve)
        assert guest.partner == GUEST_TENANT


def test_the_partner_is_the_tokens_tenant(identity_provider):
    """Without a profile, partners are told apart by the tenant that gave the token."""
    assert signed_in(identity_provider, tenant="organizations").partner == TENANT
    assert signed_in(identity_provider, tenant=TENANT).partner == TENANT


@pytest.mark.parametrize("cache", ["memory", "plain"])
@pytest.mark.parametrize(
    ("tenant", "known"),
    [(DOMAIN, TENANT), (GUEST_TENANT, GUEST_TENANT), (GUEST_TENANT.upper(), GUEST_TENANT)],
)
def test_a_tenant_may_be_a_domain_or_in_capitals(
    identity_provider, partner_center, tls, cache, tenant, known
):
    """Under any of its names its user is asked once, fetches, and can sign out."""
    service = partner_center(tls=tls, key=signing_key())
    options = {"api": service.url, "tenant": tenant, "cache": cache}
    session = signed_in(identity_provider, **options)
    assert fetch_invoice_summaries(session).partner == session.partner == known
    assert username(session) == USERNAME
    again = signed_in(identity_provider, prompt=never, **options)
    assert fetch_invoice_summaries(again).partner == again.partner == known
    sign_out(again)
    assert cached_accounts() == []
    refused(identity_provider, lambda: access_token(session))


@pytest.mark.parametrize("tenant", [TENANT, DOMAIN, "organizations"])
def test_any_name_of_a_tenant_finds_its_sign_in(identity_provider, tenant):
    """What was signed in by id, domain or as any organization serves the other names."""
    signed_in(identity_provider, tenant=tenant, cache="plain")
    for other in (TENANT, TENANT.upper(), DOMAIN, "organizations"):
        session = signed_in(identity_provider, tenant=other, cache="plain", prompt=never)
        assert tenant_of(access_token(session)) == session.partner == TENANT
    with pytest.raises(pytest.fail.Exception, match="was asked"):
        signed_in(identity_provider, tenant=GUEST_TENANT, cache="plain", prompt=never)


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_a_guest_of_two_tenants_is_asked_once_for_each(identity_provider, cache):
    """One user's sign-ins to two partners are kept side by side."""
    for prompt in (approve, never, never):
        for tenant in (TENANT, GUEST_TENANT):
            session = signed_in(identity_provider, tenant=tenant, cache=cache, prompt=prompt)
            assert tenant_of(access_token(session)) == session.partner == tenant
    assert sorted(account.tenant for account in cached_accounts()) == [TENANT, GUEST_TENANT]


def test_a_cell_that_runs_again_asks_nobody(identity_provider):
    """In one process the memory cache serves the same sign-in again, for the same partner."""
    first = signed_in(identity_provider)
    second = signed_in(identity_provider, prompt=never)
    assert second.partner == first.partner
    assert access_token(second) == access_token(first)
    assert identity_provider.count("devicecode") == 1


def test_a_credential_of_ones_own_cannot_be_signed_out(identity_provider):
    """What pcnotebooks does not keep it cannot forget: it says so."""
    session = Session(identity_provider.cloud(), AzureCliCredential())
    with pytest.raises(ConfigurationError, match="AzureCliCredential") as caught:
        sign_out(session)
    assert "with the tool that started it" in caught.value.remedy
