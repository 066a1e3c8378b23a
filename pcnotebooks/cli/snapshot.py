"""Fetch payloads as files, or keep them in the history in unattended runs."""

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
        help="invoice_summaries or invoices; repeatable; default: both.",
    ),
]
_Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER",
        help="A folder, or a file NAME.json for a single answer; - prints a single answer.",
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

    The files are saved in the current folder or in the folder of -o, and their paths are printed.
    If an answer fails, the others are saved and the exit code is 2. Without --resource, the profile
    of an app without a user fetches only invoices, and a note says why.
    """
    from pcnotebooks.history.files import file_of
    from pcnotebooks.payload.decode import RESOURCES
    from pcnotebooks.service.fetch_many import fetch_profiles
    from pcnotebooks.service.refusals import NeedsUserError

    resources = list(dict.fromkeys(resource or RESOURCES))
    if unknown := [name for name in resources if name not in RESOURCES]:
        raise typer.BadParameter(
            f"There is no resource {unknown[0]!r}. Choose {' or '.join(RESOURCES)}."
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
        # Report each error once: a failed sign-in is the error of every resource.
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
        bool, typer.Option("--no-compact", help="Do not merge the small files of earlier months.")
    ] = False,
) -> None:
    """Fetch today's balances and invoices, and keep them in the history.

    Meant for cron, Task Scheduler and pipelines: it never asks for a sign-in, and prints a line
    for each partner. If an answer fails, the others are kept and the exit code is 2. For the
    profile of an app without a user, only invoices are kept, and a note says why. The history is
    set by --history or PCNOTEBOOKS_HISTORY; by default it is in the user's data folder. Once a
    month, the first snapshot of a partner merges the small files of its earlier months.
    """
    from pcnotebooks.service.fetch_many import fetch_profiles
    from pcnotebooks.service.refusals import NeedsUserError
    from pcnotebooks.session.sign_in import unasked

    kept = pc.History(history)
    said = []
    notes = dict[str, None]()
    failed: dict[tuple[str | None, str], PcNotebooksError | OSError] = {}
    # Keep everything before printing anything: printing fails if the disk of a log file is full.
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
                notes[error.message] = None  # expected of an app without a user
            except (PcNotebooksError, OSError) as error:
                failed.setdefault((name, str(error)), error)  # both may fail for the same reason
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
