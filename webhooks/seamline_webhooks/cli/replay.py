"""``seamline replay``: run again what did not end well, below live traffic."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of, whoami
from seamline_webhooks.cli.lists import (
    AccountOption,
    SeatOption,
    SinceOption,
    SourceOption,
    StateOption,
    TypeOption,
    UntilOption,
    words,
)
from seamline_webhooks.cli.output import WANTING, document, fail, line, shown
from seamline_webhooks.cli.progress import Progress

if TYPE_CHECKING:
    from seamline_workers.store.reading.replays import Selector
    from seamline_workers.store.store import Store

#: Seconds between two looks at how far a replay is.
LOOK_S = 0.3


def replay(
    what: Annotated[str, typer.Argument(metavar="[handoffs|deliveries|ID]", help="Many, or one handoff.")] = "handoffs",
    source: SourceOption = None,
    type: TypeOption = None,
    account: AccountOption = None,
    seat: SeatOption = None,
    state: StateOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    per_second: Annotated[int, typer.Option(min=1, max=1000, help="At most so many a second.")] = 50,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end; Ctrl-C calls it off.")] = True,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run handoffs or deliveries again; what they caused before is found again and not done twice.

    Without --state: dead handoffs, quarantined deliveries. A worker runs it.
    """
    from seamline_workers.clock import business_clock
    from seamline_workers.store.reading.replays import Selector, plan
    from seamline_workers.store.store import now_us

    found = configuration(config)
    filters = words(source=source, type=type, account=account, seat=seat, state=state, since=since, until=until)
    with store_of(found) as store:
        if "." in what:
            _one(store, what, filters, dry_run, json)
            return
        asked_at = now_us() if what == "handoffs" else business_clock()()
        selector = Selector.read(what, filters, prefix=found.company.event_prefix, now=asked_at)
        if dry_run:
            counted = plan(store, selector)
            document(counted) if json else _counts(dict(counted))
            return
        planned = _plan(store, selector, per_second)
        ended = _follow(store, planned, quiet=json) if wait else planned
    shown(ended, json)
    if ended["state"] == "failed":
        raise typer.Exit(WANTING)


def _one(store: Store, key: str, filters: dict[str, str], dry_run: bool, json: bool) -> None:
    from seamline_workers.refusal import Conflict, NoSuch
    from seamline_workers.store.handoffs import replay_handoff
    from seamline_workers.store.reading.handoffs import show_handoff
    from seamline_workers.store.reading.query import InvalidQuery

    if filters:
        raise InvalidQuery(
            [{"path": name, "message": "goes with handoffs or deliveries, not with one id"} for name in filters]
        )
    if not dry_run:
        try:
            with store.begin() as connection:
                replay_handoff(connection, key)
        except (Conflict, NoSuch) as error:
            fail(WANTING, str(error))
    handoff = show_handoff(store, key)
    if handoff is None:
        fail(WANTING, f"there is no handoff {key}")
    if dry_run:
        counted = {"total": 1, "by": {handoff["type"]: 1}, "diff": []}
        document(counted) if json else _counts(counted)
        return
    shown(dict(handoff), json)


def _plan(store: Store, selector: Selector, per_second: int) -> dict[str, Any]:
    from seamline_workers.desk.replay import plan_replay
    from seamline_workers.store.store import now_us

    with store.begin() as connection:
        ref = plan_replay(connection, selector, by=whoami(), now=now_us(), per_second=per_second)
    return _standing(store, ref.split("/", 1)[1])


def _follow(store: Store, planned: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Wait for a replay's end, with a progress bar on a terminal and plain lines elsewhere; Ctrl-C calls it off."""
    from seamline_workers.desk.replay import cancel_replay
    from seamline_workers.refusal import Conflict

    with Progress("replaying", total=planned["total"], quiet=quiet) as progress:
        try:
            while planned["state"] in ("planned", "running"):
                time.sleep(LOOK_S)
                planned = _standing(store, planned["id"])
                progress.tell(planned["done"], planned["total"], planned["state"])
        except KeyboardInterrupt:
            try:
                with store.begin() as connection:
                    cancel_replay(connection, planned["id"])
            except Conflict:
                pass
            planned = _standing(store, planned["id"])
    return planned


def _standing(store: Store, key: str) -> dict[str, Any]:
    """How a replay stands that was planned."""
    from seamline_workers.store.reading.replays import show_replay

    found = show_replay(store, key)
    assert found is not None
    return dict(found)


def _counts(counted: dict[str, Any]) -> None:
    for name, n in counted["by"].items():
        line(f"{n:>8}  {name}")
    line(f"{counted['total']:>8}  in all")
