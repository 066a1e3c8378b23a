"""Where the settings of a sign-in come from."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError

import pytest

from pcnotebooks.clouds import CLOUDS, Cloud
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.session.settings import load_profiles, profiles_file, resolve

STORED = """
[contoso]
client_id = "client-of-the-profile"
tenant = "contoso.example"
cloud = "china"
partner = "Contoso"
cache = "encrypted"

[fabrikam]
client_id = "client-of-fabrikam"
"""
ENVIRONMENT = {
    "CLIENT_ID": "client-of-the-environment",
    "TENANT": "environment.example",
    "CLOUD": "us_government",
    "CACHE": "plain",
}


@pytest.fixture
def store(home):
    """Return a function that writes profiles.toml."""

    def write(text=STORED):
        path = profiles_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def environment(home, monkeypatch):
    """Set every variable of the environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"PCNOTEBOOKS_{name}", value)


def test_profiles_stand_in_the_users_configuration_folder(home):
    """The file is in the platform's own place, and nothing is created by looking."""
    assert profiles_file() == home / ".config" / "pcnotebooks" / "profiles.toml"
    assert load_profiles() == {}
    assert list(home.iterdir()) == []


def test_defaults_are_the_global_cloud_any_organization_and_memory(home):
    """Only a client id has to be given."""
    settings = resolve(client_id="mine")
    assert settings.cloud is CLOUDS["global"]
    assert (settings.client_id, settings.tenant, settings.cache) == (
        "mine",
        "organizations",
        "memory",
    )
    assert (settings.partner, settings.profile) == (None, None)
    assert settings.authority == "https://login.microsoftonline.com/organizations"


def test_the_environment_comes_before_the_defaults(environment):
    """Each setting has a variable."""
    settings = resolve()
    assert settings.cloud is CLOUDS["us_government"]
    assert settings.client_id == "client-of-the-environment"
    assert settings.tenant == "environment.example"
    assert settings.cache == "plain"


def test_a_profile_comes_before_the_environment(environment, store):
    """What a named profile says is not changed by a variable left over from elsewhere."""
    store()
    settings = resolve(profile="contoso")
    assert settings.cloud is CLOUDS["china"]
    assert settings.client_id == "client-of-the-profile"
    assert settings.tenant == "contoso.example"
    assert settings.cache == "encrypted"
    assert (settings.partner, settings.profile) == ("Contoso", "contoso")


def test_an_argument_comes_before_a_profile(environment, store):
    """Each argument overrides, and leaves the others as the profile has them."""
    store()
    assert resolve("global", profile="contoso").cloud is CLOUDS["global"]
    assert resolve(profile="contoso", client_id="mine").client_id == "mine"
    assert resolve(profile="contoso", tenant="other.example").tenant == "other.example"
    assert resolve(profile="contoso", cache="memory").cache == "memory"
    assert resolve(profile="contoso", client_id="mine").tenant == "contoso.example"


def test_what_a_profile_leaves_out_comes_from_the_environment(environment, store):
    """A profile may be as short as a client id."""
    store()
    settings = resolve(profile="fabrikam")
    assert settings.client_id == "client-of-fabrikam"
    assert settings.tenant == "environment.example"
    assert settings.partner is None


def test_anothers_tenant_has_no_label_of_a_profile(store, monkeypatch):
    """An argument that leads to another tenant leaves the profile's partner behind."""
    store()
    assert resolve(profile="contoso", tenant="Contoso.Example").partner == "Contoso"
    assert resolve(profile="contoso", tenant="other.example").partner is None
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", "other.example")
    assert resolve(profile="contoso").partner == "Contoso"  # its own tenant comes first


TWINS = """
[contoso]
client_id = "mine"
partner = "Contoso"

[fabrikam]
client_id = "mine"
partner = "Fabrikam"
"""


