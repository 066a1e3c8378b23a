"""Many at once, much at once, again and again: nothing is mixed up, and memory stays."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from pcnotebooks import render_report, sample_payload, sign_in
from pcnotebooks.service.fetch import fetch_invoice_summaries
from tests.services.browser import visit
from tests.services.identity_provider import CLIENT_ID, TENANT, signing_key
from tests.services.partner_center import SUMMARIES, Answer

THREADS = 64
PROC = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
# A process that makes and reads an answer of 100,000 summaries, in 50,000 currencies that no
# account has, and says by how many MiB reading it raised its memory at most.
FLATTEN = """
import json
from datetime import UTC, datetime
import pcnotebooks as pc
from tests.builders import body, detail, item
pc.summary_frame(pc.sample_payload())
codes = [f"X{n:05}" for n in range(50_000)]
items = [item(code, None, *(detail(kind, 1.23, currency=code) for kind in ("Recurring", "OneTime")))
         for code in codes]
answer = pc.Payload(body(*items), "global", "Contoso", datetime.now(UTC))
del items
def memory(what): return int(open("/proc/self/status").read().split(what)[1].split()[0]) / 1024
open("/proc/self/clear_refs", "w").write("5")  # the most so far is what it is now
before = memory("VmRSS:")
frame = pc.summary_frame(answer)
totals = pc.totals_frame(answer)
more = memory("VmHWM:") - before
print(json.dumps([len(answer.body) / 2**20, len(frame), len(totals), more]))
"""
# The same for answers that are made to take much: rows as small as is allowed, each with texts and
# dates of its own, and millions of digits in place of items.
HOSTILE = """
import json
from datetime import UTC, date, datetime, timedelta
import pcnotebooks as pc
days = [(date(100, 1, 1) + timedelta(days=n)).isoformat() for n in range(80_000)]
rows = [json.dumps({"invoiceType": f"{n % 97}", "summary": {
            "balanceAmount": n + 0.1, "lastPaymentAmount": n + 0.2, "currencySymbol": f"{n}",
            "lastPaymentDate": days[4 * n], "accountingDate": days[4 * n + 1],
            "latestInvoiceDate": days[4 * n + 2], "firstInvoiceCreationDate": days[4 * n + 3],
        }}, separators=(",", ":")).ljust(251) for n in range(20_000)]
row = '{"items":[{"currencyCode":"GBP","balanceAmount":1,"details":[' + ",".join(rows) + "]}]}"
digits = '{"items":[{"currencyCode":"GBP","balanceAmount":1}' + ",0" * 2_500_000 + "]}"
def memory(what): return int(open("/proc/self/status").read().split(what)[1].split()[0]) * 1024
times = []
for resource, frame in (("invoice_summaries", pc.summary_frame), ("invoices", pc.invoice_frame)):
    frame(pc.sample_payload(resource))
    for body in (row, digits):
        answer = pc.Payload(body.encode(), "global", "", datetime.now(UTC), resource=resource)
        open("/proc/self/clear_refs", "w").write("5")
        before = memory("VmRSS:")
        try:
            frame(answer)
        except pc.PayloadError:
            pass
        times.append((memory("VmHWM:") - before) / len(body))
print(json.dumps(times))
"""


def test_64_threads_share_a_sign_in(identity_provider, partner_center, tls):
    """All begin at once, a third is refused or cut off at first, and each gets its own answer."""
    faults = [Answer(status=503), Answer(reset=True)] * (THREADS // 6)
    service = partner_center(*faults, tls=tls, key=signing_key())
    session = sign_in(
        identity_provider.cloud(service.cloud.api), client_id=CLIENT_ID, tenant=TENANT,
        prompt=lambda code: visit(f"{identity_provider.url}/devicelogin", "approve",
                                  user_code=code.code),
    )  # fmt: skip
    together = Barrier(THREADS)

    def fetch(_: int):
        together.wait()
        return fetch_invoice_summaries(session)

    with ThreadPoolExecutor(THREADS) as pool:
        payloads = list(pool.map(fetch, range(THREADS)))
    assert {payload.body for payload in payloads} == {SUMMARIES}
    assert len({payload.request_id for payload in payloads}) == THREADS
    asked = [request.headers["MS-RequestId"] for request in service.requests]
    assert len(set(asked)) == THREADS
    assert len(asked) == THREADS + len(faults)
    assert identity_provider.count("devicecode") == 1
    assert identity_provider.count("refresh") == 0


@PROC
def test_100_000_summaries_take_bounded_memory():
    """Frames of an answer near the limit of its size need at most three times its bytes."""
    run = subprocess.run(
        [sys.executable, "-c", FLATTEN], capture_output=True, text=True, check=True
    )
    body, rows, totals, more = json.loads(run.stdout)
    assert (rows, totals) == (100_000, 50_000)
    assert 30 < body < 64
    assert more < 3 * body


@PROC
def test_a_hostile_answer_takes_bounded_memory():
    """At most six times its bytes, whether it is read or refused: 64 MiB take 0.4 GB."""
    run = subprocess.run(
        [sys.executable, "-c", HOSTILE], capture_output=True, text=True, check=True
    )
    assert max(json.loads(run.stdout)) < 6


@PROC
@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_reports_leave_nothing_behind():
    """After the first hundred, memory, open files and figures stay as they are."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    payloads = sample_payload()
    first = render_report(payloads)

    def resting() -> tuple[float, int]:
        gc.collect()
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
        return resident, len(list(Path("/proc/self/fd").iterdir()))

    for round_ in range(1000):
        assert render_report(payloads) == first
        if round_ == 99:
            before, files = resting()
    after, files_after = resting()
    assert after - before < 24
    assert files_after <= files
    assert plt.get_fignums() == []
