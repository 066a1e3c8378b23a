"""Append a payload: keep it once, and refuse it if a different answer of its moment is kept."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping, Sequence

from pcnotebooks.errors import PcNotebooksWarning
from pcnotebooks.frame.rows import two_answers
from pcnotebooks.history.datasets import Datasets, contents_of
from pcnotebooks.history.disputes import COMPACT_COMMAND, answers_of
from pcnotebooks.history.files import PAYLOADS, File, digest_of, file_of
from pcnotebooks.history.store import HalfWrittenError
from pcnotebooks.history.upkeep import compact_earlier
from pcnotebooks.payload.payload import Payload


def append(datasets: Datasets, payload: Payload, *, compact: bool) -> bool:
    """Keep a payload; warnings point to the caller of :meth:`History.append`."""
    file = file_of(payload)
    contents = contents_of(file, [payload])  # raises before anything is touched
    kept = _of_its_month(datasets, file)
    if _is_among(kept, datasets, payload, file):
        return False
    with datasets.store.alone(digest_of(file.moment.encode())) as is_alone:
        if is_alone:  # another process may have kept it while this one waited
            kept = _of_its_month(datasets, file)
            if _is_among(kept, datasets, payload, file):
                return False
        _write(datasets, contents)
    if folder := datasets.store.open_to_others(file.path):
        warnings.warn(
            f"Other users can change and delete files in {folder}, a folder of the history."
            f" Run: chmod go-w {shlex.quote(folder)}",
            PcNotebooksWarning,
            stacklevel=3,
        )
    if compact and not kept:  # the first of its month
        compact_earlier(datasets, file)
    return True


def _of_its_month(datasets: Datasets, file: File) -> list[File]:
    every = datasets.files(PAYLOADS, file.folder)
    return [each for each in every if each.resource == file.resource]


def _is_among(kept: Sequence[File], datasets: Datasets, payload: Payload, file: File) -> bool:
    """Return whether a payload is already kept.

    Raises
    ------
    ConfigurationError
        If a different answer of its moment is kept.
    """
    if any(each.stem == file.stem for each in kept):
        return True
    moment = (payload.partner, payload.cloud, payload.retrieved_at)
    answers = answers_of(datasets, moment, kept)
    if not answers or payload.sha256 in answers:
        return bool(answers)
    other = next(iter(answers.values()))
    raise two_answers(
        *moment,
        remedy=f"Compare it with the kept one in {other.path} of {datasets.location}. Give each"
        " account its own partner label, and each answer its own retrieved_at.",
    )


def _write(datasets: Datasets, contents: Mapping[File, bytes]) -> None:
    """Write the files of a payload, and warn if only the payload itself was written."""
    try:
        datasets.write(contents)
    except HalfWrittenError as error:
        warnings.warn(
            f"The payload is kept, but its tables could not be written: {error.message} Until then,"
            f" its rows are read from the payload. Run: {COMPACT_COMMAND}",
            PcNotebooksWarning,
            stacklevel=4,
        )
