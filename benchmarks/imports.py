"""What comes before the first figure: imports, in fresh processes."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.paired import PYTHON, ROOT, Goal, Row, code, paired, process, show, usual
from pcnotebooks import sample_payload

_BARE = "pass"
_OURS = "import pcnotebooks"
_FRAME = "frame = pcnotebooks.summary_frame(pcnotebooks.Payload.load(saved))"
_CHART = "pcnotebooks.plot_panels(frame)"
_RECIPE = "import json, pandas; json.loads(open(raw, 'rb').read())"
_OF_TYPER = "typer's own import is most of it"
_SLOW = 20.0  # milliseconds
_PYTHON = "Python's own library"
_TOLD = re.compile(r"import time: *(\d+) \| *\d+ \|( +)(\S+)")


def rows() -> Iterator[Row]:
    """Measure the first steps against those that nobody can go without."""
    command = Path(PYTHON).with_name("pcnotebooks")
    yield paired(
        _OURS, code(_OURS), "import pandas", code("import pandas"),
        goal=Goal("ratio", 0.05, "half of it is bare Python"),
    )  # fmt: skip
    yield paired(_OURS, code(_OURS), "bare Python", code(_BARE), goal=Goal("more", 30), rounds=21)
    if missing := peers.absent(_OURS, "msticpy"):
        yield missing
    else:
        theirs = code("import msticpy", peers.PYTHON)
        yield paired(_OURS, code(_OURS), "import msticpy", theirs, rounds=5)
    with tempfile.TemporaryDirectory() as folder:
        payload = sample_payload()
        saved, raw = payload.save(Path(folder) / "saved.json"), Path(folder) / "raw.json"
        raw.write_bytes(payload.body)
        files = f"saved, raw = {str(saved)!r}, {str(raw)!r}\n"
        recipe, frame = f"{files}{_RECIPE}", f"{files}{_OURS}\n{_FRAME}"
        yield paired(
            "first frame of a saved payload", code(frame),
            "import pandas, json.loads", code(recipe), goal=Goal("ratio", 1.25),
        )  # fmt: skip
        yield paired(
            "first chart of it", code(f"{frame}\n{_CHART}"),
            "import pandas, matplotlib.figure", code("import pandas, matplotlib.figure"),
            goal=Goal("ratio", 1.2),
        )  # fmt: skip
    for option in ("--version", "--help"):
        yield paired(
            f"pcnotebooks {option}", process(command, option),
            "bare Python", code(_BARE), goal=Goal("more", 100, _OF_TYPER), rounds=21,
        )  # fmt: skip
    yield from _panel()
    yield from _of_a_report()


def _panel() -> Iterator[Row]:
    """Measure the sign-in panel's imports; it shows no figure, and needs no pandas."""
    panel = "from pcnotebooks.widgets import sign_in"
    yield paired(
        "import of the sign-in panel", code(panel),
        "import ipywidgets, IPython.display", code("import ipywidgets, IPython.display"), rounds=5,
    )  # fmt: skip
    source = f"import sys; {panel}; print(int('pandas' in sys.modules))"
    loaded = float(_output(PYTHON, "-c", source).stdout)
    yield Row("sign-in panel: is pandas loaded", [loaded], goal=Goal("alone", 0), unit="")


def _of_a_report() -> Iterator[Row]:
    """Name each library whose own modules take a report's process over 20 ms, and who needs it."""
    source = "import pcnotebooks as pc; pc.render_report(pc.sample_payload())"
    runs = [_by_library(_output(PYTHON, "-X", "importtime", "-c", source).stderr) for _ in range(5)]
    first = runs[0]
    for library in sorted(first, key=lambda name: -first[name][0]):
        taken = [run[library][0] for run in runs if library in run]
        if statistics.median(taken) > _SLOW:
            needed_by = ", ".join(sorted(first[library][1]))
            yield Row(f"report: {library}, for {needed_by}", taken)


def _by_library(log: str) -> dict[str, tuple[float, set[str]]]:
    """Return by library how many milliseconds its own modules take, and the modules it is for."""
    found: dict[str, tuple[float, set[str]]] = {}
    above: list[tuple[int, str]] = []
    # Each module is told after those that it imports, which are further to the right.
    for line in reversed(log.splitlines()):
        told = _TOLD.match(line)
        if told is None:
            continue
        own, depth, name = int(told[1]) / 1000, len(told[2]), told[3]
        above = [each for each in above if each[0] < depth]
        library = _library_of(name)
        importer = above[-1][1] if above else ""
        above.append((depth, name))
        milliseconds, needed_by = found.get(library, (0.0, set()))
        if _library_of(importer) != library and importer:
            needed_by = needed_by | {importer if library != _PYTHON else _library_of(importer)}
        found[library] = milliseconds + own, needed_by
    return found


def _library_of(module: str) -> str:
    name = module.partition(".")[0]
    return _PYTHON if name in sys.stdlib_module_names else name


def _output(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=usual(), capture_output=True, check=True, text=True
    )


if __name__ == "__main__":
    show(rows())
