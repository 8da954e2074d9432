"""What a stored delivery means: split, normalize, and the entries of its events. Pure: no I/O, no clock.

The same bytes, the same stored answers and the same ``before`` give the same entries for ever.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

from seamline.adapter import Adapter
from seamline.call import Answer, Call, Calls
from seamline.cloudevents import NOT_DATA
from seamline.delivery import Decision, Delivery, Item, Nudge
from seamline.errors import NeedsHuman, PayloadError, RetryLater
from seamline.events.base import Event, Party, event_id, reasons
from seamline_workers.company.registry import Source
from seamline_workers.identity import keys_of
from seamline_workers.store.accounts import Subject
from seamline_workers.store.deliveries import DeliveryRow
from seamline_workers.store.ledger import Entry
from seamline_workers.store.schema import FETCHING, IGNORED, QUARANTINED, TRANSLATED

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)

#: Most items that one delivery may tell.
MAX_ITEMS = 1_000

#: Microseconds of the earliest time that is taken for a provider's (the year 2000), and how far ahead one may be.
EARLIEST, AHEAD = 946_684_800_000_000, 86_400_000_000


def to_us(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _US


def from_us(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


@dataclass(slots=True)
class Told:
    """One item and what it became: entries without an account yet, each with whom it is about.

    ``decisions`` are commands of humans, which are judged when the item is written; ``judged``: that was before, and
    nothing came of them.
    """

    n: int
    item: Item
    state: int = IGNORED
    reason: str | None = None
    entries: list[tuple[Entry, Subject]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    judged: bool = False


@dataclass(slots=True)
class Reading:
    """A whole delivery as understood; ``error`` when it could not be cut into items."""

    row: DeliveryRow
    items: list[Told] = field(default_factory=list)
    nudges: list[Nudge] = field(default_factory=list)
    error: str | None = None


def delivery_of(row: DeliveryRow, public_url: str) -> Delivery:
    """The stored row as the adapter sees it."""
    return Delivery(
        method=row.method,
        url=public_url + row.target,
        body=row.body or b"",
        headers=_headers(row.headers),
        key="" if row.poll is not None else row.key,  # a page's is ours, not the provider's
        received_at=from_us(row.received_at),
        poll=row.poll,
        scope=row.scope,
        baseline=bool(row.baseline),
    )


@lru_cache(maxsize=256)
def _headers(stored: str) -> Mapping[str, str]:
    # Few headers are kept: a sender's deliveries mostly have the same.
    return MappingProxyType(json.loads(stored))


def guarded(what: str, work: Callable[[], Any]) -> Any:
    """Run an adapter's code; whatever it raises is a PayloadError that shows no value."""
    try:
        return work()
    except (PayloadError, RetryLater, NeedsHuman):
        raise
    except KeyError as error:
        raise PayloadError(f"{what}: a field is missing{_field(error)}") from None
    except ValueError as error:
        raise PayloadError(f"{what}: {reasons(error)}") from None
    except BaseException as error:  # an adapter that exits, or a library that panics, ends no thread of ours
        raise PayloadError(f"{what}: {type(error).__name__}") from None


