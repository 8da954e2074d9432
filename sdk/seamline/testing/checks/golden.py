"""Golden files: what a story made when somebody last looked at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import Any

from seamline.testing.checks.check import AdapterCheck, Broken, Case, Contract, StoryCheck, demand
from seamline.testing.play import Played, shown

SUFFIX = ".expected.json"

#: Lines of a difference that are shown.
MAX_LINES = 30


def matches_golden(case: Case) -> bool:
    path = case.contract.root / f"{case.story.slug}{SUFFIX}"
    text = json.dumps(_golden(case.played), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    held = path.read_text("utf-8") if path.exists() else None
    if held == text:
        return True
    if case.contract.update_golden:
        path.write_text(text, "utf-8")
        return True
    if held is None:
        raise Broken(f"{path.name} is missing")
    lines = list(unified_diff(held.splitlines(), text.splitlines(), path.name, "now", lineterm="", n=1))
    raise Broken(f"{path.name} says otherwise:\n" + "\n".join(lines[:MAX_LINES]))


def has_no_stale_golden(contract: Contract) -> bool:
    wanted = [f"{story.slug}{SUFFIX}" for story in contract.stories]
    twice = sorted({name for name in wanted if wanted.count(name) > 1})
    demand(not twice, f"two stories would write {', '.join(twice)}: give them other names")
    stale = sorted(path for path in contract.root.glob(f"*{SUFFIX}") if path.name not in wanted)
    if contract.update_golden:
        _remove(stale)
        return True
    demand(not stale, f"no story makes {', '.join(path.name for path in stale)}")
    return True


def _remove(stale: Sequence[Path]) -> None:
    for path in stale:
        path.unlink()


def _golden(played: Played) -> dict[str, Any]:
    """Keys, ids and cursors too: a change of any would repeat a source's whole history."""
    whole = {
        "items": sorted({(item.key, item.kind, item.entity) for _, item in played.cut}, key=str),
        "events": [{"id": str(number), **shown(event)} for number, event in played.events.items()],
        "decisions": [asdict(decision) for decision in played.decisions],
        "nudges": [asdict(nudge) for nudge in played.nudges],
        "calls": [f"{call.method} {call.url}" for call in played.calls],
        "cursors": [run.until for run in played.runs],
        "quarantined": [str(error) for error in played.quarantined],
        "raised": [f"{type(error).__name__}: {error}" for error in played.raised],
        "refused": played.refused,
    }
    return {name: json.loads(json.dumps(value, default=str)) for name, value in whole.items() if value}


_ADVICE = "look at it, then run pytest with --update-golden"

GOLDEN_CHECKS: Sequence[StoryCheck] = (StoryCheck("matches its golden file", _ADVICE, matches_golden),)
STALE_CHECKS: Sequence[AdapterCheck] = (AdapterCheck("has no stale golden file", _ADVICE, has_no_stale_golden),)