@pytest.mark.parametrize("any_tenant", ["", 'tenant = "Organizations"\n'])
@pytest.mark.parametrize("tenant", ["", 'tenant = "fabrikam.example"'])
def test_profiles_that_nothing_tells_apart_are_refused(store, monkeypatch, tenant, any_tenant):
    """A sign-in of any organization would be given to the other profile, too."""
    path = store(TWINS.replace("[contoso]\n", f"[contoso]\n{any_tenant}") + tenant)
    for variable in ("", "environment.example"):
        monkeypatch.setenv("PCNOTEBOOKS_TENANT", variable)
        with pytest.raises(ConfigurationError, match="'contoso' and 'fabrikam'") as caught:
            resolve(profile="contoso")
        assert "tenant" in caught.value.remedy
        assert str(path) in caught.value.remedy
    if tenant:
        assert resolve(profile="fabrikam").partner == "Fabrikam"
    assert resolve(client_id="mine").partner is None
    assert resolve(profile="contoso", tenant="contoso.example").partner == "Contoso"
    with pytest.raises(ConfigurationError, match="'contoso' and 'fabrikam'"):
        resolve(profile="contoso", tenant="common")


@pytest.mark.parametrize(
    "text",
    [
        TWINS + 'cloud = "china"',
        TWINS + 'cloud = "mars"',
        TWINS.replace('"mine"\npartner = "Fabrikam"', '"another"\npartner = "Fabrikam"'),
    ],
    ids=["cloud", "unknown cloud", "app"],
)
def test_profiles_of_different_apps_or_clouds_need_no_tenant(store, text):
    """Their sign-ins are told apart by what they have."""
    store(text)
    assert resolve(profile="contoso").partner == "Contoso"


def test_the_environment_may_name_the_profile(store, monkeypatch):
    """PCNOTEBOOKS_PROFILE serves where no profile is given, and an argument comes before it."""
    store()
    monkeypatch.setenv("PCNOTEBOOKS_PROFILE", "contoso")
    assert resolve().partner == "Contoso"
    assert resolve(profile="fabrikam").client_id == "client-of-fabrikam"


def test_empty_variables_count_as_unset(home, monkeypatch):
    """A shell that exports an empty variable changes nothing."""
    for name in [*ENVIRONMENT, "PROFILE"]:
        monkeypatch.setenv(f"PCNOTEBOOKS_{name}", "")
    assert resolve(client_id="mine").tenant == "organizations"


def test_a_cloud_of_ones_own_is_an_argument_or_a_table(store):
    """A stand-in or a future cloud is named where the known ones are."""
    own = Cloud("own", "Own", "https://login.own.example", "https://api.own.example")
    assert resolve(own, client_id="mine").cloud is own
    store(
        """
        [own]
        client_id = "mine"
        cloud = {name="own", label="Own", authority="https://login.own.example", """
        """api="https://api.own.example"}
        """
    )
    assert resolve(profile="own").cloud == own


def test_without_a_client_id_the_steps_are_told(home):
    """The error says how to get a client id, and the three places to put it."""
    with pytest.raises(ConfigurationError, match="client id") as caught:
        resolve()
    for step in ("user_impersonation", "PCNOTEBOOKS_CLIENT_ID", "client_id", "profile", "docs/"):
        assert step in caught.value.remedy


def test_an_unknown_profile_names_the_known(store):
    """The remedy names the file and what stands in it."""
    path = store()
    with pytest.raises(ConfigurationError, match="'tailspin'") as caught:
        resolve(profile="tailspin")
    assert str(path) in caught.value.remedy
    assert "contoso, fabrikam" in caught.value.remedy


