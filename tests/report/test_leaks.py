"""Secrets found in what a reader would see, by form and by name, and nothing else."""

from __future__ import annotations

import nbformat
import pytest

from pcnotebooks import ReportError
from pcnotebooks.report.leaks import refuse_secrets, secret_in
from pcnotebooks.report.notebook import bundled_notebooks

new = nbformat.v4
JWT = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InRlc3RzIn0.eyJpc3MiOiJodHRwczovL2xvZ2luIn0"
    ".c2lnbmF0dXJlc2lnbmF0dXJl"
)
OPAQUE = "EwB4A8l6BAAU" + "wfd9jpYbB2" * 9
REFRESH = "1.AXoA" + "0aB9xYz-" * 20
CLIENT_SECRET = "abc8Q~" + "aB3dE_.x" * 4 + "Zz"

SHOWN = {
    "after =": f"token={JWT}",
    "in a query": f"https://example.com/callback?t={JWT}",
    "in a variable": f"PC_TOKEN={JWT}",
    "after a letter": f"\x1b[32m{JWT}\x1b[0m",
    "after a decoy": f"eyJeyJ{JWT}",
    "coloured in the middle": f"{JWT[:30]}\x1b[1m{JWT[30:]}\x1b[0m",
    "written over": f"###\r{JWT}",
    "wrapped": f"{JWT[:60]}\n  {JWT[60:]}",
    "in Markdown": f"**{JWT[:40]}**{JWT[40:]}",
    "with unseen letters": "\u200b".join(JWT),
    "by a comment": f"{JWT[:50]}<!-- a > b -->{JWT[50:]}",
    "by tags": f"<b>{JWT[:50]}</b><i class='>'>{JWT[50:]}</i>",
    "by a line": f"<p>{JWT[:50]}<br>{JWT[50:]}</p>",
    "in an attribute": f"<p title='{JWT}'>x</p>",
    "in an attribute's entities": f"<p data-x='&#101;{JWT[1:]}'>x</p>",
    "in entities": f"<p>&#x65;{JWT[1:]}</p>",
    "accessToken": str({"accessToken": OPAQUE}),
    "refreshToken": str({"refreshToken": REFRESH}),
    "id_token": f'{{"id_token": "{OPAQUE[:40]}"}}',
    "client_secret": f"client_secret={CLIENT_SECRET}",
    "clientSecret": f"clientSecret: '{'0123456789abcdef' * 2}'",
    "device_code": "device_code = CAQABAAEAAAD--DLA3VO7QrddgJg7Wevr",
    "AccessToken": f"AccessToken(token='{OPAQUE}', expires_on=1709618400)",
    "token=": f"AccessTokenInfo(token='{OPAQUE[:40]}')",
    "in an item": f"answer['access_token'] = '{OPAQUE}'",
    "in a pair": f"('access_token', '{OPAQUE}')",
    "in a series": f"refresh_token    {REFRESH}\nexpires_in     3600",
    "in a table": f"<table><tr><th>access_token</th><td>{OPAQUE}</td></tr></table>",
    "in code": f"<dt>Access token</dt><dd><code>{OPAQUE}</code></dd>",
    "in styled JSON": f"<b>accessToken</b>: <i>'{OPAQUE[:20]}</i><i>{OPAQUE[20:]}'</i>",
    "of an account": "DefaultEndpointsProtocol=https;AccountKey=" + "aB3+/" * 17 + "==",
    "opaque alone": REFRESH,
    "opaque of a Microsoft account": "M.C512_BAY.0.U." + "aB3!*dEf" * 20,
    "client secret alone": CLIENT_SECRET,
    "shared access": "https://x.blob.example.com/c?sv=2022-11-02&sp=r&sig=aB3dE%2Fxx01234567"
    "89abcdefghijklmnopqrst%3D",
    "shared access in a link": "<a href='?sv=1&amp;sig=aB3dE%2Fxx0123456789abcdefghijklmnopqr%3D'>",
}  # fmt: skip


@pytest.mark.parametrize("text", SHOWN.values(), ids=SHOWN)
def test_a_secret_is_seen_as_its_reader_sees_it(text: str):
    """However it is styled, split, named or written."""
    assert secret_in(text)


