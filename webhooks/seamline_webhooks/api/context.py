"""What the API works on, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import State

from seamline_webhooks.api.problem import Problem
from seamline_workers.clock import business_clock
from seamline_workers.company.config import ROLES, Config, Token
from seamline_workers.company.process import Process
from seamline_workers.company.registry import Source
from seamline_workers.outbound.boundary import may_confirm
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.rules.plan import Plan
from seamline_workers.store.reading.events import Wire
from seamline_workers.store.reading.sources import Described
from seamline_workers.store.store import Store


@dataclass(frozen=True)
class Actor:
    """The human behind a token. Each role may do what those before it may."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def unmasked(self) -> bool:
        """Whether personal fields and bodies are shown."""
        return self.may("operator")


def _digest(value: str) -> bytes:
    return sha256(value.encode()).digest()


class Keyring:
    """The tokens, as digests. Every comparison takes the same time, whatever is asked."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._actors = [(_digest(token.value), Actor(token.name, token.role)) for token in tokens]

    def __bool__(self) -> bool:
        return bool(self._actors)

    def actor(self, value: str) -> Actor | None:
        """Whose token this is."""
        given, found = _digest(value), None
        for digest, actor in self._actors:
            if compare_digest(digest, given):
                found = actor
        return found


class Api:
    """What the API works on: the running application's store and sources, and the configuration."""

    def __init__(self, state: State, config: Config, process: Process) -> None:
        self._state = state
        self.process = process
        self._people = config.people
        self._public_url = config.company.public_url.rstrip("/")
        self.prefix = config.company.event_prefix
        self.roster = process.roster
        #: Business time in microseconds, as the workers have it.
        self.clock = business_clock()
        self.plan = Plan(self.roster, self.clock)
        self._keyring = Keyring(config.api.tokens)
        self.outbound = Outbound.of(config, self.roster, self.clock)

    @property
    def store(self) -> Store:
        store: Store = self._state.store
        return store

    @property
    def closing(self) -> bool:
        """Whether the server is asked to end: streams end by themselves then."""
        told: Callable[[], bool] | None = self._state.get("closing")
        return told is not None and told()

    def described(self) -> dict[str, Described]:
        """What is configured of each source, asked anew each time: sources may be read again."""
        sources: Mapping[str, Source] = self._state.get("sources", {})
        url = self._public_url
        return {name: Described(f"{url}/webhooks/{name}", source.trust) for name, source in sources.items()}

    def is_coo(self, actor: Actor) -> bool:
        """Whether a human may confirm the boundary map: the COO by the token's name or address, or an admin."""
        person = self._people.get(actor.name)
        names = (actor.name, person.email if person is not None and person.email else actor.name)
        return actor.may("admin") or any(may_confirm(self.roster, name) for name in names)

    def review(self) -> dict[str, Any]:
        """What drafts are shown by: business time, and the names that no customer should read."""
        agents = {seat.name for seat in self.roster.seats if seat.kind == "agent"}
        return {"now": self.outbound.clock(), "seats": agents}

    def wire(self, actor: Actor) -> Wire:
        return Wire(self.prefix, actor.unmasked)

    def admit(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Actor:
        """Who asks, by the bearer token. Raises Problem 401."""
        if not self._keyring:
            raise Problem("unauthenticated", "No token is configured; write one under [api] tokens and start again.")
        scheme, _, value = connection.headers.get("authorization", "").partition(" ")
        actor = self._keyring.actor(value.strip()) if scheme.lower() == "bearer" else None
        if actor is None:
            raise Problem("unauthenticated", "Send a known token: Authorization: Bearer <value>.")
        return actor
