"""Define the addresses of the documentation and the repository for messages and metadata."""

from __future__ import annotations

# The owner sets both before the first release; `make release-check` fails until then. Each ends
# without a slash, as in https://example.org/pcnotebooks.
SITE = ""
REPOSITORY = ""


def page(name: str, *, site: str | None = None) -> str:
    """Return the address of a page of the documentation, or its file if no address is set.

    Examples
    --------
    >>> page("guides/registration", site="https://example.org")
    'https://example.org/guides/registration.html'
    >>> page("guides/registration", site="")
    'docs/guides/registration.md'
    """
    address = SITE if site is None else site
    return f"{address}/{name}.html" if address else f"docs/{name}.md"
