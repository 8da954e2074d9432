"""CPU and memory of whole process trees, read from /proc.

CPU is user plus system time of every process in the tree. What ended in between counts too, as long as somebody in
the tree waited for it: its time then stands in the parent's "reaped" figures. The kernel counts in ticks, usually of
10 ms, for each process: measure over enough requests that a tick does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from support.process import processes, tree

#: The parts of a contestant, by what they do: the pids of the roots of their process trees.
Trees = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Usage:
    """What one part has used so far: CPU seconds, resident bytes now, number of processes now."""

    cpu: float
    rss: int
    processes: int


def usage(trees: Trees) -> dict[str, Usage]:
    """Read what each part has used since its processes began."""
    everyone = processes()
    parts = {part: tree(*roots, among=everyone) for part, roots in trees.items()}
    return {
        part: Usage(
            cpu=sum(process.cpu + process.reaped for process in found),
            rss=sum(process.rss for process in found),
            processes=len(found),
        )
        for part, found in parts.items()
    }


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds of each part between two readings."""
    return {part: after[part].cpu - before[part].cpu for part in after}
