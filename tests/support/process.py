"""Processes as /proc shows them: who is whose child, and what CPU and memory each has used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """One process at one moment.

    ``state`` is one letter: R running, S sleeping, T stopped, Z ended but not waited for.
    ``cpu`` is user plus system time in seconds of all its threads, ended ones too; ``reaped`` the same of children
    that have ended and that it waited for, with all that those had reaped.
    """

    pid: int
    parent: int
    state: str
    started: int
    cpu: float
    reaped: float
    rss: int

    @staticmethod
    def read(pid: int) -> Process | None:
        """Read /proc/<pid>/stat (proc_pid_stat(5)); None where there is no such process."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name stands in brackets and may hold blanks and brackets itself.
        field = text[text.rindex(")") + 2 :].split()
        return Process(
            pid=pid,
            parent=int(field[1]),
            state=field[0],
            started=int(field[19]),
            cpu=(int(field[11]) + int(field[12])) * TICK_S,
            reaped=(int(field[13]) + int(field[14])) * TICK_S,
            rss=int(field[21]) * PAGE_BYTES,
        )


def processes() -> dict[int, Process]:
    """Every process of the machine by pid."""
    found = (Process.read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def tree(*roots: int, among: dict[int, Process] | None = None) -> list[Process]:
    """The processes ``roots`` and all that descend from them, parents first."""
    everyone = processes() if among is None else among
    children: dict[int, list[Process]] = {}
    for process in everyone.values():
        children.setdefault(process.parent, []).append(process)
    return list(_walk((everyone[pid] for pid in dict.fromkeys(roots) if pid in everyone), children, set()))


def _walk(level: Iterable[Process], children: dict[int, list[Process]], seen: set[int]) -> Iterable[Process]:
    for process in level:
        if process.pid not in seen:
            seen.add(process.pid)
            yield process
            yield from _walk(children.get(process.pid, ()), children, seen)
