"""A process that sends to an inbox, or works it off: ``python -m support.bus_process send|work FOLDER …``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seamline.envelope import Envelope
from seamline.inbox import Inbox

SEAT = "dirk"


def envelope(key: str, to: str = SEAT, **more: object) -> Envelope:
    told = {
        "id": key,
        "type": "INFORM",
        "from": "pepper",
        "to": to,
        "conversation": key,
        "body": {"schema": "message.v1", "text": key},
        "created_at": datetime(2026, 11, 20, 12, tzinfo=UTC),
    }
    return Envelope.model_validate(told | more)


def send(folder: Path, sender: str, count: int) -> None:
    inbox = Inbox(folder, SEAT)
    for n in range(count):
        inbox.put(envelope(f"{sender}-{n}"))


def work(folder: Path, done: Path, dies_at: int) -> None:
    """Work messages off, a line each into ``done``; be killed after the claim of one of them, before it is done."""
    inbox = Inbox(folder, SEAT, lease=timedelta(seconds=0.3), most=50)
    claims = 0
    while (claimed := inbox.claim()) is not None:
        claims += 1
        if claims == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        with done.open("a", encoding="utf-8") as file:
            file.write(f"{claimed.envelope.id}\n")
        claimed.ack()


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "send":
        send(Path(where), rest[0], int(rest[1]))
    else:
        work(Path(where), Path(rest[0]), int(rest[1]))
