"""What the configuration names, made real: adapters by their entry points, sources, the company's roster."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import extract_tb

from seamline.adapter import Adapter
from seamline.boundary import Roster
from seamline.errors import ConfigError
from seamline.seat import Seat
from seamline.signature.choice import check
from seamline.signature.standard_webhooks import StandardWebhooks
from seamline_workers.clock import Clock, business_clock
from seamline_workers.company.config import Config, SourceSection, live_from_us
from seamline_workers.store.sources import SourceRow, register_source
from seamline_workers.store.store import Store

GROUP = "seamline.adapters"


@dataclass(frozen=True)
class Source:
    """One configured way in, at run time. ``live_from`` in microseconds; ``trust`` is that of its deliveries."""

    id: int
    stable: str
    name: str
    adapter: Adapter
    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    trust: str
    live_from: int
    allow: tuple[str, ...] | None
    max_body: int

    def may_tell(self, event_type: str) -> bool:
        """Whether the source may tell an event of this type: what its adapter emits and the source allows."""
        return event_type in self._told

    def may_decide(self) -> bool:
        """Whether a button pressed there can decide on a draft: only where the press itself is proved.

        A source that lists what it may tell lists ``approval.decided`` for it.
        """
        proved = self.trust in ("signed", "authenticated")
        return proved and (self.allow is None or any(fnmatchcase("approval.decided", glob) for glob in self.allow))

    @cached_property
    def _told(self) -> frozenset[str]:
        emitted = {event.event_type for event in self.adapter.emits}
        return frozenset(
            name for name in emitted if self.allow is None or any(fnmatchcase(name, glob) for glob in self.allow)
        )


def installed() -> dict[str, EntryPoint]:
    """The adapters that are installed, by name, not yet imported."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load_adapter(name: str) -> type[Adapter]:
    """Import an adapter's class. Raises ConfigError."""
    found = installed()
    if name not in found:
        raise ConfigError(f"no adapter {name!r} is installed; there are: {', '.join(sorted(found))}")
    try:
        adapter = found[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the adapter {name!r} cannot be loaded: {error}") from error
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        raise ConfigError(f"the entry point {name!r} in {GROUP} is not a subclass of seamline.Adapter")
    if adapter.name != name:
        raise ConfigError(f"the adapter behind the entry point {name!r} calls itself {adapter.name!r}; make them equal")
    return adapter


def build_adapters(config: Config) -> dict[str, Adapter]:
    """The adapter of each source with its settings, checked against the source. Raises ConfigError."""
    return {name: _build(name, section) for name, section in config.sources.items()}


def _build(name: str, section: SourceSection) -> Adapter:
    where = f"sources.{name}"
    try:
        adapter = load_adapter(section.adapter)(section.settings)
        scheme = adapter.scheme
        check(scheme, section.secrets)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    if adapter.sends and not adapter.emits:
        raise ConfigError(f"{where}: {adapter.name} takes nothing in; write it under [channels.{name}]")
    if scheme is None and section.trust != "unverified":
        raise ConfigError(
            f"{where}.trust: {adapter.name} gives no proof of who sends; "
            f'write trust = "unverified" if anybody who knows the address may send'
        )
    if adapter.needs_allow and section.allow is None:
        raise ConfigError(
            f'{where}.allow: list the event types that this source may tell, such as ["lead.*"]; '
            f"{adapter.name} could tell any"
        )
    return adapter


def register_sources(store: Store, config: Config, clock: Clock | None = None) -> dict[str, Source]:
    """Check the configured sources and enter them in the store. Raises ConfigError. Returns them by name.

    ``clock``: the one of business time; else the process's.
    """
    adapters, now = build_adapters(config), (clock or business_clock())()
    with store.begin() as connection:
        rows = {
            # Renamed ones first: a new source may take the name that they leave.
            name: register_source(
                connection,
                name,
                section.adapter,
                live_from=None if section.live_from is None else live_from_us(section.live_from),
                formerly=section.formerly,
                now=now,
            )
            for name, section in sorted(config.sources.items(), key=lambda item: (item[1].formerly is None, item[0]))
        }
    return {name: _source(rows[name], adapters[name], config.sources[name]) for name in config.sources}


def _source(row: SourceRow, adapter: Adapter, section: SourceSection) -> Source:
    return Source(
        id=row.id,
        stable=row.stable,
        name=row.name,
        adapter=adapter,
        secrets=section.secrets,
        trust=section.trust or adapter.trust,
        live_from=row.live_from,
        allow=section.allow,
        max_body=section.max_body,
    )


def load_roster(config: Config) -> Roster:
    """Import the company's seats from its folder and lay the configuration's ``[seats.*]`` over them.

    Raises ConfigError. A company that names no seats has none: its events are kept and handed to nobody.
    """
    roster = _import_roster(config) if config.company.seats is not None else Roster(())
    known = {seat.name for seat in roster.seats}
    for name in config.seats:
        if name not in known:
            raise ConfigError(f"seats.{name}: there is no such seat; there are: {', '.join(sorted(known)) or 'none'}")
    seats = [_override(seat, config) for seat in roster.seats]
    for seat in seats:
        if seat.endpoint is not None and seat.kind == "agent":
            _check_endpoint(seat, config)
    return replace(roster, seats=seats, timezone=config.company.timezone)


def _check_endpoint(seat: Seat, config: Config) -> None:
    """Raise ConfigError where nothing could be signed for a seat that lives at an address."""
    told = config.seats.get(seat.name)
    if told is None or told.secret is None:
        raise ConfigError(f"seats.{seat.name}.secret: what is posted there is signed; write env:NAME or file:PATH")
    try:
        StandardWebhooks().check({"signing": (told.secret,)})
    except ConfigError as error:
        raise ConfigError(f"seats.{seat.name}.secret: {error}") from None


def _import_roster(config: Config) -> Roster:
    reference = config.company.seats
    assert reference is not None
    module_name, _, attribute = reference.partition(":")
    folder = str(config.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ConfigError:
        raise
    except Exception as error:  # the module's own code, or what it imports
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigError(f"company.seats: there is no module {error.name} in {folder}; {_WRITE}") from error
        raise ConfigError(f"company.seats: importing {module_name} raised {_told(error, folder)}") from error
    if not hasattr(module, attribute):
        known = ", ".join(name for name, value in vars(module).items() if isinstance(value, Roster)) or "none"
        raise ConfigError(f"company.seats: {module_name} has no {attribute!r}; its rosters are: {known}; {_WRITE}")
    found = getattr(module, attribute)
    if not isinstance(found, Roster):
        raise ConfigError(f"company.seats: {reference} is a {type(found).__name__}, not a seamline Roster")
    return found


_WRITE = 'write module:attribute, such as "company.seats:roster"'


def _told(error: Exception, folder: str) -> str:
    """An error of somebody else's module: what, and where: the last line of the company's own that led there."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} at {error.filename}:{error.lineno}"
    frames = extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    frame = (own or frames)[-1]
    return f"{type(error).__name__}: {error} at {frame.filename}:{frame.lineno}"


def _override(seat: Seat, config: Config) -> Seat:
    wanted = config.seats.get(seat.name)
    if wanted is None:
        return seat
    try:
        return replace(
            seat,
            kind=wanted.kind or seat.kind,
            facing=wanted.facing or seat.facing,
            assignee=wanted.assignee or seat.assignee,
            inbox=wanted.inbox or seat.inbox,
            endpoint=wanted.endpoint or seat.endpoint,
        )
    except ConfigError as error:
        raise ConfigError(f"seats.{seat.name}: {error}") from error
