"""Fetching without a person, and keeping what came."""

from __future__ import annotations

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import Cloud, Location, Profiles
from pcnotebooks.cli.printing import say_error, show
from pcnotebooks.errors import PcNotebooksError


def snapshot(*, profile: Profiles = None, cloud: Cloud = None, history: Location = None) -> None:
    """Fetch the balances and invoices of today, and keep them in the history.

    Meant for cron, Task Scheduler and pipelines: it never asks for a sign-in, and prints a line
    for each partner. If an answer fails, the others are kept and the exit code is 1. A profile of
    an app without a user keeps the invoices alone, and a note says why. The history
    is that of --history, of PCNOTEBOOKS_HISTORY or in the user's data folder.
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
                kept.append(answer)
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
        say_error(failure, profile=name)
    for note in notes:
        show(f"Note: {note}", err=True)
    for line in said:
        show(line)
    raise typer.Exit(bool(failed))
