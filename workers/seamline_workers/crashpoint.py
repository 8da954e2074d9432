"""Places where a test may kill the process, to prove that nothing is lost between two steps.

``SEAMLINE_CRASH_AT=front.inserted`` kills the process with SIGKILL when it first gets there;
``front.inserted:7`` at the seventh time. Without the variable a crash point costs one comparison.
"""

from __future__ import annotations

import os
import signal

#: The front door's, in the order in which a request passes them, from its body's last byte to its answer.
FRONT_DOOR = (
    "front.read",
    "front.verified",
    "front.keyed",
    "front.begun",
    "front.inserted",
    "front.committed",
    "front.settled",
    "front.answering",
    "front.answered",
)

#: The worker's, from the lease of a source or a seat to the outcome.
WORKER = (
    "translate.leased",
    "translate.read",
    "translate.appended",
    "translate.commit",
    "translate.committed",
    "handoff.leased",
    "handoff.finishing",
    "handoff.completed",
    "handoff.commit",
    "handoff.committed",
)

#: A fetch's, from the lease of its item to what became of it.
FETCH = ("fetch.leased", "fetch.answered", "fetch.commit", "fetch.committed")

#: A poll's, from its lease to its pages and its cursor; it passes the second after every answer.
POLL = ("poll.leased", "poll.answered", "poll.commit", "poll.committed")

#: A sweep's of deadlines, from its claim of rows to the commit that says that they fired.
DEADLINE = ("deadline.claimed", "deadline.firing", "deadline.commit", "deadline.committed")

#: A dispatch's: its draft is committed as being sent; its provider has answered.
DISPATCH = ("dispatch.committed", "dispatch.sent")
#: A reply's from a seat that lives elsewhere, from its claim to the commit that takes it.
OUTBOX = ("outbox.claimed", "outbox.taken")

_wanted, _, _count = os.environ.get("SEAMLINE_CRASH_AT", "").partition(":")
_left = int(_count) if _count.isdigit() else 1


def reach(name: str) -> None:
    """Pass a crash point."""
    if name == _wanted:
        _die()


def _die() -> None:
    global _left
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
