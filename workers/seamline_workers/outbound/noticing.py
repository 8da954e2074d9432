"""Noticing: humans are shown what waits for their decision, where they work; the rows say what each is still owed.

A notice is internal: it is posted at least once, a few times at most, and holds nothing up. What is shown is read when
it is posted, so that however late, nobody sees a text that is no longer there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from seamline.call import drive
from seamline.dispatch import NoticeDraft
from seamline.errors import NeedsHuman, RetryLater, SeamlineError, Uncertain
from seamline.gate import Gate
from seamline.transport import Transport
from seamline_workers.backoff import wait_s
from seamline_workers.log import log
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.store import notices
from seamline_workers.store.desk_schema import drafts
from seamline_workers.store.notices import Notice
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.interpret import from_us
from seamline_workers.translation.translate import again

#: Attempts before a notice is given up, and posts of which nobody knows whether they arrived.
MOST_ATTEMPTS, MOST_DOUBTS = 30, 3
#: Longest pause of our own between two attempts, and that after what a human must mend, in seconds.
LONGEST_PAUSE_S, MEND_PAUSE_S = 600.0, 900.0
#: States of a draft in which it waits for a decision.
WAITING = ("pending", "incomplete")


def ask(connection: Connection, outbound: Outbound, gate: Gate | None, draft_id: int, why: str) -> None:
    """Owe the approvers of a gate a look at a draft, under the lock of its account and last in its transaction.

    ``why``: what is new, in a line. Without a channel of approvals nobody is owed anything.
    """
    channel = outbound.approvals.channel
    if channel is not None and gate is not None:
        notices.owe(connection, draft_id, channel, outbound.told(gate), why, now_us())


@dataclass(frozen=True)
class Noticing:
    """Posts the notices that are owed, one at a time; one a process."""

    store: Store
    outbound: Outbound
    transport: Transport = field(default_factory=Transport)

    def due(self, connection: Connection) -> bool:
        return notices.any_due(connection, now_us())

    def some(self, token: int = 0) -> bool:
        """Post one notice. Returns whether there was one."""
        with self.store.begin() as connection:
            notice = notices.take(connection, token, now_us())
        if notice is None:
            return False
        with self.store.read() as connection:
            row = connection.execute(select(drafts).where(drafts.c.id == notice.draft_id)).first()
        if row is None or row.state not in WAITING:
            self._end(notice, token, state="void")
        elif (fault := self._fault(notice)) is not None:
            log.warning("notice_not_posted", notice=notice.id, channel=notice.channel, reason=fault)
            self._end(notice, token, state="failed", reason=fault)
        else:
            self._try(notice, row, token)
        return True

    def _fault(self, notice: Notice) -> str | None:
        """Why a notice may not be posted as the configuration is now; None: it may."""
        if notice.channel != self.outbound.approvals.channel:
            return f"{notice.channel} is the channel of approvals no more"
        if not self.outbound.is_ours(notice.channel, notice.recipient):
            return "the recipient is nobody of ours any more: nothing is shown to them"
        return None

    def _try(self, notice: Notice, row: Row[Any], token: int) -> None:
        pause = min(wait_s(notice.attempts, None), LONGEST_PAUSE_S)
        try:
            reference = self._post(notice, row)
        except Uncertain as error:
            self._doubt(notice, token, error.reason, pause)
        except RetryLater as error:
            self._later(notice, token, error.reason, pause if error.after is None else wait_s(1, error.after))
        except NeedsHuman as error:
            self._later(notice, token, error.reason, MEND_PAUSE_S)
        except SeamlineError as error:
            self._later(notice, token, str(error), pause)
        except Exception as error:  # an adapter's own fault
            self._later(notice, token, type(error).__name__, MEND_PAUSE_S)
        else:
            self._end(notice, token, state="sent", ref=reference)

    def _post(self, notice: Notice, row: Row[Any]) -> str:
        channel = self.outbound.channels[notice.channel]
        send = self.transport.sender(channel.adapter, channel.secrets)
        reference, _ = drive(channel.adapter.notice(notice.recipient, _words(notice, row), _shown(row)), send)
        return str(reference)

    def _doubt(self, notice: Notice, token: int, reason: str, pause: float) -> None:
        doubts = notice.doubts + 1
        if doubts >= MOST_DOUBTS:
            self._end(notice, token, state="sent", reason=f"nobody knows whether it arrived: {reason}")
        else:
            self._later(notice._replace(doubts=doubts), token, reason, pause)

    def _later(self, notice: Notice, token: int, reason: str, pause: float) -> None:
        log.warning("notice_not_posted", notice=notice.id, channel=notice.channel, reason=reason)
        if notice.attempts >= MOST_ATTEMPTS:
            self._end(notice, token, state="failed", reason=reason)
            return
        due = now_us() + int(max(1.0, pause) * 1_000_000)

        def write() -> None:
            with self.store.begin() as connection:
                notices.postpone(connection, notice, token, due, notice.doubts, reason)

        again(write)

    def _end(
        self, notice: Notice, token: int, *, state: str, ref: str | None = None, reason: str | None = None
    ) -> None:
        def write() -> None:
            with self.store.begin() as connection:
                notices.end(connection, notice, token, now_us(), state=state, ref=ref, reason=reason)

        again(write)


def _shown(row: Row[Any]) -> NoticeDraft | None:
    """What has buttons: a text that could be approved as it stands. Nobody approves a file that they do not see."""
    if row.state != "pending" or json.loads(row.attachments):
        return None
    return NoticeDraft(str(row.id), row.sha256, row.subject, row.body)


def _words(notice: Notice, row: Row[Any]) -> str:
    """What stands above a draft: what is new, to whom it goes, by when, and what is to be known besides."""
    to = ", ".join(json.loads(row.recipients)) or "nobody yet"
    lines = [notice.text, f"Draft {row.id} of {row.seat}, by {row.channel or 'no channel'} to {to}"]
    if row.due_at is not None:
        lines.append(f"Due at {from_us(row.due_at):%Y-%m-%d %H:%M} UTC; without a decision it is never sent.")
    missing = json.loads(row.missing)
    if missing:
        lines.append(f"Its author did not have: {', '.join(missing)}. Decide at the desk.")
    if row.state == "incomplete":
        lines.append("It lacks a recipient, a channel or its text: edit it at the desk.")
    files = [one["name"] for one in json.loads(row.attachments)]
    if files:
        lines.append(f"With it go: {', '.join(files)}. Decide at the desk, where they can be read.")
    # What an agent wrote into one line makes no further one that looks like ours.
    return "\n".join(" ".join(line.split()) for line in lines)
