"""Seats that live elsewhere: a handoff goes out as a file or a request, and what comes back is its handler's result.

By request the answer comes at once. By file the handoff is done when the file is durable; a reply that comes later runs
it again, and what the seat asked for is then found in the store. Either way it is judged as any handler's: who may emit
what, what guards say, who approves. Nothing that a seat elsewhere says can send anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from seamline.call import Call
from seamline.delivery import Request
from seamline.effect import Effect
from seamline.envelope import ENGINE
from seamline.errors import ConfigError, NeedsHuman, PayloadError, TransportError, Uncertain
from seamline.events.base import Event
from seamline.inbox import Inbox
from seamline.remote import handed, read_effects
from seamline.seat import Seat
from seamline.signature.standard_webhooks import StandardWebhooks
from seamline.transport import Transport
from seamline_workers.handoff.reader import LedgerReader
from seamline_workers.store.lanes import Handoff
from seamline_workers.store.store import Store

#: What an inbox is called in a seat's declaration.
DIR = "dir:"
_REFUSED = range(400, 500)
#: Of these a provider means: not now.
_LATER = (408, 425, 429)
_REPLIES = text("SELECT body FROM replies WHERE event_seq = :seq AND seat = :seat ORDER BY id")


def inboxes(seat: Seat, folder: Path) -> tuple[Inbox, Inbox]:
    """What the engine writes for a seat that lives elsewhere, and what it reads of it."""
    assert seat.inbox is not None
    root = folder / seat.inbox.removeprefix(DIR)
    return Inbox(root, seat.name), Inbox(root / seat.name, "out", to=ENGINE)


@dataclass(frozen=True)
class Elsewhere:
    """Hands off to seats that live elsewhere. ``folder`` is where relative paths start; ``secrets`` are by seat."""

    store: Store
    folder: Path
    secrets: Mapping[str, str]
    transport: Transport
    prefix: str = "seamline"

    def make(self, seats: Mapping[str, Seat]) -> None:
        """Make the folders of the seats that have some. Raises ConfigError."""
        for seat in seats.values():
            if seat.elsewhere and seat.inbox:
                for inbox in inboxes(seat, self.folder):
                    try:
                        inbox.make()
                    except ConfigError as error:
                        raise ConfigError(f"seats.{seat.name}.inbox: {error}") from None
                    except OSError as error:
                        where = inbox.folder / inbox.seat
                        raise ConfigError(
                            f"seats.{seat.name}.inbox: {where} cannot be made: {error.strerror}"
                        ) from None

    def handle(self, seat: Seat, handoff: Handoff, event: Event, reader: LedgerReader) -> list[Effect]:
        """What the seat asks for. Raises what a handler raises."""
        if seat.endpoint:
            return self._post(seat, event, reader)
        replies = self._replies(seat, handoff)
        if replies is None:
            inbox, _ = inboxes(seat, self.folder)
            inbox.put(handed(event, seat.name, reader.account(), self.prefix))
        return replies or []

    def _replies(self, seat: Seat, handoff: Handoff) -> list[Effect] | None:
        """What the seat has replied by now, all of it, the first first; None: nothing."""
        with self.store.read() as connection:
            bodies = connection.execute(_REPLIES, {"seq": handoff.event_seq, "seat": seat.name}).scalars().all()
        found: list[Effect] = []
        for n, body in enumerate(bodies, 1):
            with suppress(*(() if n == len(bodies) else (NeedsHuman,))):  # it has gone on since
                found += read_effects(json.loads(body))
        return found if bodies else None

    def _post(self, seat: Seat, event: Event, reader: LedgerReader) -> list[Effect]:
        call = self._call(seat, handed(event, seat.name, reader.account(), self.prefix).to_json(), event)
        try:
            answer = self.transport.send(call)
        except Uncertain:
            raise
        except TransportError as error:
            raise PayloadError(f"{seat.name} elsewhere: {error}") from None
        if answer.status in _REFUSED:
            raise PayloadError(f"{seat.name} elsewhere refused it: {answer.status}")
        if not answer.body.strip():
            return []
        try:
            told = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise PayloadError(f"{seat.name} elsewhere answered what is no JSON") from None
        return read_effects(told)

    def _call(self, seat: Seat, body: bytes, event: Event) -> Call:
        assert seat.endpoint is not None
        # The same id whenever the handoff is tried again: who has seen it answers what it answered before.
        name = f"{event.envelope.sequence}-{seat.name}"
        headers = {"content-type": "application/json", "idempotency-key": name, "webhook-id": name}
        bare = Request.build("POST", seat.endpoint, body, headers)
        signed = StandardWebhooks().sign(bare, {"signing": (self.secrets[seat.name],)}, datetime.now(UTC))
        accept = [status for status in _REFUSED if status not in _LATER]
        return Call("handoff", seat.endpoint, method="POST", content=body, headers=signed.headers, accept=accept)


__all__ = ["DIR", "Elsewhere", "inboxes"]
