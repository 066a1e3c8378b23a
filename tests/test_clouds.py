"""Each cloud has its own addresses, and none that would send a token in the clear."""

import copy
import pickle

import pytest

from pcnotebooks.clouds import CLOUDS, SAMPLE, Cloud, cloud_label, get_cloud, is_loopback
from pcnotebooks.errors import ConfigurationError

LOGIN, API = "https://login.example", "https://api.example"


@pytest.mark.parametrize(
    ("name", "label", "authority", "api"),
    [
        (
            "global",
            "Partner Center",
            "https://login.microsoftonline.com",
            "https://api.partnercenter.microsoft.com",
        ),
        (
            "us_government",
            "Microsoft Cloud for US Government",
            "https://login.microsoftonline.us",
            "https://api.partnercenter.microsoft.com",
        ),
        (
            "china",
            "Partner Center operated by 21Vianet",
            "https://login.chinacloudapi.cn",
            "https://partner.partnercenterapi.microsoftonline.cn",
        ),
    ],
)
def test_the_three_clouds(name, label, authority, api):
    """Name, label and addresses as Microsoft documents them."""
    assert get_cloud(name) == Cloud(name, label, authority, api)
    assert get_cloud(name).scope == f"{api}/user_impersonation"
    assert cloud_label(name) == label


def test_there_are_three_and_they_cannot_be_changed():
    """The mapping is read-only, and so is a cloud."""
    assert list(CLOUDS) == ["global", "us_government", "china"]
    with pytest.raises(TypeError):
        CLOUDS["germany"] = CLOUDS["global"]
    with pytest.raises(AttributeError):
        CLOUDS["global"].api = "https://elsewhere.example"


@pytest.mark.parametrize("name", ["germany", "Global", "", "sample", "us-government"])
def test_an_unknown_cloud_is_refused(name):
    """The known ones are named, and why Germany is not among them."""
    with pytest.raises(ConfigurationError, match=f"no cloud {name!r}") as caught:
        get_cloud(name)
    for word in ("'global'", "'us_government'", "'china'", "Germany", "2021"):
        assert word in caught.value.remedy


def test_a_token_passed_as_a_cloud_is_not_repeated():
    """Arguments get swapped; what is too long for a name stays out of the message."""
    token = "eyJ0eXAi" + "x" * 40
    with pytest.raises(ConfigurationError, match="no cloud of that name") as caught:
        get_cloud(token)
    assert "eyJ0" not in str(caught.value) + caught.value.remedy


def test_a_cloud_of_ones_own_serves_wherever_a_name_does():
    """It is returned as it is."""
    own = Cloud("own", "Stand-in", LOGIN, API)
    assert get_cloud(own) is own
    assert cloud_label("own") == "own"


def test_sample_data_has_a_label_and_no_address():
    """Nobody can sign in to the sample, and it is no cloud to choose."""
    assert cloud_label("sample") == "Sample data"
    assert (SAMPLE.authority, SAMPLE.api) == ("", "")
    assert "sample" not in CLOUDS


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://10.0.0.1",
        "ftp://api.example",
        "api.example",
        "//api.example",
        "https:///v1",
        "",
        "https://user@api.example",
        "https://user:password@api.example",
        "https://:password@api.example",
        "https://api.example?tenant=1",
        "https://api.example#top",
        "https://api.example@evil.example",
        "https://[",
        "https://[::1",
        "https://api.example:x",
        "https://api.example:99999",
        "https://api.example:0",
        "https://api.\nexample",
        "https://api.example\\.evil.example",
        "https://api example",
    ],
)
@pytest.mark.parametrize("field", ["authority", "api"])
def test_an_address_that_would_not_be_safe_is_refused(field, address):
    """No plain http beyond loopback, no password, no query."""
    with pytest.raises(ConfigurationError, match=f"{field} .* is not an https address") as caught:
        Cloud("own", "", **{"authority": LOGIN, "api": API, field: address})
    assert repr(address) in str(caught.value)


@pytest.mark.parametrize(
    "api", ["http://localhost:8443", "http://127.0.0.1:80", "http://[::1]:1234", "http://127.8.9.1"]
)
def test_plain_http_serves_on_loopback_for_the_api_alone(api):
    """A stand-in on this machine needs no certificate; a sign-in always does."""
    assert Cloud("own", "", LOGIN, api).scope == f"{api}/user_impersonation"
    with pytest.raises(ConfigurationError, match="authority"):
        Cloud("own", "", api, API)


def test_a_name_takes_no_address_out_of_the_check():
    """A cloud called sample has no address, or a safe one."""
    with pytest.raises(ConfigurationError, match="is not an https address"):
        Cloud("sample", "", "http://login.example", "http://api.example")


@pytest.mark.parametrize("name", ["", " ", "a\nb", '""'])
def test_a_name_in_one_line_is_asked_for(name):
    """It is a column's value, and part of a folder's name."""
    with pytest.raises(ConfigurationError, match="cannot be the name of a cloud"):
        Cloud(name, "", LOGIN, API)


@pytest.mark.parametrize("field", ["name", "label", "authority", "api"])
def test_a_field_that_is_not_a_text_is_refused(field):
    """A number or nothing is named by its type."""
    with pytest.raises(ConfigurationError, match=f"{field} of a cloud is of type"):
        Cloud(**{"name": "own", "label": "", "authority": LOGIN, "api": API, field: None})


@pytest.mark.parametrize("name", [" china\n", '"china"', "\u201cchina\u201d", "<china>"])
def test_what_copying_brings_along_is_left_out(name):
    """Of a cloud's name, and of a custom cloud's name and addresses."""
    assert get_cloud(name) is CLOUDS["china"]
    own = Cloud('"own"', '"Own" Ltd', f"<{LOGIN}>", f" {API}\n")
    assert (own.name, own.label, own.authority, own.api) == ("own", '"Own" Ltd', LOGIN, API)


def test_a_slash_at_the_end_is_left_out():
    """The scope would have two."""
    cloud = Cloud("own", "", LOGIN + "/", API + "//")
    assert (cloud.authority, cloud.api) == (LOGIN, API)


def test_a_cloud_is_plain_data():
    """Equal by value, in a set, copied and pickled."""
    own = Cloud("own", "", LOGIN, API)
    assert {own, copy.copy(own), pickle.loads(pickle.dumps(own))} == {own}  # noqa: S301  # our own


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), (None, False),
     ("", False), ("10.0.0.1", False), ("localhost.example", False), ("0.0.0.0", False)],  # noqa: S104  # not bound
)  # fmt: skip
def test_loopback(host, here):
    """Loopback is this machine alone, by name or address."""
    assert is_loopback(host) is here