def _field(error: KeyError) -> str:
    """The name of a missing field, where the code that missed it says it: a look-up by a value must not show that."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = error.args[0] if error.args else None
    said = trace is not None and isinstance(name, str) and name in trace.tb_frame.f_code.co_consts
    return f": {name}" if said else ""


def split(source: Source, row: DeliveryRow, public_url: str) -> Reading:
    """Cut a delivery into its items and nudges."""
    reading = Reading(row)
    try:
        if row.body is None:
            raise PayloadError("the body is no longer kept")
        told = guarded("split", lambda: list(source.adapter.split(delivery_of(row, public_url))))
        if len(told) > MAX_ITEMS:
            raise PayloadError(f"the delivery tells {len(told)} items, more than {MAX_ITEMS}")
        for part in told:
            if isinstance(part, Nudge):
                reading.nudges.append(part)
            elif isinstance(part, Item):
                reading.items.append(Told(len(reading.items), part))
            else:
                raise PayloadError(f"split: gave a {type(part).__name__}, which is no item")
    except (PayloadError, RetryLater, NeedsHuman) as error:
        reading.error = str(error)
    return reading


def wants_fetch(source: Source, told: Told) -> bool:
    """Whether an item asks for something before it can be read."""
    if type(source.adapter).fetch is Adapter.fetch or told.item.answers:
        return False
    try:
        call = guarded("fetch", lambda: _first(source.adapter.fetch(told.item)))
    except PayloadError as error:
        told.state, told.reason = QUARANTINED, str(error)
        return False
    except (RetryLater, NeedsHuman):
        return True  # the fetch itself says so again, and waits or asks
    if call is None:
        return False
    if call.secret is not None and lacks_optional(source, call.secret):
        told.reason = f"fetch skipped: the source has no secret {call.secret!r}"
        return False
    return True


def _first(calls: Calls[None]) -> Call | None:
    """The first call of a fetch; None: it asks for nothing."""
    try:
        return next(calls, None)
    finally:
        calls.close()


def lacks_optional(source: Source, secret: str) -> bool:
    """Whether a secret is not there and need not be: ``page_token`` stands for every ``page_token.<page>``."""
    names = {secret, secret.partition(".")[0]}
    return not any(source.secrets.get(name) for name in names) and bool(names & set(source.adapter.optional_secrets))


def read(source: Source, row: DeliveryRow, told: Told, own_domains: Collection[str]) -> None:
    """Normalize one item into entries; what cannot be read quarantines this item alone."""
    if told.state in (QUARANTINED, FETCHING):
        return
    try:
        events = guarded("normalize", lambda: list(source.adapter.normalize(told.item)))
        refused = []
        for event in events:
            if isinstance(event, Decision):
                if source.may_decide():
                    told.decisions.append(event)
                else:
                    refused.append("a decision, which this source may not make")
            elif not isinstance(event, Event):
                raise PayloadError(f"normalize: gave a {type(event).__name__}, which is no event")
            elif not source.may_tell(event.event_type) or event.nature == "control":
                refused.append(event.event_type)
            else:
                told.entries.append(guarded(event.event_type, partial(_entry, source, row, told, event, own_domains)))
    except PayloadError as error:
        put_aside(told, str(error))
        return
    except (RetryLater, NeedsHuman) as error:
        put_aside(told, f"normalize: {error}")
        return
    if told.entries or told.decisions:
        told.state = TRANSLATED
    if refused:
        told.reason = f"not allowed for this source: {', '.join(sorted(set(refused))[:5])}"


def put_aside(told: Told, reason: str) -> None:
    """Quarantine an item: nothing of it is told."""
    told.state, told.reason, told.entries, told.decisions = QUARANTINED, reason, [], []


def _entry(
    source: Source, row: DeliveryRow, told: Told, event: Event, own_domains: Collection[str]
) -> tuple[Entry, Subject]:
    try:
        data = event.model_dump_json(exclude_defaults=True, exclude=NOT_DATA)
    except ValueError:
        raise PayloadError(f"{event.event_type}: a text is not Unicode, or a number is not finite") from None
    occurred = row.received_at if event.occurred_at is None else to_us(event.occurred_at)
    # A clock that is wrong makes no history: such a fact is as new as its delivery.
    plausible = EARLIEST <= occurred <= row.received_at + AHEAD
    if not plausible:
        told.reason = f"{event.event_type}: its time is not plausible"
    # Nor does it make what is to come: all that happens until then would count as older, and change nothing any more.
    by_provider = event.occurred_at is not None and occurred <= row.received_at + AHEAD
    if not by_provider:
        occurred = row.received_at
    key = event.fact if event.fact is not None else told.item.key + event.part
    entry = Entry(
        id=event_id(source.stable, event.event_type, key).bytes,
        type=event.event_type,
        version=event.event_version,
        account_id=0,
        source=f"/sources/{source.name}",
        data=data,
        occurred_at=occurred,
        timebasis="provider" if by_provider else "received",
        received_at=row.received_at,
        trust=row.trust,
        source_id=source.id,
        delivery_id=row.id,
        item=told.n,
        adapter_version=source.adapter.version,
        history=bool(row.baseline) or (occurred if plausible else row.received_at) < source.live_from,
    )
    return entry, subject_of(event, source, own_domains)


def subject_of(event: Event, source: Source, own_domains: Collection[str]) -> Subject:
    """Whom an event is about: its party, else the first other party that is no colleague, else its source's own row."""
    for party in (event.party, *event.others):
        keys = keys_of(party, source.adapter.name, own_domains)
        if keys:
            return Subject(keys, _text(party.name), party.email, party.phone, _text(party.company))
    nobody = Party.model_validate({"refs": [{"of": "account", "kind": "source", "id": source.stable}]})
    return Subject(keys_of(nobody, source.adapter.name), name=f"Unattributed ({source.name})")


def _text(value: str | None) -> str | None:
    return None if value is None else value.replace("\x00", "")[:300]


# --- answers, stored with their item --------------------------------------------------------------------------------


def pack_answers(answers: Mapping[str, Answer]) -> str:
    """Answers as JSON: {call name: [status, headers, body in base64]}."""
    rows = {name: [a.status, dict(a.headers), base64.b64encode(a.body).decode()] for name, a in answers.items()}
    return json.dumps(rows, separators=(",", ":"))


def unpack_answers(stored: str | None) -> dict[str, Answer]:
    if not stored:
        return {}
    rows = json.loads(stored).items()
    return {name: Answer(status, base64.b64decode(body), headers) for name, (status, headers, body) in rows}
