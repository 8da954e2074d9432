"""What is wrong with a company, and what to do about it: its configuration, store, queue, sources and routing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

import seamline.events  # noqa: F401  (declares the catalogue)
from seamline.adapter import Adapter
from seamline.errors import ConfigError
from seamline.events.base import catalogue
from seamline.lint import Finding
from seamline.map import difference
from seamline_webhooks.brokerlook import broker_fault
from seamline_webhooks.misnaming import misnamed
from seamline_webhooks.trouble import troubles, unusable
from seamline_workers.clock import business_clock
from seamline_workers.company.channel import build_channels
from seamline_workers.company.config import Config, load_config
from seamline_workers.company.process import Process, load_process
from seamline_workers.company.registry import build_adapters
from seamline_workers.effects.audience import Ours
from seamline_workers.outbound import boundary
from seamline_workers.outbound.alerting import told
from seamline_workers.store import processes
from seamline_workers.store.channels import MOST_FAILURES, standings
from seamline_workers.store.desk_schema import deadlines, drafts
from seamline_workers.store.intake_sqlite import want_of_room
from seamline_workers.store.reading.backlog import backlog, by_seat
from seamline_workers.store.reading.moment import written
from seamline_workers.store.reading.partial import UNSETTLED
from seamline_workers.store.reading.sources import list_sources
from seamline_workers.store.schema import (
    QUARANTINED,
    RECEIVED,
    deliveries,
    events,
    seats,
    sources,
    workers,
)
from seamline_workers.store.store import Store, now_us, only_read, open_store, sqlite_path
from seamline_workers.store.version import NEWEST, advice, current

#: A source that has told nothing for so long is said to be silent.
SILENT = timedelta(days=7)
#: A seat that was handed nothing since then, although there were events, has no traffic.
NO_TRAFFIC = timedelta(days=7)
#: A deadline that has not fired so long after its time was missed.
OVERDUE = timedelta(hours=1)
#: A text that was approved and has not gone out so long after waits for its provider.
UNSENT = timedelta(minutes=15)
#: A delivery or a handoff that waits for so long says that no worker gets to it.
BEHIND_S = 15 * 60
#: Deliveries that are looked through for quarantined ones.
LOOK_BACK = 10_000
#: Facts that are for the record, and that the engine heeds itself: they need no owner.
_RECORDED = "contact."


def inspect(config_path: Path | None) -> list[Finding]:
    """Look at everything; errors first."""
    try:
        config = load_config(config_path)
    except ConfigError as error:
        return [
            Finding("error", "config", *_subject(text), "Mend this in the configuration, or name another by --config.")
            for text in str(error).splitlines()
        ]
    found = [*_sources(config), *_channels(config), *_routing(config), *_queue(config), *_store(config)]
    return sorted(found, key=lambda finding: finding.level)


def _subject(text: str) -> tuple[str, str]:
    """What an error of the configuration is about, and its text: a key, else the file as a whole."""
    key, told, _ = text.partition(": ")
    return (key if told and " " not in key else "the configuration"), text


def _alerts(config: Config) -> Iterator[Finding]:
    """Alerts that reach nobody."""
    try:
        told(config.alerts, build_channels(config), Ours.of(config))
    except ConfigError as error:
        yield Finding("error", "alerts", "alerts", str(error), "Mend [alerts], or take it out.")


def _sources(config: Config) -> Iterator[Finding]:
    """Each source alone, so that one that is wrong hides no other."""
    for name, section in config.sources.items():
        alone = config.model_copy(update={"sources": {name: section}})
        try:
            adapter = build_adapters(alone)[name]
        except ConfigError as error:
            yield Finding("error", "source", f"sources.{name}", str(error), "Mend this source in the configuration.")
            continue
        if adapter.scheme is None:
            yield Finding(
                "warning",
                "unverified",
                f"sources.{name}",
                "anybody who knows its address can send to it",
                "Use a source that signs where there is one; gates do not count what this one tells.",
            )
    if config.sources and config.company.public_url == "http://localhost:8000":
        yield Finding(
            "warning",
            "public-url",
            "company.public_url",
            "is not set; signatures over the URL will not match",
            "Write the address that providers call.",
        )


def _channels(config: Config) -> Iterator[Finding]:
    """Each channel alone, so that one that is wrong hides no other."""
    wrong = 0
    for name, section in config.channels.items():
        try:
            build_channels(config.model_copy(update={"channels": {name: section}}))
        except ConfigError as error:
            wrong += 1
            yield Finding("error", "channel", f"channels.{name}", str(error), "Mend this channel in the configuration.")
    if not wrong:
        yield from _alerts(config)


def _routing(config: Config) -> Iterator[Finding]:
    """What is wrong with the process, and what sources tell that nobody looks at."""
    try:
        process = load_process(config)
    except ConfigError as error:
        yield Finding("error", "seats", "company.seats", str(error), "Mend the company's seats.")
        return
    yield from process.findings
    yield from unusable(process.roster.seats, config.folder)
    yield from misnamed(config, process.roster)
    told = set().union(*(_tells(config, name) for name in config.sources))
    roster = process.roster
    unowned = [name for name in catalogue() if name in told and roster.seats and roster.owner(name) is None]
    unowned = [name for name in unowned if not name.startswith(_RECORDED)]
    unrouted = [name for name in unowned if not any(seat.consumes(name) for seat in roster.seats)]
    if unrouted:
        message = f"are told by sources, and no seat owns them: {', '.join(unrouted)}"
        yield Finding(
            "warning", "unrouted", "events", message, "They are kept and handed to nobody; add them to `owns`."
        )


def _tells(config: Config, name: str) -> set[str]:
    from seamline_workers.company.registry import Source, load_adapter

    section = config.sources[name]
    try:
        adapter: type[Adapter] = load_adapter(section.adapter)
        built = adapter(section.settings)
    except ConfigError:
        return set()
    source = Source(0, name, name, built, {}, "", 0, section.allow, section.max_body)
    return {event.event_type for event in built.emits if source.may_tell(event.event_type)}


def _queue(config: Config) -> Iterator[Finding]:
    fault = broker_fault(config.queue.url)
    if fault is not None:
        yield Finding("error", "queue", "queue.url", fault, 'Start the broker, or write url = "store:".')


def _store(config: Config) -> Iterator[Finding]:
    if config.store.url.startswith("sqlite:") and not sqlite_path(config.store.url, config.folder).exists():
        yield Finding("error", "store", "store.url", "there is no store yet", "Run: seamline db upgrade")
        return
    try:
        store = open_store(config.store.url, base=config.folder, pool=1)
    except ConfigError as error:
        yield Finding("error", "store", "store.url", str(error), "Mend store.url.")
        return
    try:
        have, need = current(store), NEWEST
        if have != need:
            message = f"its schema is {have or 'empty'}, this version needs {need}"
            yield Finding("error", "schema", "store", message, advice(have).capitalize())
            return
        if not store.postgres and (full := want_of_room(sqlite_path(config.store.url, config.folder))) is not None:
            message = f"{full}; every delivery is answered 503"
            yield Finding("error", "disk", "store.url", message, "Make room; what providers send again is then taken.")
        if (closed := only_read(store)) is not None:
            fix = "Point store.url at the primary; several hosts and target_session_attrs=read-write find it."
            yield Finding("error", "read-only", "store.url", f"{closed}; every delivery is answered 503", fix)
        yield from _work(store, config)
    except SQLAlchemyError as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        yield Finding(
            "error", "store", "store.url", f"cannot be used ({reason})", "See whether it runs, and who may use it."
        )
    finally:
        store.close()


def _work(store: Store, config: Config) -> Iterator[Finding]:
    now, waiting = business_clock()(), backlog(store)
    late = [kind for kind in ("deliveries", "handoffs") if waiting[kind].age_s(now) > BEHIND_S]
    with store.read() as connection:
        entered = connection.execute(select(workers.c.id).limit(1)).first() is not None
        # Only the newest are looked through, so that a store without any costs no scan.
        newest_id = connection.execute(select(func.max(deliveries.c.id))).scalar() or 0
        unread = (deliveries.c.id > newest_id - LOOK_BACK, deliveries.c.state == QUARANTINED)
        quarantined = connection.execute(select(deliveries.c.id).where(*unread).limit(1)).first()
    who, fix = "no worker runs", "Start one: seamline worker"
    if entered and processes.beating(store):
        who, fix = (
            "the workers do not get to them",
            "Start more: seamline worker. One that waits says why: seamline why",
        )
    elif entered:
        who, fix = (
            "no worker has said of late that it lives",
            "Restart them: they hang, or stand still, or are no more.",
        )
    for kind in late:
        message = f"{waiting[kind].count} wait, the oldest for {int(waiting[kind].age_s(now) // 60)} minutes: {who}"
        yield Finding("error", "behind", kind, message, fix)
    yield from _held_up(store, config)
    yield from _seatless(store, config)
    yield from _idle_seats(store, config, now)
    yield from _overdue(store)
    yield from _paused(store)
    yield from _unsent(store)
    yield from _map(store)
    if waiting["dead"].count:
        message = f"{waiting['dead'].count} were given up"
        yield Finding("warning", "dead", "handoffs", message, "Look: seamline dead list; again: seamline replay")
    if quarantined is not None:
        fix = "Look: seamline deliveries list --state quarantined; again: seamline replay deliveries"
        yield Finding("warning", "quarantined", "deliveries", "some could not be read", fix)
    yield from troubles(store, now_us())
    yield from _silent(store, config, now)


def _held_up(store: Store, config: Config) -> Iterator[Finding]:
    """Sources whose deliveries no worker takes: those that are paused, and those that the configuration lost."""
    waiting = (
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.source_id == sources.c.id, deliveries.c.state == RECEIVED)
        .scalar_subquery()
    )
    with store.read() as connection:
        rows = connection.execute(select(sources.c.name, sources.c.state, waiting).order_by(sources.c.name)).all()
    for name, state, count in rows:
        subject = f"sources.{name}"
        if state == "paused":
            yield Finding("warning", "paused", subject, f"is paused; {count} wait", f"Go on: seamline resume {name}")
        if name not in config.sources and count:
            fix = f'Put it back, or write formerly = "{name}" in the source that it is now.'
            yield Finding("error", "not-configured", subject, f"{count} wait, but the source is gone", fix)


def _seatless(store: Store, config: Config) -> Iterator[Finding]:
    """Seats that the roster lost while there was work for them: no worker takes it."""
    process = _process(config)
    if process is None:
        return
    names = {seat.name for seat in process.roster.seats}
    gone: dict[str, int] = {}
    for (seat, state), count in by_seat(store).items():
        if seat not in names and state in ("ready", "retrying", "parked"):
            gone[seat] = gone.get(seat, 0) + count
    for seat, count in sorted(gone.items()):
        message = f"{count} wait for it, and there is no such seat any more"
        fix = f"Put it back, or call off each of: seamline handoffs list --seat {seat}; seamline handoffs cancel ID"
        yield Finding("error", "no-seat", f"seats.{seat}", message, fix)


def _process(config: Config) -> Process | None:
    """The process, where it is known whom events are handed to; what is wrong otherwise is said with the routing."""
    try:
        process = load_process(config)
    except ConfigError:
        return None
    return process if process.routed else None


def _idle_seats(store: Store, config: Config, now: int) -> Iterator[Finding]:
    """Seats that nothing was ever handed to, although the company has been at work for a while."""
    process = _process(config)
    with store.read() as connection:
        first = connection.execute(select(events.c.received_at).order_by(events.c.seq).limit(1)).scalar()
        worked = set(connection.execute(select(seats.c.name)).scalars())
    if process is None or first is None or now - first < NO_TRAFFIC.total_seconds() * 1_000_000:
        return
    for seat in process.roster.seats:
        if seat.name not in worked and any(seat.consumes(name) for name in catalogue()):
            message = f"has been handed nothing in more than {NO_TRAFFIC.days} days"
            fix = "See whether the sources tell what it owns; a seat that nobody needs is taken out."
            yield Finding("warning", "no-traffic", f"seats.{seat.name}", message, fix)


def _overdue(store: Store) -> Iterator[Finding]:
    """Deadlines whose time is long past and that nobody has fired: no worker looks, or it knows no such seat."""
    late = business_clock()() - int(OVERDUE.total_seconds() * 1_000_000)
    missed = select(func.count(), func.min(deadlines.c.due_at)).where(
        deadlines.c.state == "armed", deadlines.c.due_at < late
    )
    with store.read() as connection:
        count, oldest = connection.execute(missed).one()
    if count:
        message = f"{count} are past due, the oldest since {written(oldest)}"
        fix = "Start one: seamline worker. Where one runs, the seats that they are for are no longer in the roster."
        yield Finding("warning", "overdue", "deadlines", message, fix)


def _paused(store: Store) -> Iterator[Finding]:
    """Channels by which nothing goes out: their provider seems to be away, or a human said so."""
    with store.read() as connection:
        paused = [(one, one.paused_at) for one in standings(connection).values() if one.paused_at is not None]
    for one, since in paused:
        message = f"is paused since {written(since)}"
        fix = f"Go on: seamline channels resume {one.name}"
        if one.paused_by is not None:
            yield Finding("warning", "paused", f"channels.{one.name}", f"{message} by {one.paused_by}", fix)
            continue
        tried = "" if one.due is None else f"; one text is tried at {written(one.due)}"
        message += f": {MOST_FAILURES} sendings went wrong, the last: {one.reason}{tried}"
        fix = f"The rest follows once one went out. To try at once: seamline channels resume {one.name}"
        yield Finding("warning", "paused", f"channels.{one.name}", message, fix)


def _unsent(store: Store) -> Iterator[Finding]:
    """Texts that were approved and did not go out, and sendings of which nobody knows the end; by channel."""
    late = business_clock()() - int(UNSENT.total_seconds() * 1_000_000)
    stuck = UNSETTLED & drafts.c.state.in_(("approved", "dispatching")) & (drafts.c.decided_at < late)
    stuck &= drafts.c.not_before.is_(None) | (drafts.c.not_before < late)
    counted = select(drafts.c.channel, func.count(), func.min(drafts.c.decided_at), func.max(drafts.c.reason))
    with store.read() as connection:
        waiting = connection.execute(counted.where(stuck).group_by(drafts.c.channel).order_by(drafts.c.channel)).all()
        unknown = connection.execute(
            counted.where(UNSETTLED, drafts.c.state == "unknown").group_by(drafts.c.channel).order_by(drafts.c.channel)
        ).all()
    for channel, count, since, reason in waiting:
        message = f"{count} approved did not go out, the first since {written(since)}" + (
            f": {reason}" if reason else ""
        )
        fix = "They go out by themselves once the provider takes them, unless they expire. Look: seamline why draft ID"
        yield Finding("warning", "unsent", f"channels.{channel}", message, fix)
    for channel, count, since, reason in unknown:
        message = f"{count} may have gone out or not, the first of {written(since)}" + (f": {reason}" if reason else "")
        fix = "Look at the provider, then say so: seamline drafts resolve ID --result sent or failed --reason TEXT"
        fix += f"; of all at once: seamline drafts resolve-all --channel {channel}" if count > 1 else ""
        yield Finding("warning", "unknown-send", f"channels.{channel}", message, fix)


def _map(store: Store) -> Iterator[Finding]:
    """A changed boundary map that waits for its confirmation."""
    with store.read() as connection:
        holds, proposed = boundary.standing(connection)
    if holds is not None and proposed is not None and holds.map != proposed.map:
        rows = len(difference(holds.map, proposed.map))
        message = f"a changed map waits, {rows} rows differ; until it is confirmed the last one holds"
        fix = "Look: seamline boundary diff; the COO confirms: seamline boundary confirm"
        yield Finding("warning", "boundary", "boundary", message, fix)


def _silent(store: Store, config: Config, now: int) -> Iterator[Finding]:
    from seamline_workers.store.reading.moment import read
    from seamline_workers.store.reading.sources import Described

    limit = int(SILENT.total_seconds() * 1_000_000)
    described = {name: Described("", "", silent_us=limit) for name in config.sources}
    for source in list_sources(store, described, now=now, wall=now_us()):
        if source["name"] not in config.sources or source["state"] != "silent":
            continue
        last = source["last_delivery_at"]
        days = "" if last is None else f" for {(now - read(last, now)) // 86_400_000_000} days"
        message = f"has told nothing{days}" if last else "has never told anything"
        yield Finding(
            "warning", "silent", f"sources.{source['name']}", message, "See whether its webhook is still set up."
        )
