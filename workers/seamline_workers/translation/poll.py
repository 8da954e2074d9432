"""Poll: ask a provider's API for what is new, on a schedule or after a nudge. Its pages become deliveries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, text

from seamline.call import Answer, Call, drive
from seamline.errors import NeedsHuman, RetryLater, SeamlineError
from seamline.transport import Transport
from seamline_workers.backoff import wait_s
from seamline_workers.clock import Clock, business_clock
from seamline_workers.company.registry import Source
from seamline_workers.crashpoint import reach
from seamline_workers.store.arrival import storable_key
from seamline_workers.store.effects import source_needs_human
from seamline_workers.store.store import Store, now_us, unheld
from seamline_workers.translation.interpret import lacks_optional

#: A poll that was taken is due again after so many microseconds, should its process die.
LEASE_US = 120_000_000
#: Longest pause of our own after a poll that failed, in seconds: however long a provider was away, what it tells is
#: read soon after it is back.
LONGEST_PAUSE_S = 3600.0


class Overtaken(Exception):
    """Raised where a poll lost its lease while it ran: nothing that it has read is kept."""


class Due(NamedTuple):
    """A poll whose time has come."""

    source_id: int
    poll: str
    scope: str
    cursor: str | None
    baseline: int
    attempts: int


_ADD = text("""
INSERT INTO polls (source_id, poll, due) VALUES (:source, :poll, :now) ON CONFLICT (source_id, poll, scope) DO NOTHING
""")
_NEXT = """
SELECT source_id, poll, scope, cursor, baseline, attempts FROM polls
WHERE due <= :now AND (lease IS NULL OR lease <= :now) ORDER BY due LIMIT 1
"""
# `due` below `until` at the end: a nudge came meanwhile, and the poll may have been past what it told of.
_TAKE = text("""
UPDATE polls SET due = :until, lease = :until, attempts = attempts + 1
WHERE source_id = :source AND poll = :poll AND scope = :scope
""")
_RENEW = text("""
UPDATE polls SET due = CASE WHEN due < :until THEN due ELSE :fresh END, lease = :fresh
WHERE source_id = :source AND poll = :poll AND scope = :scope AND lease = :until
""")
_DONE = text("""
UPDATE polls SET cursor = :cursor, baseline = 0, due = CASE WHEN due < :until THEN due ELSE :due END, lease = NULL,
    attempts = 0, reason = NULL, done_at = :now
WHERE source_id = :source AND poll = :poll AND scope = :scope AND lease = :until
""")
_FAILED = text("""
UPDATE polls SET due = :due, lease = NULL, reason = :reason
WHERE source_id = :source AND poll = :poll AND scope = :scope AND lease = :until
""")
_STORE = text("""
INSERT INTO deliveries (source_id, key, digest, target, headers, body, size, received_at, trust, poll, scope, baseline)
VALUES (:source, :asked, :digest, :target, :headers, :body, :size, :now, 'polled', :poll, :scope, :baseline)
ON CONFLICT (source_id, key, digest) DO NOTHING
""")


@dataclass
class Poller:
    """Runs the polls that are due, one at a time for each (source, poll, scope)."""

    store: Store
    sources: Mapping[int, Source]
    transport: Transport = field(default_factory=Transport)
    clock: Clock = field(default_factory=business_clock)

    def arm(self) -> None:
        """Enter the polls of every source; not where it does without the API: its secret is optional and not there."""
        with self.store.begin() as connection:
            for source in self.sources.values():
                if lacks_optional(source, "api"):
                    continue
                for name in source.adapter.polls:
                    connection.execute(_ADD, {"source": source.id, "poll": name, "now": now_us()})

    def due(self, connection: Connection) -> bool:
        return connection.execute(text(_NEXT), {"now": now_us()}).first() is not None

    def some(self, token: int = 0) -> bool:
        """Run one poll that is due. Returns whether there was one."""
        now = now_us()
        with self.store.begin() as connection:
            row = unheld(connection, _NEXT, {"now": now}).first()
            if row is None:
                return False
            due = Due._make(row)
            key = {"source": due.source_id, "poll": due.poll, "scope": due.scope}
            key["until"] = now + LEASE_US
            connection.execute(_TAKE, key)
        reach("poll.leased")
        source = self.sources.get(due.source_id)
        if source is not None:
            self._run(source, due, key)
        return True

    def _run(self, source: Source, due: Due, key: dict[str, object]) -> None:
        pages: list[tuple[Call, Answer]] = []
        send = self.transport.sender(source.adapter, source.secrets)

        def keep(call: Call) -> Answer:
            answer = send(call)
            reach("poll.answered")
            self._renew(key)
            pages.append((call, answer))
            return answer

        try:
            cursor, _ = drive(source.adapter.poll(due.poll, due.scope, due.cursor), keep)
        except RetryLater as error:
            wait = wait_s(due.attempts + 1, error.after)
            self._failed(key, error.reason, wait if error.after is not None else min(wait, LONGEST_PAUSE_S))
        except NeedsHuman as error:
            self._failed(key, error.reason, LONGEST_PAUSE_S)
            with self.store.begin() as connection:
                source_needs_human(connection, source.name, error.reason, self.clock())
        except SeamlineError as error:
            self._failed(key, str(error), LONGEST_PAUSE_S)
        except BaseException as error:  # also what would end the thread
            self._failed(key, type(error).__name__, LONGEST_PAUSE_S)
        else:
            self._keep(source, due, key, pages, cursor)

    def _renew(self, key: dict[str, object]) -> None:
        """A poll of many pages goes on for longer than one lease. Raises Overtaken where somebody else has it."""
        fresh = now_us() + LEASE_US
        with self.store.begin() as connection:
            if connection.execute(_RENEW, key | {"fresh": fresh}).rowcount != 1:
                raise Overtaken
        key["until"] = fresh

    def _keep(
        self, source: Source, due: Due, key: dict[str, object], pages: list[tuple[Call, Answer]], cursor: str
    ) -> None:
        """Store the pages as deliveries and move the cursor, in one transaction."""
        now, received = now_us(), self.clock()
        every = source.adapter.polls.get(due.poll)
        with self.store.begin() as connection:
            for call, answer in pages:
                binds = {
                    # The same bytes in answer to another question are another page.
                    "asked": storable_key(f"{due.poll}/{due.scope}/{call.name}"),
                    "digest": hashlib.sha256(answer.body).digest(),
                    "target": f"/polls/{due.poll}/{call.name}",
                    "headers": json.dumps({"content-type": answer.headers.get("content-type", "")}),
                    "body": answer.body,
                    "size": len(answer.body),
                    "now": received,
                    "baseline": due.baseline,
                }
                connection.execute(_STORE, key | binds)
            again = now + (int(every.total_seconds() * 1_000_000) if every is not None else 3_600_000_000)
            connection.execute(_DONE, key | {"cursor": cursor, "due": again, "now": now})
            reach("poll.commit")
        reach("poll.committed")

    def _failed(self, key: dict[str, object], reason: str, wait: float) -> None:
        with self.store.begin() as connection:
            due = now_us() + int(wait * 1_000_000)
            connection.execute(_FAILED, key | {"due": due, "reason": reason.replace("\x00", "")[:500]})
