"""CPU of process trees."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cpu import spent, usage

BURN = "import time\nwhile time.process_time() < 0.4: pass\n"


@contextmanager
def shell(script: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that says "ready" before a part of its work and "done" after it, and waits for its input."""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


def test_a_child_that_has_ended_still_counts() -> None:
    script = (
        "import subprocess, sys\nprint('ready', flush=True)\ninput()\n"
        f"subprocess.run([sys.executable, '-c', {BURN!r}])\nprint('done', flush=True)\ninput()\n"
    )
    with shell(script) as process:
        heard(process, "ready")
        before = usage({"it": [process.pid]})
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        heard(process, "done")
        after = usage({"it": [process.pid]})
    assert after["it"].processes == 1
    assert spent(before, after)["it"] > 0.35


def test_a_living_grandchild_counts_with_its_root_and_not_elsewhere() -> None:
    leaf = f"{BURN}print('done', flush=True)\ninput()\n"
    branch = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {leaf!r}])\n"
    root = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {branch!r}])\n"
    with shell("print('done', flush=True)\ninput()\n") as idle, shell(root) as busy:
        heard(idle, "done")
        heard(busy, "done")
        used = usage({"busy": [busy.pid], "idle": [idle.pid]})
        assert busy.stdin is not None
        busy.stdin.close()
        busy.wait(10)
    assert used["busy"].processes == 3
    assert used["busy"].cpu > 0.35
    assert used["idle"].cpu < 0.35
    assert used["busy"].rss > used["idle"].rss > 1_000_000


def test_a_process_that_is_gone_has_used_nothing() -> None:
    with shell("") as process:
        process.wait(10)
    assert usage({"it": [process.pid]})["it"].processes == 0
