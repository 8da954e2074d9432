"""Fetch: items that want an answer from their provider's API before they can be read, beside their source's lane.

A fetch of several calls that fails is tried again from the call that failed: the answers before it are kept with the
item, and the adapter asks for what is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from seamline.call import Answer, Call, drive
from seamline.errors import NeedsHuman, RetryLater, SeamlineError, SecretMissing, Uncertain
from seamline.transport import Transport
from seamline_workers.backoff import wait_s
from seamline_workers.company.registry import Source
from seamline_workers.crashpoint import reach
from seamline_workers.store import deliveries, lanes
from seamline_workers.store.deliveries import DeliveryRow, Waiting
from seamline_workers.store.effects import source_needs_human
from seamline_workers.store.schema import FETCHING, NEEDS_PERSON, QUARANTINED
from seamline_workers.store.store import now_us
from seamline_workers.translation import interpret
from seamline_workers.translation.interpret import Told
from seamline_workers.translation.translate import Translator, again, append_told

#: Items a lease.
SOME = 8
#: An item that was taken is due again after so many microseconds, should its process die.
LEASE_US = 60_000_000
#: Attempts before an item is quarantined.
ATTEMPTS = 12


@dataclass
class Fetcher:
    """Fetches what waiting items want, through the one transport."""

    translator: Translator
    sources: Mapping[int, Source]
    transport: Transport = field(default_factory=Transport)

    def due(self, connection: Connection) -> bool:
        return lanes.fetches_due(connection, now_us())

    def some(self, token: int = 0) -> bool:
        """Fetch a few items. Returns whether there were as many as one lease takes."""
        now = now_us()
        with self.translator.store.begin() as connection:
            waiting = deliveries.lease_fetches(connection, token, now, now + LEASE_US, SOME)
        for item in waiting:
            reach("fetch.leased")
            self._one(item, token)
        return len(waiting) == SOME

    def _one(self, item: Waiting, token: int) -> None:
        source = self.sources.get(item.source_id)
        if source is None:
            return
        if item.attempts >= ATTEMPTS:
            # `_later` ends what fails; who comes this far ended its process, or its thread, each time.
            self._end(item, token, QUARANTINED, f"fetch: begun {item.attempts} times and never ended")
            return
        with self.translator.store.read() as connection:
            row = deliveries.one(connection, item.delivery_id)
        assert row is not None
        reading = interpret.split(source, row, self.translator.public_url)
        told = next((one for one in reading.items if one.n == item.n), None)
        if told is None:
            self._end(item, token, QUARANTINED, reading.error or "the item is no longer told by its delivery")
            return
        if item.before is not None:
            told.item = replace(told.item, before=json.loads(item.before))
        told.item = replace(told.item, answers=interpret.unpack_answers(item.answers))
        send, answers = self.transport.sender(source.adapter, source.secrets), dict(told.item.answers)
        newest: list[str] = []

        def keeping(call: Call) -> Answer:
            newest.clear()
            answers[call.name] = answer = send(call)
            newest.append(call.name)
            return answer

        try:
            drive(source.adapter.fetch(told.item), keeping)
        except SecretMissing as error:
            if interpret.lacks_optional(source, error.name):
                skipped = f"fetch skipped: the source has no secret {error.name!r}"
                self._tell(item, token, source, row, Told(told.n, replace(told.item, answers=answers), reason=skipped))
            else:
                self._to_human(item, token, source, error.reason)
        except RetryLater as error:
            for name in newest:  # it said so itself: what it answers next time is another answer
                del answers[name]
            self._later(item, token, error, answers)
        except NeedsHuman as error:
            self._to_human(item, token, source, error.reason)
        except Uncertain as error:
            self._to_human(item, token, source, str(error))
        except SeamlineError as error:
            self._end(item, token, QUARANTINED, f"fetch: {error}")
        except BaseException as error:  # also what would end the thread
            self._end(item, token, QUARANTINED, f"fetch: {type(error).__name__}")
        else:
            reach("fetch.answered")
            self._tell(item, token, source, row, Told(told.n, replace(told.item, answers=answers)))

    def _tell(self, item: Waiting, token: int, source: Source, row: DeliveryRow, told: Told) -> None:
        self.translator.read(source, row, told)
        packed = interpret.pack_answers(told.item.answers)

        def record() -> None:
            with self.translator.store.begin() as connection:
                if deliveries.end_item(connection, item, token, told.state, reason=told.reason, answers=packed):
                    append_told(connection, self.translator.plan, [told], now := self.translator.clock())
                    self.translator.judge(connection, source, row, told, now)
                    deliveries.settle(connection, item.delivery_id)
                reach("fetch.commit")

        again(record)
        reach("fetch.committed")

    def _later(self, item: Waiting, token: int, error: RetryLater, answers: Mapping[str, Answer]) -> None:
        if item.attempts + 1 >= ATTEMPTS:
            self._end(item, token, QUARANTINED, f"fetch: {error.reason} (attempt {item.attempts + 1})")
            return
        with self.translator.store.begin() as connection:
            due = now_us() + int(wait_s(item.attempts + 1, error.after) * 1_000_000)
            kept, reason = interpret.pack_answers(answers), f"fetch: {error.reason}"
            deliveries.end_item(connection, item, token, FETCHING, reason=reason, due=due, answers=kept)

    def _to_human(self, item: Waiting, token: int, source: Source, reason: str) -> None:
        with self.translator.store.begin() as connection:
            if deliveries.end_item(connection, item, token, NEEDS_PERSON, reason=f"fetch: {reason}"):
                source_needs_human(connection, source.name, reason, self.translator.clock())
                deliveries.settle(connection, item.delivery_id)

    def _end(self, item: Waiting, token: int, state: int, reason: str) -> None:
        with self.translator.store.begin() as connection:
            if deliveries.end_item(connection, item, token, state, reason=reason):
                deliveries.settle(connection, item.delivery_id)
