"""Fetching: payloads as files, and snapshots that are kept without a person."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import Cloud, Location, Profiles
from pcnotebooks.cli.printing import is_stdout, say_error, show, show_whole
from pcnotebooks.cli.sources import signed_in
from pcnotebooks.errors import PcNotebooksError

_Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        metavar="NAME",
        help="invoice_summaries or invoices; repeatable, both unless given.",
    ),
]
_Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER",
        help="A file for one answer, NAME.json, or a folder; - prints one answer.",
    ),
]


def fetch(
    *,
    profile: Profiles = None,
    cloud: Cloud = None,
    resource: _Resources = None,
    output: _Target = None,
) -> None:
    """Fetch balances and invoices, and save each answer as a file that --payload reads.

    The files are in the current folder, or in that of -o. They are named on a line each. If an
    answer fails, the others are saved and the exit code is 2. Without --resource, a profile of an
    app without a user fetches the invoices alone, and a note says why.
    """
    from pcnotebooks.history.files import file_of
    from pcnotebooks.payload.decode import RESOURCES
    from pcnotebooks.service.fetch_many import fetch_profiles
    from pcnotebooks.service.refusals import NeedsUserError

    resources = list(dict.fromkeys(resource or RESOURCES))
    if unknown := [name for name in resources if name not in RESOURCES]:
        raise typer.BadParameter(
            f"There is no resource {unknown[0]!r}. They are {' and '.join(RESOURCES)}."
        )
    names: list[str | None] = [*dict.fromkeys(profile or ())] or [None]
    one = output is not None and (is_stdout(output) or output.suffix.lower() == ".json")
    if one and len(names) * len(resources) > 1:
        raise typer.BadParameter(
            f"-o {output} is for one answer: give one --profile and one --resource, or a folder."
        )
    answers = fetch_profiles(names, lambda name: signed_in(cloud, name), resources=resources)
    failed = False
    for name, each in answers.items():
        # Each once: a sign-in that failed is the error of every resource.
        for answer in {id(answer): answer for answer in each}.values():
            if isinstance(answer, NeedsUserError) and resource is None:
                show(f"Note: {answer.message}", err=True)
            elif isinstance(answer, PcNotebooksError):
                failed = True
                say_error(answer, about=name)
            elif is_stdout(output):
                _print(answer)
            else:
                path = Path(output or ".")
                path = path if one else path / f"{file_of(answer).name}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                show(answer.save(path))
    raise typer.Exit(2 * failed)


def _print(payload: pc.Payload) -> None:
    with TemporaryDirectory() as folder:
        show_whole(payload.save(Path(folder) / "payload.json").read_text(encoding="utf-8"))


def snapshot(
    *,
    profile: Profiles = None,
    cloud: Cloud = None,
    history: Location = None,
    no_compact: Annotated[
        bool, typer.Option("--no-compact", help="Leave the small files of earlier months apart.")
    ] = False,
) -> None:
    """Fetch the balances and invoices of today, and keep them in the history.

    Meant for cron, Task Scheduler and pipelines: it never asks for a sign-in, and prints a line
    for each partner. If an answer fails, the others are kept and the exit code is 2. A profile of
    an app without a user keeps the invoices alone, and a note says why. The history is that of
    --history, of PCNOTEBOOKS_HISTORY or in the user's data folder. Once a month, the first
    snapshot of a partner merges the small files of its earlier months.
    """
    from pcnotebooks.service.fetch_many import fetch_profiles
    from pcnotebooks.service.refusals import NeedsUserError
    from pcnotebooks.session.sign_in import unasked

    kept = pc.History(history)
    said = []
    notes = dict[str, None]()
    failed: dict[tuple[str | None, str], PcNotebooksError | OSError] = {}
    # Everything is kept before anything is printed: a full disk under a log fails the printing.
    answers = fetch_profiles(profile or [None], lambda name: unasked(cloud, name), progress=False)
    for name, both in answers.items():
        done: list[pc.Payload] = []
        for answer in both:
            try:
                if isinstance(answer, PcNotebooksError):
                    raise answer
                kept.append(answer, compact=not no_compact)
                done.append(answer)
            except NeedsUserError as error:
                notes[error.message] = None  # an app's profile is as it was set up: no failure
            except (PcNotebooksError, OSError) as error:
                failed.setdefault((name, str(error)), error)  # both may fail for one reason
        for first in done[:1]:
            only = "" if len(done) == 2 else f"{first.resource.replace('_', ' ')} only, "
            at = f"{first.retrieved_at:%Y-%m-%d %H:%M} UTC"
            said.append(f"{first.partner}  {first.cloud}  {at}  {only}kept")
    for (name, _), failure in failed.items():
        say_error(failure, about=name)
    for note in notes:
        show(f"Note: {note}", err=True)
    for line in said:
        show(line)
    raise typer.Exit(2 * bool(failed))
