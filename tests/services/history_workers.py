"""Processes that work on a history: some are killed on the way, some work all at once."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import stat
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pcnotebooks.history.history import History
from pcnotebooks.payload.payload import Payload
from tests.builders import body, detail, item

LATER = "2040-01-01"


def made(number: int, *, partner: str = "Contoso") -> Payload:
    """Return the payload of that number, of which four are in a month."""
    month, day = divmod(number, 4)
    at = datetime(2020 + month // 12, month % 12 + 1, 1 + day, tzinfo=UTC) + timedelta(hours=number)
    parts = detail("Recurring", Decimal(number) / 100), detail("OneTime", number)
    return Payload(body(item("GBP", None, *parts)), "global", partner, at)


def steps(history: History) -> dict[str, object]:
    """Return what a process may be doing when it is killed."""
    return {
        "append": lambda: history.append(made(100)),
        "compact": lambda: history.compact(LATER),
        "rebuild": history.rebuild,
    }


def be_killed(step: str, folder: str) -> None:
    """Take the step in copies of a history, killed before its first, second ... call of the system.

    Writes in how many; in the last the step was taken to its end.
    """
    for number in itertools.count():
        copy = f"{folder}-{number}"
        shutil.copytree(folder, copy)
        child = os.fork()
        if not child:
            _die_at(number)
            steps(History(copy))[step]()  # type: ignore[operator]  # one of three
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            break
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise SystemExit(f"died of signal {os.WTERMSIG(status)}")
    sys.stdout.write(str(number))


def _die_at(last: int) -> None:
    calls = itertools.count()

    def dying(name, call):
        def wrapped(*args, **options):
            if next(calls) == last:
                if name == "fsync" and stat.S_ISREG(os.fstat(args[0]).st_mode):
                    os.ftruncate(args[0], os.fstat(args[0]).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return wrapped

    for name in ("mkdir", "open", "fsync", "replace", "unlink"):
        setattr(os, name, dying(name, getattr(os, name)))


def work(location: str, workers: int, each: int) -> None:
    """Append, each worker its own payloads and all a common one, and compact in between.

    This process reads all the while, and fails where a row is missed or doubled.
    """
    children = []
    for worker in range(workers):
        child = os.fork()
        if not child:
            _append_and_compact(History(location), worker, each)
            os._exit(0)
        children.append(child)
    history, seen, reads = History(location), set(), 0
    while children:
        rows = history.summaries()
        keys = list(zip(rows["partner"], rows["retrieved_at"], rows["invoice_type"], strict=True))
        if len(keys) != len(set(keys)):
            raise SystemExit("a row was doubled")
        if not seen <= set(keys):
            raise SystemExit(f"rows were missed: {sorted(seen - set(keys))[:3]}")
        payloads = [(payload.partner, payload.retrieved_at) for payload in history.payloads()]
        if len(payloads) != len(set(payloads)) or {key[:2] for key in seen} - set(payloads):
            raise SystemExit("a payload was missed or doubled")
        seen, reads = set(keys), reads + 1
        for child in list(children):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                children.remove(child)
                if status:
                    raise SystemExit(f"a worker ended with {status}")
    sys.stdout.write(str(reads))


def _append_and_compact(history: History, worker: int, each: int) -> None:
    chance = random.Random(worker)  # noqa: S311  (chance, no secret)
    for number in range(each):
        if not history.append(made(number, partner=f"Partner {worker}")):
            raise SystemExit("a new payload was taken for an old one")
        history.append(made(number, partner="Everybody"))
        if chance.random() < 0.3:
            history.compact(LATER)
        if chance.random() < 0.05:
            history.rebuild()


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    if what == "work":
        work(where, *map(int, numbers))
    else:
        be_killed(what, where)
