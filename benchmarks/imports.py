"""What comes before the first figure: imports, in fresh processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.paired import PYTHON, Goal, Row, code, paired, process, show
from pcnotebooks import sample_payload

_BARE = "pass"
_OURS = "import pcnotebooks"
_FRAME = "frame = pcnotebooks.summary_frame(pcnotebooks.Payload.load(saved))"
_CHART = "pcnotebooks.plot_panels(frame)"
_RECIPE = "import json, pandas; json.loads(open(raw, 'rb').read())"


def rows() -> Iterator[Row]:
    """Measure the first steps against those that nobody can go without."""
    command = Path(PYTHON).with_name("pcnotebooks")
    yield paired(
        _OURS, code(_OURS), "import pandas", code("import pandas"), goal=Goal("ratio", 0.05)
    )
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
            "bare Python", code(_BARE), goal=Goal("more", 150), rounds=11,
        )  # fmt: skip


if __name__ == "__main__":
    show(rows())
