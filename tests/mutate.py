"""Put faults into a module on purpose, one at a time, and count those that a test sees.

``python -m tests.mutate payload/decode`` runs mutmut on a copy below ``build``, prints the
score of each module and leaves the faults that no test saw beside it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("pcnotebooks", "tests", "notebooks", "conftest.py", "README.md", "pyproject.toml")
LEAST = 85
TESTS = {
    "payload/decode": ("tests/payload",),
    "frame/rows": ("tests/frame", "tests/payload/test_corpus.py"),
    "frame/build": ("tests/frame", "tests/payload/test_corpus.py"),
    "frame/measures": ("tests/frame", "tests/payload/test_corpus.py"),
    "service/fetch": ("tests/service", "tests/test_doctor.py"),
}
NOT_RUN = (
    # Between a mutant and its caller stands a function of mutmut's.
    "--deselect=tests/frame/test_measures.py::test_a_warning_points_at_the_caller",
    # Exhaustive, and slow in what other tests see at once.
    "--deselect=tests/frame/test_any_payload.py::test_any_payload_gives_a_frame_of_the_schema",
    "--deselect=tests/frame/test_any_payload.py::test_changes_add_up_to_the_balance",
    "--deselect=tests/payload/test_corpus.py::test_every_flipped_bit_is_read_as_it_stands_or_refused",
    "--deselect=tests/payload/test_corpus.py::test_every_byte_that_is_missing",
    "--deselect=tests/payload/test_corpus.py::test_cut_off_at_every_byte_gives_no_frame",
    "--deselect=tests/payload/test_corpus.py::test_twenty_megabytes",
    "--deselect=tests/payload/test_corpus.py::test_what_is_read_is_the_same_from_a_file_and_a_history",
    "--deselect=tests/payload/test_corpus.py::test_what_is_read_is_the_same_in_a_table_and_a_report",
)
# A mutant that lives is met by every test. To shrink an example takes a minute, too.
PROFILE = """
from hypothesis import Phase, settings

settings.register_profile(
    "mutate", phases=(Phase.explicit, Phase.generate), max_examples=10, database=None
)
settings.load_profile("mutate")
"""


def copy(module: str) -> Path:
    """Return a fresh copy of the project that is set up for the faults of one module."""
    place = ROOT / "build" / "mutate" / module.replace("/", "-")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, place / name, ignore=ignored)
        else:
            shutil.copy(source, place)
    with (place / "conftest.py").open("a", encoding="utf-8") as file:
        file.write(PROFILE)
    # A list of texts is written in TOML as it is in JSON.
    settings = {
        "source_paths": ["pcnotebooks"],
        "only_mutate": [f"pcnotebooks/{module}.py"],
        "also_copy": ["conftest.py", "README.md", "notebooks"],
        "pytest_add_cli_args": ["-p", "no:randomly", "--hypothesis-seed=0", *NOT_RUN],
        "pytest_add_cli_args_test_selection": list(TESTS[module]),
    }
    with (place / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    return place


def score(module: str) -> float:
    """Return how many of a hundred faults in a module are seen."""
    place = copy(module)

    def mutmut(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mutmut", *arguments]
        return subprocess.run(command, cwd=place, check=True, text=True, **options)

    mutmut("run", "--max-children", "1", stdout=subprocess.DEVNULL)
    mutmut("export-cicd-stats", stdout=subprocess.DEVNULL)
    counts = json.loads((place / "mutants" / "mutmut-cicd-stats.json").read_text("utf-8"))
    unseen = [
        name.strip()
        for line in mutmut("results", stdout=subprocess.PIPE).stdout.splitlines()
        for name, _, status in [line.rpartition(": ")]
        if status in ("survived", "no tests", "suspicious")
    ]
    report = place.with_suffix(".txt")
    with report.open("w", encoding="utf-8") as file:
        for name in unseen:
            file.write(mutmut("show", name, stdout=subprocess.PIPE).stdout + "\n")
    seen = counts["total"] - len(unseen)
    percent = 100 * seen / counts["total"]
    print(f"{module}: {percent:.1f} %, {seen} of {counts['total']} faults seen; others in {report}")
    return percent


if __name__ == "__main__":
    modules = sys.argv[1:] or list(TESTS)
    if min([score(module) for module in modules]) < LEAST:
        sys.exit(f"A module is below {LEAST} %.")
