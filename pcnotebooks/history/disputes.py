"""Find and name disputes: two different answers of one moment.

Two different answers with the same partner label, cloud and time belong to two accounts, or state
one debt twice. Nothing shows which, so they are never added. append refuses the second answer;
only two processes that append at the same moment can keep both.
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
    """Different answers of one moment, and the intact files that hold them."""

    moment: Moment
    files: tuple[File, ...]

    def error(self, location: str) -> ConfigurationError:
        """Return the error to raise instead of a frame that adds the answers."""
        return two_answers(*self.moment, remedy=self.remedy(location))

    def remedy(self, location: str) -> str:
        """Return the instructions to settle the dispute."""
        places = [file.path for file in self.files]
        if not places:  # the files of the payloads are damaged, the derived tables are not
            return "Run: pcnotebooks history verify"
        if len(places) == 1:  # an older release merged them, or the file is a copy
            return (
                f"Write the payloads to files (pcnotebooks history export), move {places[0]} out"
                f" of {location}, and append the right ones again."
            )
        names = " or ".join(places)
        return f"Move the wrong file out of {location}: {names}. Then run: {COMPACT_COMMAND}"


def answers_of(datasets: Datasets, moment: Moment, files: Sequence[File]) -> dict[str, File]:
    """Return the sha256 of each answer of a moment, with the intact file that holds it."""
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
        Rows of the payloads, or of their derived tables.
    files
        The files of the payloads; both belong to one resource.
    wanted
        The selection by which the rows were chosen.
    """
    moments = tables.disputed(table)
    if not moments:
        # A payload without figures has no derived row, but two file names show that there are two.
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
