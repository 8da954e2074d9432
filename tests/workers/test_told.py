"""What signals tell a process: heard whenever they come, each once, and never waited for with a lock held."""

from __future__ import annotations

import subprocess
import sys

LISTENER = """
import os, signal, sys
from seamline_workers.running.told import Told
told = Told()
if sys.argv[1] == "storm":
    for _ in range(300):
        os.kill(os.getpid(), signal.SIGHUP)
        told.wait(0.001)
    assert told.take_reread() and not told.take_reread()
os.kill(os.getpid(), signal.SIGTERM)
assert told.wait(60) and told.wait(60)
print("ended in order")
"""


def listen(how: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", LISTENER, how], capture_output=True, text=True, timeout=50, check=True
    )
    return found.stdout


def test_a_signal_that_came_before_the_wait_is_heard() -> None:
    assert listen("once") == "ended in order\n"


def test_many_hangups_are_one_and_hide_no_order_to_end() -> None:
    assert listen("storm") == "ended in order\n"
