"""Checks of what is told: the right events, the same ones for ever, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, permutations
from typing import Any

from seamline.events.base import Event
from seamline.testing.checks.check import Broken, Case, StoryCheck, demand, place
from seamline.testing.play import Played, play, shown

#: Most orders of a story's steps that are played: all of up to five steps.
MAX_ORDERS = 120


def as_told(case: Case) -> bool:
    played, story = case.played, case.story
    found: list[Any] = [type(event) for event in played.events.values()]
    found += [type(other) for other in (*played.decisions, *played.nudges)]
    expected, seen = Counter(story.emits), Counter(found)
    demand(
        seen == expected,
        f"made {_names(seen)} instead of {_names(expected)}{_why(played)}",
    )
    demand(
        len(played.quarantined) == story.quarantined,
        f"{len(played.quarantined)} quarantined instead of {story.quarantined}{_why(played)}",
    )
    raised = Counter(type(error) for error in played.raised)
    wanted = [story.raises] if story.raises else []
    demand(
        set(raised) == set(wanted),
        f"raised {_names(raised) or 'nothing'} instead of {_names(Counter(wanted)) or 'nothing'}",
    )
    return True


def declares_what_it_emits(case: Case) -> bool:
    for event in _events(case):
        demand(type(event) in case.bench.adapter.emits, f"{type(event).__name__} is not in emits")
    return bool(case.played.told)


def is_deterministic(case: Case) -> bool:
    again = play(case.contract.bench(case.story))
    demand(_whole(again) == _whole(case.played), "the same bytes made other keys, ids or events the second time")
    return True


def invents_no_time(case: Case) -> bool:
    for event in _events(case):
        at: object = event.occurred_at
        if at is not None:
            demand(
                isinstance(at, datetime) and at.tzinfo is not None,
                f"{event.event_type}: occurred_at {at!r} is not aware",
            )
    later = play(replace(case.bench, now=case.bench.now + timedelta(days=1)))
    demand(later.content() == case.played.content(), "the events tell when they were received, or today's date")
    return bool(case.played.told)


def has_unique_ids(case: Case) -> bool:
    known: dict[object, dict[str, Any]] = {}
    for told in case.played.told:
        if known.setdefault(told.id, shown(told.event)) != shown(told.event):
            raise Broken(f"two different {told.event.event_type} share one id (item {told.item.key!r})")
    keys: dict[tuple[int, str], object] = {}
    for delivery, item in case.played.cut:
        if keys.setdefault((delivery, item.key), item.data) != item.data:
            raise Broken(f"two different items of one delivery share the key {item.key!r}: one of them would be lost")
    return bool(case.played.cut)


def survives_json(case: Case) -> bool:
    for event in _events(case):
        data = event.model_dump(mode="json")
        again = Event.load(event.event_type, event.event_version, data)
        demand(
            again.model_dump(mode="json") == data and again == event,
            f"{event.event_type} read back from JSON is another",
        )
    return bool(case.played.told)


def tells_the_same_in_any_order(case: Case) -> bool:
    if not case.story.any_order:
        return False
    steps = range(len(case.story.steps))
    for order in islice(permutations(steps), 1, MAX_ORDERS):
        other = play(case.contract.bench(case.story), order)
        if other.content() != case.played.content():
            arrival = ", ".join(str(index + 1) for index in order)
            raise Broken(f"steps arriving as {arrival} made other events: {_difference(case.played, other)}")
    return True


def _events(case: Case) -> Iterator[Event]:
    return (told.event for told in case.played.told)


def _whole(played: Played) -> object:
    items = [(delivery, item.key, item.kind, item.entity) for delivery, item in played.cut]
    cursors = [run.until for run in played.runs]
    return items, played.content(), played.decisions, played.nudges, played.refused, played.calls, cursors


def _names(found: Counter[Any]) -> str:
    return (
        ", ".join(
            f"{getattr(kind, 'event_type', '') or kind.__name__}" + (f" x{count}" if count > 1 else "")
            for kind, count in found.items()
        )
        or "nothing"
    )


def _why(played: Played) -> str:
    found = dict.fromkeys(f"{error}{place(error)}" for error in (*played.quarantined, *played.raised))
    return f" (quarantined or raised: {'; '.join(found)})" if found else ""


def _difference(one: Played, other: Played) -> str:
    a, b = one.content(), other.content()
    changed = sorted({*a, *b} - {number for number in a if a[number] == b.get(number)})
    types = sorted({(a.get(number) or b[number])["type"] for number in changed})
    return f"{', '.join(types)} differ (a common fact needs the same party, times and values from every side)"


TELLING_CHECKS: Sequence[StoryCheck] = (
    StoryCheck("makes the events of its story", "mend the adapter, or the story's emits", as_told),
    StoryCheck("emits only what it declares", "add the type to the adapter's emits", declares_what_it_emits),
    StoryCheck(
        "the same bytes make the same events",
        "no clock, no randomness, no state between deliveries: ids come from the provider's keys",
        is_deterministic,
    ),
    StoryCheck(
        "times are aware and never invented",
        "use seamline.unix_s, unix_ms or ISO text with an offset; leave occurred_at out where the provider tells none",
        invents_no_time,
    ),
    StoryCheck("ids are unique in a batch", "a key must hold all that tells two items apart", has_unique_ids),
    StoryCheck("events survive JSON", "keep to the fields and types of the catalogue", survives_json),
    StoryCheck(
        "any order makes equal events",
        "take ids, times and parties from what both sides tell, and give the event a common fact",
        tells_the_same_in_any_order,
    ),
)
