"""Outside: a decision that a human makes by a button at a provider, judged as one at the desk would be.

Who pressed is an entry of ``[people]``; what they saw is what the button carried. Whoever is refused is told so where
the provider lets us.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sqlalchemy import Connection

from seamline.call import drive
from seamline.delivery import Decision
from seamline.transport import Transport
from seamline_workers.company.registry import Source
from seamline_workers.desk.draft import Approval, approve, demand_seen, note_refusal, reject
from seamline_workers.log import log
from seamline_workers.outbound.outbound import Human, Outbound
from seamline_workers.refusal import AgentDecides, Conflict, Forbidden, NoSuch, Refused

#: Most answers that wait to be told; a person who presses is told once or finds it in the queue.
MOST = 1_000


@dataclass(frozen=True)
class Answer:
    """What whoever pressed a button is told."""

    source: Source
    actor: str
    text: str


@dataclass(frozen=True)
class Outside:
    """Judges what is decided outside, and tells those whom it refuses: a translator's ``decide``, and a job."""

    outbound: Outbound
    transport: Transport = field(default_factory=Transport)
    _answers: deque[Answer] = field(default_factory=lambda: deque(maxlen=MOST), repr=False)

    def decide(self, connection: Connection, source: Source, decision: Decision, now: int) -> str | None:
        """Approve or reject a draft for whoever pressed. Returns why nothing came of it; None: it counts."""
        reason = decide_from_outside(connection, self.outbound, source, decision)
        if reason is not None:
            answer = Answer(source, decision.actor, f"This was not counted: {reason}.")
            if answer not in self._answers:
                self._answers.append(answer)
        return reason

    def due(self, connection: Connection) -> bool:
        return bool(self._answers)

    def some(self, token: int = 0) -> bool:
        """Tell the next of those who were refused. Returns whether there is another."""
        if not self._answers:
            return False
        answer = self._answers.popleft()
        adapter = answer.source.adapter
        try:
            recipient = answer.actor.rpartition("/")[2]
            drive(adapter.notice(recipient, answer.text, None), self.transport.sender(adapter, answer.source.secrets))
        except Exception as error:  # it stands on the item, and the draft still waits
            log.info("refusal_not_told", source=answer.source.name, error=type(error).__name__)
        return bool(self._answers)


def decide_from_outside(connection: Connection, outbound: Outbound, source: Source, decision: Decision) -> str | None:
    """Carry out what a human decided at a provider. Returns why nothing came of it; None: it counts."""
    found = outbound.person(decision.actor)
    if found is None:
        return f"{decision.actor} is nobody of [people]"
    by = Human(found[0], found[1].role)
    if decision.seen_sha256 is None:
        return "the button does not say which text was seen"
    try:
        demand_seen(connection, decision.request_id, decision.seen_sha256)
        if decision.verdict == "approve":
            approve(connection, outbound, decision.request_id, Approval(decision.seen_sha256), by)
        else:
            reject(connection, outbound, decision.request_id, f"rejected by a button at {source.name}", by)
    except (Refused, AgentDecides) as error:
        note_refusal(connection, outbound, error.refused if isinstance(error, AgentDecides) else error)
        return str(error)
    except (NoSuch, Forbidden, Conflict) as error:
        return str(error)
    return None