def test_a_profile_without_a_file_says_so(home):
    """Naming a profile before there is any names the file to write."""
    with pytest.raises(ConfigurationError, match="'contoso'") as caught:
        resolve(profile="contoso")
    assert str(profiles_file()) in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[contoso", "not TOML"),
        ('client_id = "mine"', "client_id"),
        ('[contoso]\nclient_secret = "s"', "client_secret"),
        ('[contoso]\nclient_id = "mine"\ntenant = 5', "tenant"),
        ("[contoso]\nclient_id = 5", "client_id"),
        ('[contoso]\nclient_id = "mine"\npartner = ["Contoso"]', "partner"),
        ('[contoso]\nclient_id = "mine"\ncloud = "mars"', "mars"),
        ('[contoso]\nclient_id = "mine"\ncloud = 5', "cloud"),
        ('[contoso]\nclient_id = "mine"\ncloud = {name="own"}', "name"),
        ('[contoso]\nclient_id = "mine"\ncloud = {name="own", authority=5, api=5}', "authority"),
        ('[contoso]\nclient_id = "mine"\ncache = "disk"', "disk"),
        ('[contoso]\nclient_id = "mine"\ncache = []', "cache"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", value).strip()[-30:],
)
def test_a_profile_that_cannot_be_is_refused(store, text, what):
    """Every mistake in the file is a ConfigurationError that names it."""
    store(text)
    with pytest.raises(ConfigurationError, match=re.escape(what)) as caught:
        resolve(profile="contoso")
    assert caught.value.remedy


def test_a_profile_file_that_is_no_text_is_refused(store):
    """Bytes of another encoding are told, with the file."""
    path = store()
    path.write_bytes(b'[contoso]\npartner = "\xff\xfe"')
    with pytest.raises(ConfigurationError, match=re.escape(str(path))):
        load_profiles()


def test_a_profile_file_that_cannot_be_read_is_refused(home):
    """A folder in its place is told, with its path."""
    profiles_file().mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=re.escape(str(profiles_file()))):
        load_profiles()


def test_a_profile_file_with_a_byte_order_mark_is_read(store):
    """Windows editors put the mark first."""
    store("\N{ZERO WIDTH NO-BREAK SPACE}" + STORED.lstrip())
    assert set(load_profiles()) == {"contoso", "fabrikam"}


@pytest.mark.parametrize(
    "tenant", ["", "a/b", "../x", "contoso.example?x=1", "https://x", "a b", "a\nb", "..", "a\\b"]
)
def test_a_tenant_cannot_lead_elsewhere(home, tenant):
    """A tenant is an id or a domain: nothing that changes the address it becomes part of."""
    if not tenant:
        assert resolve(client_id="mine", tenant=tenant).tenant == "organizations"
        return
    with pytest.raises(ConfigurationError, match="tenant"):
        resolve(client_id="mine", tenant=tenant)


