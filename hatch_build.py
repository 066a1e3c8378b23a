"""Complete the metadata with what depends on the addresses in pcnotebooks/links.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Addresses(MetadataHookInterface):
    """Add the project's URLs, and make the README's links absolute, once the owner set them."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme and the URLs."""
        root = Path(self.root)
        links = _constants((root / "pcnotebooks" / "links.py").read_text(encoding="utf-8"))
        readme = (root / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(readme, links["REPOSITORY"]),
        }
        metadata["urls"] = urls(links["SITE"], links["REPOSITORY"])


def _constants(source: str) -> dict[str, Any]:
    """Return the constants of a module: while it is built, it cannot be imported."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def urls(site: str, repository: str) -> dict[str, str]:
    """Return the project URLs; none without an address."""
    found = {}
    if site:
        found["Documentation"] = site
    if repository:
        found |= {
            "Source": repository,
            "Issues": f"{repository}/issues",
            "Changelog": f"{repository}/blob/main/CHANGELOG.md",
        }
    return found


def absolute(readme: str, repository: str) -> str:
    """Return the README with absolute links: a package index shows no file of the repository."""
    if not repository:
        return readme
    pictures = re.sub(
        r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)", rf"![\1]({repository}/raw/main/\2)", readme
    )
    return re.sub(
        r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)", rf"[\1]({repository}/blob/main/\2)", pictures
    )
