"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Cloud = Annotated[str | None, typer.Option(metavar="NAME", help="global, us_government or china.")]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="A profile of profiles.toml.")]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME", help="A profile of profiles.toml; repeatable."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="The file to write."),
]
Location = Annotated[
    str | None, typer.Option("--history", metavar="LOCATION", help="A folder or URL.")
]
Partners = Annotated[list[str] | None, typer.Option("--partner", metavar="NAME")]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="First day (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Last day (UTC).")]
Files = list[Path] | None
SAVED: dict[str, Any] = {"metavar": "FILE", "exists": True, "dir_okay": False}
