"""The table of adapters, made of what their classes declare."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from seamline import Adapter

COLUMNS = ("adapter", "proof", "trust", "calls", "polls", "sends", "answers within", "retried by the provider")


def adapters() -> list[type[Adapter]]:
    """The adapters that come with Seamline, by name."""
    ours = [entry for entry in entry_points(group="seamline.adapters") if entry.dist and entry.dist.name == "seamline"]
    return [entry.load() for entry in sorted(ours, key=lambda entry: entry.name)]


def table() -> str:
    """The table as Markdown."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(_row(adapter) for adapter in adapters())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(adapter: type[Adapter]) -> tuple[str, ...]:
    polls = ", ".join(
        f"`{name}`, every {every.total_seconds() / 60:g} min" for name, every in sorted(adapter.polls.items())
    )
    sends = "yes" if adapter.sends else "no"
    if not adapter.emits:
        return (f"[`{adapter.name}`]({adapter.name}.md)", *("takes nothing in",) * 2, "its server", "no", sends, "", "")
    return (
        f"[`{adapter.name}`]({adapter.name}.md)",
        ", ".join(dict.fromkeys(_schemes(adapter.signature))),
        adapter().trust,  # as it comes, without settings
        ", ".join(adapter.hosts) or "no",
        polls or "no",
        sends,
        f"{adapter.replies.within.total_seconds():g} s",
        adapter.replies.attempts or "not documented",
    )


def _schemes(scheme: Any) -> Iterator[str]:
    parts = getattr(scheme, "schemes", None)
    if parts is None:
        # Schemes that always sign a time have bounds for it and no place of their own.
        stamped = getattr(scheme, "stamp", True) is not None and hasattr(scheme, "max_age")
        yield f"{type(scheme).__name__}{', with its time' if stamped else ''}"
        return
    for part in parts.values() if isinstance(parts, dict) else parts:
        yield from _schemes(part)
