"""``seamline tasks`` and ``seamline flags``: what waits for a human, read from the store and ended over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline_webhooks.cli.lists import Listed, make
from seamline_webhooks.cli.server import Server, address, to_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seamline_workers.store.reading.query import Query
    from seamline_workers.store.store import Store

#: What both lists can be narrowed by.
_FILTERS = ("type", "account", "seat", "state", "since", "until")
IdArgument = Annotated[str, typer.Argument(metavar="ID")]


def _list_tasks(store: Store, query: Query, _prefix: str) -> Any:
    from seamline_workers.store.reading.tasks import list_tasks

    return list_tasks(store, query, unmasked=True)


def _show_task(store: Store, key: str, _prefix: str) -> Any:
    from seamline_workers.store.reading.tasks import show_task

    return show_task(store, key, unmasked=True)


def _task_states() -> Sequence[str]:
    from seamline_workers.store.reading.tasks import STATES

    return STATES


def _list_flags(store: Store, query: Query, _prefix: str) -> Any:
    from seamline_workers.store.reading.flags import list_flags

    return list_flags(store, query, unmasked=True)


def _show_flag(store: Store, key: str, _prefix: str) -> Any:
    from seamline_workers.store.reading.flags import show_flag

    return show_flag(store, key, unmasked=True)


def _flag_states() -> Sequence[str]:
    from seamline_workers.store.reading.flags import STATES

    return STATES


tasks = make(
    Listed(
        "task",
        ("id", "kind", "state", "seat", "assignee", "title", "due_at"),
        _list_tasks,
        _show_task,
        _task_states,
        {},
        _FILTERS,
    ),
    "The humans' queue.",
)
flags = make(
    Listed(
        "flag",
        ("id", "seat", "name", "severity", "state", "count", "text"),
        _list_flags,
        _show_flag,
        _flag_states,
        {},
        _FILTERS,
    ),
    "What seats raised about customers.",
)


@tasks.command()
@to_server
def done(
    key: IdArgument,
    *,
    server: Server,
) -> None:
    """Mark a task as done, as the human behind the token."""
    server.carry_out(address("tasks", key, "done"))


@flags.command()
@to_server
def clear(
    key: IdArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why it no longer stands.")],
    *,
    server: Server,
) -> None:
    """Clear a flag, with a reason; one that stands for a risk clears the risk."""
    server.carry_out(address("flags", key, "clear"), {"reason": reason})
