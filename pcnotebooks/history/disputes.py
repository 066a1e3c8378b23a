"""Two answers of one moment: found, refused and named in one place.

A partner's account is asked once at a time. Two different answers under one label, cloud and time
are two accounts, or one debt stated twice; nothing decides which, so they are never added. append
refuses the second one. Two writers who kept them at once could not see each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pyarrow as pa

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.rows import two_answers
from pcnotebooks.history import tables
from pcnotebooks.history.datasets import ALL, DamagedError, Datasets
from pcnotebooks.history.files import File, Moment, Wanted

COMPACT_COMMAND = "pcnotebooks history compact"


@dataclass(frozen=True)
class Dispute:
    """Different answers of one moment, and the whole files that hold them."""

    moment: Moment
    files: tuple[File, ...]

    def error(self, location: str) -> ConfigurationError:
        """Return the error of a frame that would add the answers."""
        return two_answers(*self.moment, remedy=self.remedy(location))

    def remedy(self, location: str) -> str:
        """Return what to do about it."""
        places = [file.path for file in self.files]
        if not places:  # their files are damaged; what is derived of them is not
            return "Run: pcnotebooks history verify"
        if len(places) == 1:  # merged by an older release, or by a copy
            return (
                f"Write the payloads to files (pcnotebooks history export), move {places[0]} out"
                f" of {location}, and append the right ones again."
            )
        names = " or ".join(places)
        return f"Move the wrong one out of {location}: {names}. Then run: {COMPACT_COMMAND}"


def answers_of(datasets: Datasets, moment: Moment, files: Sequence[File]) -> dict[str, File]:
    """Return the sha256 of each answer of a moment, with the whole file that holds it."""
    wanted = replace(ALL, moments=(moment,))
    answers: dict[str, File] = {}
    for file in files:
        if file.may_hold(moment[2]):
            with suppress(FileNotFoundError, DamagedError):
                hashes = datasets.table([file], wanted, tables.KEYS)["sha256"]
                answers |= dict.fromkeys(hashes.to_pylist(), file)
    return answers


def disputes(
    datasets: Datasets, table: pa.Table, files: Sequence[File], wanted: Wanted = ALL
) -> list[Dispute]:
    """Return the disputes about some payloads.

    Parameters
    ----------
    datasets
        The history.
    table
        Rows of the payloads, or of what is derived from them.
    files
        The files of the payloads; both are of one resource.
    wanted
        What the rows were chosen by.
    """
    moments = tables.disputed(table)
    if not moments:
        # A payload that states nothing has no derived row; their names show that there are two.
        count = Counter(file.moment for file in files if not file.is_compacted)
        alike = [file for file in files if count[file.moment] > 1]
        if alike:
            with suppress(DamagedError):
                keys = datasets.table(alike, replace(wanted, currencies=None), tables.KEYS)
                moments = tables.disputed(keys)
    return [
        Dispute(moment, tuple(sorted(set(answers_of(datasets, moment, files).values()))))
        for moment in moments
    ]
