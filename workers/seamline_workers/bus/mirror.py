"""The mirror: an inbox folder for every agent seat inside the process, with what other seats told it, to be looked at.

The messages are the truth; the files are written after the commit, from the record, by whichever process looks first.
How far they are stands in the folder itself: one that is deleted is written anew. A file moves to ``done`` when the
seat has handled its message.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text

from seamline.envelope import Envelope, read_envelope, sender
from seamline.errors import ConfigError, PayloadError
from seamline.events import MessageDelivered
from seamline.inbox import DONE, NEW, Inbox, read_plain
from seamline.remote import MESSAGE
from seamline.seat import Seat
from seamline_workers.log import log
from seamline_workers.store.reading.query import row_id
from seamline_workers.store.schema import RETRYING
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import from_us

#: Entries of the record that one look takes, and seconds between looks at what has been handled.
BATCH, TIDY_S = 500, 5.0
#: Seconds until a folder that could not be written is tried again.
AGAIN_S = 60.0
#: How long a file is kept after its message was handled.
KEPT = timedelta(days=30)

_HEAD = text("SELECT recorded FROM ledger_head WHERE id = 1")
_ENTRIES = text("""
SELECT seq, at, action, subject, event_seq, cause, content FROM record WHERE seq > :after AND seq <= :upto ORDER BY seq
""")
_HANDLED = text(f"""
SELECT event_seq FROM handoffs WHERE event_seq IN :seqs AND seat = :seat AND state > {RETRYING}
""").bindparams(bindparam("seqs", expanding=True))


@dataclass
class Mirror:
    """Writes the inbox folders of the seats inside. Any number of processes may look; one at a time writes."""

    store: Store
    seats: Sequence[Seat]
    folder: Path
    _known: int = field(default=0, init=False)
    _tidied: float = field(default=0.0, init=False)
    _not_before: float = field(default=0.0, init=False)
    #: What the files that wait tell of, by seat and name; None: it is none of ours. Each is read once.
    _read: dict[tuple[str, str], int | None] = field(default_factory=dict, init=False, repr=False)

    def due(self, connection: Connection) -> bool:
        if now_us() / 1e6 < self._not_before:
            return False
        return int(connection.execute(_HEAD).scalar_one()) > self._known or self._tidy_due()

    def some(self, token: int = 0) -> bool:
        """Write what is not written yet. Returns whether there is likely more.

        A folder that cannot be written holds nothing up: it is tried again a minute later.
        """
        try:
            return self._mirrored()
        except (OSError, ConfigError) as error:
            self._not_before = now_us() / 1e6 + AGAIN_S
            reason = error.strerror if isinstance(error, OSError) else str(error)
            log.warning("mirror_unwritable", folder=str(self.folder), error=type(error).__name__, reason=reason)
            return False

    def _mirrored(self) -> bool:
        with self._alone() as mine:
            if not mine:
                return False
            inboxes = self._inboxes()
            if self._tidy_due():
                self._tidied = now_us() / 1e6
                for inbox in inboxes.values():
                    self._tidy(inbox)
            return self._write(inboxes)

    def _tidy_due(self) -> bool:
        return now_us() / 1e6 - self._tidied > TIDY_S

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _inboxes(self) -> dict[str, Inbox]:
        inside = [seat.name for seat in self.seats if seat.kind == "agent" and not seat.elsewhere]
        return {name: Inbox(self.folder, name).make() for name in inside}

    def _write(self, inboxes: Mapping[str, Inbox]) -> bool:
        place = self.folder / ".mirrored"
        after = int(place.read_text("ascii")) if place.exists() else 0
        with self.store.read() as connection:
            upto = int(connection.execute(_HEAD).scalar_one())
            last = min(upto, after + BATCH)
            rows = connection.execute(_ENTRIES, {"after": after, "upto": last}).all()
        for row in rows:
            if row.action == MessageDelivered.event_type and row.content is not None:
                told = json.loads(row.content)
                if told["to_seat"] in inboxes:
                    _put(inboxes[told["to_seat"]], row, told)
        if last > after:
            written = self.folder / ".mirrored.tmp"
            written.write_text(str(last), "ascii")
            os.replace(written, place)
        self._known = last
        return last < upto

    def _waiting(self, inbox: Inbox) -> dict[int, str]:
        """The files that wait in an inbox, by the ledger numbers of their messages."""
        names = {path.name for path in inbox.path(NEW).glob("*.json")}
        for key in [key for key in self._read if key[0] == inbox.seat and key[1] not in names]:
            del self._read[key]
        found: dict[int, str] = {}
        for name in names:
            key = inbox.seat, name
            if key not in self._read:
                self._read[key] = _event(inbox, name)
            if (event := self._read[key]) is not None:
                found[event] = name
        return found

    def _tidy(self, inbox: Inbox) -> None:
        """Move to ``done`` what its seat has handled, and delete what is old."""
        waiting = self._waiting(inbox)
        numbers = sorted(waiting)
        for start in range(0, len(numbers), BATCH):
            some = numbers[start : start + BATCH]
            with self.store.read() as connection:
                done = connection.execute(_HANDLED, {"seqs": some, "seat": inbox.seat}).scalars().all()
            for seq in done:
                inbox.move(waiting[seq], NEW, DONE)
        inbox.prune(KEPT)


def _event(inbox: Inbox, name: str) -> int | None:
    """The ledger number of the message in a file; None: it is not ours, and not ours to move."""
    with contextlib.suppress(OSError, PayloadError, KeyError):
        return row_id(str(read_envelope(read_plain(inbox.path(NEW, name)), to=inbox.seat).body["event"]))
    return None


def _put(inbox: Inbox, row: Row[Any], told: dict[str, Any]) -> None:
    """Write a message's file. One that no envelope can hold is passed over: it stops no other."""
    try:
        inbox.put(_envelope(row, told))
    except ValueError as error:
        log.warning("message_not_mirrored", message=told["message_id"], error=type(error).__name__)


def _envelope(row: Row[Any], told: dict[str, Any]) -> Envelope:
    return Envelope.model_validate(
        {
            "id": told["message_id"],
            "type": told["kind"],
            "from": sender(told["from_seat"]),
            "to": told["to_seat"],
            "account": str(row.subject),
            "topic": told.get("topic", ""),
            "conversation": told.get("conversation") or told["message_id"],
            "exchange": told.get("exchange", 1),
            "in_reply_to": told.get("in_reply_to"),
            "needs_response_by": told.get("needs_response_by"),
            "cause": () if row.cause is None else (str(UUID(bytes=bytes(row.cause))),),
            "body": {
                "schema": MESSAGE,
                "message": told["message_id"],
                "text": told.get("body", ""),
                "event": str(row.event_seq),
            },
            "created_at": from_us(row.at),
        }
    )


__all__ = ["Mirror"]