@pytest.mark.parametrize(
    ("tenant", "sent"),
    [
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("xn--fiqs8s", "xn--fiqs8s"),
        ("a--b.onmicrosoft.com", "a--b.onmicrosoft.com"),
        ("contoso.xn--p1ai", "contoso.xn--p1ai"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555555"),
        ('"contoso.example"\n', "contoso.example"),
        ("{11111111-2222-4333-8444-555555555555}", "11111111-2222-4333-8444-555555555555"),
    ],
)
def test_every_domain_may_be_a_tenant(home, tenant, sent):
    """One in punycode has two hyphens; another alphabet's letters are encoded."""
    assert resolve(client_id="mine", tenant=tenant).tenant == sent


@pytest.mark.parametrize(
    "tenant",
    ["-a.example", "a-.example", "a..b", ".a", "a.", f"{'a' * 64}.example", "a_b", "a%2fb"],
)
def test_what_is_not_a_domain_is_no_tenant(home, tenant):
    """Nothing is sent."""
    with pytest.raises(ConfigurationError, match="tenant"):
        resolve(client_id="mine", tenant=tenant)


def test_profiles_that_only_quotes_tell_apart_are_refused(store):
    """Their sign-ins are one."""
    store(
        '[contoso]\nclient_id = "mine"\n'
        '[fabrikam]\nclient_id = "\\"mine\\""\ntenant = "t.example"\n'
    )
    with pytest.raises(ConfigurationError, match="cannot be distinguished"):
        resolve(profile="contoso")


@pytest.mark.parametrize("blank", [" ", '""', "\n"])
def test_a_variable_of_blanks_and_quotes_counts_as_unset(home, monkeypatch, blank):
    """The default takes its place."""
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", "mine")
    for name in ("TENANT", "CLOUD", "CACHE"):
        monkeypatch.setenv(f"PCNOTEBOOKS_{name}", blank)
    settings = resolve()
    assert (settings.tenant, settings.cloud.name, settings.cache) == (
        "organizations", "global", "memory",
    )  # fmt: skip


GUID = "11111111-2222-4333-8444-555555555555"
PASTED = [f'"{GUID}"', f" {GUID}\n", f"{{{GUID}}}", f"\u201c{GUID}\u201d", f"'{GUID}'", f"<{GUID}>",
          f"\u2066{GUID}\u2069", f"\u200e{GUID}", f"\u201e{GUID}\u201c", f"({GUID})", f"[{GUID}]",
          f"\ufeff{GUID}\u200b", f"{GUID}\r\n"]  # fmt: skip


@pytest.mark.parametrize("pasted", PASTED, ids=ascii)
def test_what_copying_brings_along_is_left_out(home, store, monkeypatch, pasted):
    """Of each setting, wherever it comes from."""

    def wrapped(text: str) -> str:
        return pasted.replace(GUID, text)

    given = resolve(wrapped("china"), client_id=pasted, tenant=pasted, cache=wrapped("plain"))
    assert (given.cloud.name, given.client_id, given.tenant, given.cache) == (
        "china", GUID, GUID, "plain",
    )  # fmt: skip
    for name, value in (("CLIENT_ID", GUID), ("TENANT", GUID), ("CLOUD", "china")):
        monkeypatch.setenv(f"PCNOTEBOOKS_{name}", wrapped(value))
    from_environment = resolve()
    assert (from_environment.client_id, from_environment.tenant) == (GUID, GUID)
    assert from_environment.cloud.name == "china"
    store(f"[contoso]\nclient_id = {json.dumps(pasted)}\ntenant = {json.dumps(pasted)}\n")
    monkeypatch.setenv("PCNOTEBOOKS_PROFILE", wrapped("contoso"))
    profile = resolve()
    assert (profile.profile, profile.client_id, profile.tenant) == ("contoso", GUID, GUID)


@pytest.mark.parametrize(
    "client_id", ["my app", "a\nb", 'a"b', "a{b}c", "a?b", "ключ", f"{GUID},{GUID}", "a\x00b"]
)
def test_a_client_id_that_is_none_is_refused(home, client_id):
    """In words, before anything is sent."""
    with pytest.raises(ConfigurationError, match="is not a client id") as caught:
        resolve(client_id=client_id)
    assert "application (client) id" in caught.value.remedy


def test_a_secret_in_the_place_of_a_client_id_is_not_repeated(home):
    """Arguments get swapped."""
    secret = "abc8Q~ 0123456789abcdefghijklmnopqrstuv"
    with pytest.raises(ConfigurationError) as caught:
        resolve(client_id=secret)
    assert "0123456789abcdefghijklmnopqrstuv" not in str(caught.value)


def test_a_profile_whose_name_has_blanks_is_found(store):
    """The name as it is comes first."""
    store('[" contoso "]\nclient_id = "mine"\n')
    assert resolve(profile=" contoso ").client_id == "mine"


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5000 + "]" * 5000, "[a]\nclient_id = " + "9" * 5000]
)
def test_a_profile_file_beyond_measure_is_refused(store, text):
    """Deep nests and endless numbers are no TOML that anybody writes."""
    store(text)
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load_profiles()


def test_an_unknown_cache_names_the_known(home):
    """A cache is memory, encrypted or plain."""
    with pytest.raises(ConfigurationError, match="'disk'") as caught:
        resolve(client_id="mine", cache="disk")
    assert "memory, encrypted, plain" in caught.value.remedy


@pytest.mark.parametrize(
    "given", [{"client_id": 5}, {"tenant": 5}, {"cloud": 5}, {"cache": 5}], ids=str
)
def test_a_setting_that_is_no_text_is_refused(home, given):
    """A number in a text's place is told."""
    with pytest.raises(ConfigurationError, match="int") as caught:
        resolve(**{"client_id": "mine", **given})
    assert caught.value.remedy


def test_a_blank_client_id_is_none(home):
    """What a form left blank is not sent."""
    with pytest.raises(ConfigurationError, match="client id"):
        resolve(client_id=" ")


def test_settings_do_not_change(home):
    """What was resolved is frozen."""
    settings = resolve(client_id="mine")
    with pytest.raises(FrozenInstanceError):
        settings.tenant = "other"