def test_a_secret_in_two_writes_is_seen():
    """A stream arrives in pieces; so does one that a widget holds."""
    writes = [new.new_output("stream", name="stdout", text=text) for text in (JWT[:50], JWT[50:])]
    with pytest.raises(ReportError, match=r"Cell 1 .* shows an access token"):
        refuse_secrets(new.new_notebook(cells=[new.new_code_cell("x", outputs=writes)]))
    widgets = {"state": {"a": {"state": {"outputs": writes}}}}
    with pytest.raises(ReportError, match="saved widget"):
        refuse_secrets(new.new_notebook(metadata={"widgets": widgets}))


def test_a_secret_that_is_passed_is_seen_whatever_its_form():
    """As the one who renders knows what its caches hold."""
    book = new.new_notebook(cells=[new.new_markdown_cell("a <b>plain</b> se~cret, quite")])
    refuse_secrets(book, ["another", ""])
    with pytest.raises(ReportError, match="Cell 1 shows a secret of this sign-in") as caught:
        refuse_secrets(book, ["another", "plain se~cret"])
    assert "plain" not in str(caught.value)


INNOCENT = """\
sha256 a24cc7b5fd24655ca8f31bfb43a75654429a56f3d247ceed70c55c53895e5da0
commit 4605b4c0aa1122334455667788990011aabbccdd by A. Developer
request id 7b62f6e5-5d83-4a65-9ff1-6f04b5d0ff67, correlation id 1c2d3e4f-0011-2233-4455-66778899aabb
access_token: never shown, refresh token: kept in the keyring, client secret: there is none
access_token = get_access_token_from_keyring_v2(session)
token = credential.get_token("https://api.partnercenter.microsoft.com/.default")
token = os.environ["PCNOTEBOOKS_TOKEN_2024"]
def fetch(token: str, password: str = "", secret: bytes = b"") -> Payload:
client_secret = dbutils.secrets.get(scope="billing", key="partner-center-app")
tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased-v2"); pad_token_id=50256
{'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '[UNK]', 'max_tokens': 4096}
nextPageToken: CAoQAA1bC2dE3fG4hI5jK6lM7nO8pQ
continuation_token = 'aGVsbG8gd29ybGQx/aGVsbG8gd29ybGQxABC=='
tokens per second: 1234567.8901234567890123456789
secret santa costs GBP 20; the secret of good charts: fewer colours
password = getpass.getpass("Password for the workbook: ")
the token endpoint https://login.microsoftonline.com/common/oauth2/v2.0/token answered 200
AADSTS7000218 says GBP 751,094.39; AADSTS50076: multi-factor authentication
signature=RSA-PSS-SHA256; sigma=0.123456789012345678901234567890
keyJson_values.attribute_of_columns.another_long_name
eyJust.a_word_that_looks.like_one_but_is_not
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA
<link href="style.css" integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1w">
Bearer tokens are asked for at https://login.microsoftonline.com/common/oauth2/v2.0/token
Authorization: Bearer [...]
https://example.com/report?sig=none&page=2
device_code: see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
InvoiceId G000123456, D0A1B2C3D4, order 01.AB-1234; version 1.A2
<table><tr><th>token</th><th>count</th></tr><tr><td>AccessTokenIssued2024</td><td>12</td></tr></table>
/home/user/.local/share/pcnotebooks/tokens.json holds tokens; delete it to sign out
<div id="T_a1b2c_row0_col0" class="data row0 col0">1,230.33</div>
password_hash_iterations_2024 = PBKDF2WithHmacSHA256andManyMoreWords
"""


def test_innocent_texts_are_not_refused():
    """None of them alone, nor all at once; the measure of false alarms is zero here."""
    assert [line for line in INNOCENT.splitlines() if secret_in(line)] == []
    assert secret_in(INNOCENT) is None


def test_bundled_notebooks_are_innocent_with_their_code():
    """What they say of tokens and sign-ins is no secret."""
    for path in bundled_notebooks():
        book = nbformat.read(path, as_version=4)
        book.metadata["pcnotebooks"] = {"code": True}
        refuse_secrets(book)
