"""A browser without a window: opens a page, presses one of its buttons, follows what comes."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class _Form(HTMLParser):
    """The page's form: where it leads, its fields and its buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        if tag == "input":
            self.fields[given["name"]] = given.get("value", "")
        if tag == "button":
            self.buttons.append(given["name"])


def visit(address: str, press: str, **typed: str) -> None:
    """Open a page, type into its fields, press a button, and continue until no form is left.

    Raises
    ------
    AssertionError
        For a page without that button, or an answer that is not 200.
    """
    with requests.Session() as session:
        answer = session.get(address, timeout=10)
        while (form := _Form(answer.text)).action is not None:
            button = "continue" if "continue" in form.buttons else press
            assert button in form.buttons, answer.text
            answer = session.post(
                urljoin(answer.url, form.action),
                data={**form.fields, **typed, button: "1"},
                timeout=10,
            )
            assert answer.status_code == 200, answer.text


if __name__ == "__main__":
    visit(sys.argv[2], press=sys.argv[1])
