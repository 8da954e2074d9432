"""The worker killed (SIGKILL) while it takes what a seat that lives elsewhere replied by file: each reply counts once.

It proves process death, not power loss.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from seamline.envelope import ENGINE, Envelope
from seamline.inbox import CUR, DEAD, DONE, NEW, Inbox
from seamline_workers.crashpoint import OUTBOX
from support.crash import LONG_S, Company

ROSTER = """
from seamline import Roster, Seat
roster = Roster([Seat("away", owns=["lead.*"], inbox="dir:elsewhere")])
"""


class Away:
    """The seat that lives elsewhere: it flags each lead that it is handed."""

    def __init__(self, folder: Path) -> None:
        self.inbox = Inbox(folder / "elsewhere", "away").make()
        self.out = Inbox(folder / "elsewhere" / "away", "out", to=ENGINE).make()

    def reply(self) -> None:
        """Reply to all that waits."""
        while (claimed := self.inbox.claim()) is not None:
            handoff = claimed.envelope.id
            lead = claimed.envelope.body["event"]["data"]["lead_id"]
            told = {
                "id": f"r-{handoff}",
                "type": "RESPONSE",
                "from": "away",
                "to": ENGINE,
                "in_reply_to": handoff,
                "conversation": handoff,
                "body": {
                    "schema": "effects.v1",
                    "effects": [{"kind": "flag", "name": "seen", "key": lead, "text": "seen"}],
                },
                "created_at": datetime.now(UTC),
            }
            self.out.put(Envelope.model_validate(told))
            assert claimed.ack()

    def expire(self) -> None:
        """Let the lease of what the dead worker had claimed run out."""
        for path in self.out.path(CUR).iterdir():
            os.utime(path, (0, 0))

    def count(self, folder: str) -> int:
        return sum(path.suffix == ".json" for path in self.out.path(folder).iterdir())


def until(seen: Callable[[], bool], what: str) -> None:
    """Look until something is so."""
    end = time.monotonic() + LONG_S
    while not seen():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.01)


def kill_at_every_step(company: Company, away: Away, leads_a_step: int, times: range) -> int:
    """Deliver, reply and kill a worker, at each step of a reply. Returns how many leads were delivered."""
    leads = 0
    for point in OUTBOX:
        for nth in times:
            company.deliver([f"{point} {leads + n}" for n in range(leads_a_step)])
            leads += leads_a_step
            worker = company.worker(f"{point}:{nth}")
            # Whatever the one before it left undone it may take on its way, and die of that.
            until(lambda worker=worker: away.inbox.waiting() == leads_a_step or worker.poll() is not None, point)  # type: ignore[misc]
            away.reply()
            assert worker.wait(LONG_S) == -signal.SIGKILL, point
            assert away.count(CUR) == 1
            away.expire()
    return leads


def test_r64_a_worker_killed_at_any_step_of_a_reply_counts_each_reply_once(company: Company, tmp_path: Path) -> None:
    (tmp_path / "company.py").write_text(ROSTER)
    away = Away(tmp_path)
    leads = kill_at_every_step(company, away, 6, range(1, 3))
    company.worker()

    def taken() -> bool:
        away.reply()  # also what the last one was handed too late
        return away.count(DONE) == leads

    until(taken, f"{leads} replies are done")
    company.wait_until("SELECT count(*) FROM flags", leads)
    company.wait_until("SELECT count(*) FROM handoffs WHERE state = 2", leads)
    assert company.number("SELECT sum(count) FROM flags") == leads
    assert company.number("SELECT count(*) FROM replies") == leads
    assert company.number("SELECT count(*) FROM effects") == leads
    assert [away.count(folder) for folder in (NEW, CUR, DEAD)] == [0, 0, 0]
    assert company.number("SELECT count(*) FROM tasks") == 0
