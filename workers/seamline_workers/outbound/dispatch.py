"""Dispatch: what a human has approved goes out by its channel, to the letter, once.

The instant of sending is the commit of approved -> dispatching, under the lock of the account with every guard asked
again. What is not known to have been sent after that is a human's business, and is never sent again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from seamline.call import Answer, Call, Submission, drive
from seamline.dispatch import ApprovedDispatch
from seamline.errors import CallRefused, EgressRefused, NeedsHuman, RetryLater, SeamlineError, Uncertain
from seamline.guard import Refusal
from seamline.transport import Transport
from seamline_workers.backoff import wait_s
from seamline_workers.company.channel import Channel
from seamline_workers.crashpoint import reach
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.outbound.reviewing import against, dispatch_of, refusals, unapproved, unsendable
from seamline_workers.outbound.sending import Sent, Settling, kept
from seamline_workers.store import channels, ledger
from seamline_workers.store.channels import BLOCKED
from seamline_workers.store.drafts import Held, change, hold
from seamline_workers.store.store import Store, now_us
from seamline_workers.translation.translate import again

#: Drafts of one channel that a job looks at.
SOME = 8

# What has lapsed is looked at although it waits for its next try, or for its channel: it is never sent, and is given
# back in time.
_FREE = f"""
((channel NOT IN ({BLOCKED}) AND (again_at IS NULL OR again_at <= :wall)) OR expires_at <= :now)
"""
_DUE = f"""
SELECT id FROM drafts WHERE state = 'approved' AND wake_at <= :now AND {{which}} AND {_FREE}
ORDER BY wake_at, id LIMIT :n
"""
_OF_CHANNEL = text(_DUE.format(which="channel = :channel"))
_OF_NONE = text(_DUE.format(which="channel NOT IN :channels")).bindparams(bindparam("channels", expanding=True))
# What waits for its next try, or for a channel that is paused, holds up no other of the account.
_FIRST = text(f"""
SELECT id FROM drafts WHERE account_id IN (SELECT id FROM accounts WHERE id = :group OR group_id = :group)
AND (state = 'dispatching' OR (state = 'approved' AND wake_at <= :now AND {_FREE}))
ORDER BY CASE WHEN state = 'dispatching' THEN 0 ELSE 1 END, decided_at, id LIMIT 1
""")


@dataclass(frozen=True)
class Taken:
    """A draft whose sending has begun."""

    id: int
    channel: Channel
    dispatch: ApprovedDispatch
    attempts: int


class Owed(NamedTuple):
    """What became of a sending, and is not written down yet."""

    id: int
    lease: int
    channel: str | None
    sent: Sent


@dataclass(frozen=True)
class Dispatching:
    """The job of one channel, so that a slow one holds up none but itself; ``channel`` None: of all that are none."""

    dispatcher: Dispatcher
    channel: str | None

    def due(self, connection: Connection) -> bool:
        return bool(self.dispatcher.owes(self.channel) or self.dispatcher.due(connection, self.channel, 1))

    def some(self, token: int = 0) -> bool:
        """Send a few approved drafts of the channel. Returns whether there may be more."""
        return self.dispatcher.some(self.channel, token)


@dataclass
class Dispatcher:
    """Sends what is approved, through the one transport."""

    store: Store
    outbound: Outbound
    transport: Transport = field(default_factory=Transport)
    _owed: dict[int, Owed] = field(default_factory=dict, repr=False)

    def jobs(self) -> dict[str, Dispatching]:
        """One job for each channel, and one for what is of a channel that is configured no more."""
        found = {f"dispatch.{name}": Dispatching(self, name) for name in self.outbound.channels}
        return found | {"dispatch": Dispatching(self, None)}

    def due(self, connection: Connection, channel: str | None, n: int) -> list[int]:
        """The drafts of a channel whose time has come, the one that waits longest first."""
        binds: dict[str, Any] = {"now": self.outbound.clock(), "wall": now_us(), "n": n}
        if channel is None:
            binds["channels"] = list(self.outbound.channels) or [""]
            return list(connection.execute(_OF_NONE, binds).scalars())
        return list(connection.execute(_OF_CHANNEL, binds | {"channel": channel}).scalars())

    def owes(self, channel: str | None) -> list[Owed]:
        """What became of sendings on a channel, where the store could not be told of it."""
        return [owed for owed in self._owed.values() if owed.channel == channel]

    def some(self, channel: str | None, token: int) -> bool:
        """Send a few approved drafts of a channel, one after another. Returns whether there may be more."""
        for owed in self.owes(channel):
            self._settle(owed)
        with self.store.read() as connection:
            ids = self.due(connection, channel, SOME)
        sent_any = False
        for number in ids:
            begun = self._begin(number, channel, token)
            if begun is not None:
                sent_any = True
                reach("dispatch.committed")
                self._settle(Owed(begun.id, token, channel, self._send(begun)))
        return sent_any and len(ids) == SOME

    def _begin(self, number: int, channel: str | None, token: int) -> Taken | None:
        try:
            return again(lambda: self._take(number, token))
        except BaseException:
            # Whether that was committed nobody may know; that nothing was sent we do.
            self._owed[number] = Owed(number, token, channel, Sent("later"))
            raise

    # --- the instant of sending -------------------------------------------------------------------------------------

    def _take(self, number: int, lease: int) -> Taken | None:
        """Begin the sending of a draft; None: it is not its turn, or something stands against it."""
        now, wall = self.outbound.clock(), now_us()
        with self.store.begin() as connection:
            held = hold(connection, number)
            if held is None or held.row.state != "approved" or held.row.wake_at > now:
                return None
            row = held.row
            first = connection.execute(_FIRST, {"group": held.group.id, "now": now, "wall": wall}).scalar()
            if first != row.id:
                return None
            refusal = against(connection, self.outbound, held, now) or unapproved(connection, held)
            if refusal is None and (fault := unsendable(row, self.outbound, row.decided_by)) is not None:
                refusal = Refusal("R71", "CONFLICT", f"its channel could not send it: {fault}")
            if refusal is not None:
                self._back(connection, held, refusal, now)
                return None
            if not channels.admit(connection, row.channel, wall):
                return None
            channel = self.outbound.channels[row.channel]
            dispatch = dispatch_of(row, self.outbound, channel, row.decided_by)
            begun = {"state": "dispatching", "lease": lease, "wake_at": now, "again_at": None}
            change(connection, row, **begun, attempts=row.attempts + 1)
            return Taken(row.id, channel, dispatch, row.attempts + 1)

    def _back(self, connection: Connection, held: Held, refusal: Refusal, now: int) -> None:
        """Give a draft back to the humans: its approval is used up. One that has lapsed is never sent."""
        row = held.row
        entries = refusals(connection, row, refusal, now)
        values: dict[str, Any] = {"decided_by": None, "decided_at": None, "approval": None, "confirmed": "{}"}
        if refusal.code == "EXPIRED":
            settling = Settling(self.outbound)
            entries.append(settling.lapsed(connection, held, now))
            values |= {"state": "expired", "wake_at": None, "reason": refusal.reason}
        else:
            values |= {"state": "pending", "wake_at": row.expires_at, "reason": f"{refusal.code}: {refusal.reason}"}
        change(connection, row, **values)
        ledger.append(connection, entries, self.outbound.plan, held.locked, now_us())
        if values["state"] == "pending":
            Settling(self.outbound).shown(connection, held, f"It was approved and not sent: {refusal.reason}")

    # --- the call ---------------------------------------------------------------------------------------------------

    def _send(self, taken: Taken) -> Sent:
        """Send it and say what became of it. Never raises."""
        send = self.transport.sender(taken.channel.adapter, taken.channel.secrets)
        answered: list[Call | Submission] = []

        def noting(call: Call | Submission) -> Answer:
            answer = send(call)
            if isinstance(call, Submission) or call.method.upper() not in ("GET", "HEAD"):
                answered.append(call)
            return answer

        try:
            reference, _ = drive(taken.channel.adapter.send(taken.dispatch), noting)
        except Uncertain as error:
            return Sent("unknown", reason=error.reason)
        except RetryLater as error:
            wait = wait_s(taken.attempts, error.after)
            return Sent("later", reason=error.reason, wait=int(wait * 1_000_000))
        except NeedsHuman as error:
            return Sent("held", reason=error.reason)
        except (CallRefused, EgressRefused) as error:
            return Sent("failed", reason=error.reason)
        except SeamlineError as error:
            return Sent("unknown" if answered else "failed", reason=str(error))
        except BaseException as error:  # also what would end the thread
            return Sent("unknown" if answered else "failed", reason=type(error).__name__)
        reach("dispatch.sent")
        return Sent("sent", reference=str(reference))

    def _settle(self, owed: Owed) -> None:
        """Write what became of a sending. Where the store is away it is owed, and written when it is back."""
        self._owed[owed.id] = owed
        again(lambda: self._settled(owed))
        del self._owed[owed.id]

    def _settled(self, owed: Owed) -> None:
        with self.store.begin() as connection:
            held = hold(connection, owed.id)
            # Declared dead meanwhile, it was given to a human as unknown: now it is known after all.
            if held is not None and held.row.lease == owed.lease and held.row.state in ("dispatching", "unknown"):
                self._note(connection, held.row.channel, owed.sent)
                Settling(self.outbound).settle(connection, held, owed.sent, self.outbound.clock())

    def _note(self, connection: Connection, channel: str, sent: Sent) -> None:
        """Count how the channel goes. What the provider itself puts off says nothing about it."""
        if sent.result == "sent":
            channels.well(connection, channel, self.outbound.clock())
        elif sent.result != "later":
            channels.ill(connection, channel, kept(sent.reason), self.outbound.clock(), now_us())
