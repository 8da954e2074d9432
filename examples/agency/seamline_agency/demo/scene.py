"""The scene of one story: providers send, humans decide, the clock goes on, and a row says what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from seamline.testing import Posted, Sample
from seamline_agency.demo import sight
from seamline_agency.demo.api import Told, View
from seamline_agency.demo.cast import Customer
from seamline_agency.demo.clock import shown
from seamline_agency.demo.outcome import Evidence
from seamline_agency.demo.table import Row, StoryTable
from seamline_agency.demo.world import World

#: Longest wait for the company to come to rest after a step, in seconds.
PATIENCE_S = 20.0
#: Seconds between two looks.
_LOOK_S = 0.1
#: States of a draft that waits for a human.
_OPEN = ("incomplete", "pending", "snoozed")


class NotThere(Exception):
    """Raised where a story would go on with something that has not come about."""


class Scene:
    """Plays the steps of a story about one customer, and tells the table what it sees in the API."""

    def __init__(self, world: World, customer: Customer | None, table: StoryTable) -> None:
        self.world = world
        self.noted: dict[str, Any] = {}
        self._customer = customer
        self._table = table
        self._account = ""
        self._mails, self._posts = len(world.books.mails), len(world.books.posts)
        self._seen = self._before = world.api.view(self.account)
        self._quiet = False

    @property
    def customer(self) -> Customer:
        assert self._customer is not None
        return self._customer

    @property
    def now(self) -> datetime:
        """Business time, in whole seconds."""
        return self.world.clock.now.replace(microsecond=0)

    # --- steps ------------------------------------------------------------------------------------------------------

    def at(self, moment: datetime, why: str = "", *, still: bool = False) -> None:
        """Let the clock go on to a moment; what is due by then is done. ``still``: not a moment longer."""
        self.world.clock.to(moment, still=still)
        self._tell([why or "(time goes by)"], always=bool(why))

    def later(self, why: str = "", **span: float) -> None:
        """Let the clock go on by a span (``minutes=5``)."""
        self.at(self.now + timedelta(**span), why)

    def send(self, source: str, what: str, *samples: Sample, times: int = 1) -> None:
        """Have a provider send samples, each ``times`` times, and see what they become."""
        told: list[Posted] = []
        for sample in samples:
            told += self.world.simulators[source].repeat(sample, times)
        self.world.genuine += told
        self._tell([f"{source}: {what}", _answers(told)])

    def challenge(self, source: str, what: str, sample: Sample, *, genuine: bool) -> None:
        """Have a provider ask whether we are who we say."""
        told = self.world.simulators[source].send(sample)
        (self.world.genuine if genuine else self.world.forged).append(told)
        self._tell([f"{source}: {what}", _answers([told])], refused=not genuine)

    def forge(self, source: str, what: str, sample: Sample) -> None:
        """Have somebody else send a sample, in every way that is not genuine."""
        told = self.world.simulators[source].forge(sample)
        self.world.forged += told
        ways = [f"{one.what}: {one.status}" for one in told]
        self._tell([f"{source}: {what}, forged", *ways], refused=True)

    def order(self, who: str | None, what: str, path: str, body: dict[str, Any] | None = None) -> Told:
        """Have somebody give an order through the API; None: whoever looks after the machinery."""
        told = self.world.api.order(path, body, who)
        self._tell([f"{who or 'operator'}: {what}", _answer(told)])
        return told

    def until(self, seen: Callable[[Evidence], bool], what: str) -> None:
        """Wait for something that is under way and that no list shows: a look at a provider. Raises NotThere."""
        until = monotonic() + PATIENCE_S
        while not seen(self.evidence()):
            if monotonic() > until:
                raise NotThere(f"in {PATIENCE_S:g} seconds it was not seen: {what}")
            sleep(_LOOK_S)
        self._tell([what])

    def kill_worker(self) -> None:
        """Kill the worker's process, as a machine does that loses its power; the server starts another."""
        number = self.world.server.kill_worker()
        self._tell([f"the worker (process {number}) is killed; another is started"])

    @contextmanager
    def given(self, what: str) -> Iterator[None]:
        """Play steps that only lead up to the story: one row for all of them."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
        self._seen = self.world.api.view(self.account)
        saw = sight.saw(self._arrived())
        self._table.add(Row(shown(self.now), [f"Given: {what}"], (), saw))

    def tell(self, came: Sequence[str], seats: Sequence[str], customer: Sequence[str]) -> None:
        """Add a row about something that was only asked."""
        self._table.add(Row(shown(self.now), came, seats, customer))

    # --- what humans decide -----------------------------------------------------------------------------------------

    def draft(self, seat: str) -> dict[str, Any]:
        """The newest draft of a seat that waits for a human, as they see it: with its packet. Raises NotThere."""
        found = [one for one in self._seen.drafts.values() if one["seat"] == seat and one["state"] in _OPEN]
        if not found:
            states = [f"{one['seat']}'s is {one['state']}" for one in self._seen.drafts.values()]
            raise NotThere(f"no draft of {seat} waits for a human ({'; '.join(states) or 'there are no drafts'})")
        newest = max(found, key=lambda one: int(one["id"]))
        return self.world.api.show(f"drafts/{newest['id']}")

    def edit(self, who: str, draft: dict[str, Any], body: str, **more: Any) -> dict[str, Any]:
        """Write a draft anew; gives it as it is then."""
        told = self.order(who, "writes it anew", f"drafts/{draft['id']}/edit", {"body": body, **more})
        return draft if told.code else told.body

    def approve(self, who: str, draft: dict[str, Any], **more: Any) -> Told:
        """Approve the text that was seen."""
        order = {"sha256": draft["sha256"], **more}
        return self.order(who, f"approves {draft['seat']}'s draft", f"drafts/{draft['id']}/approve", order)

    def reject(self, who: str, draft: dict[str, Any], reason: str) -> Told:
        what = f"rejects {draft['seat']}'s draft: {reason}"
        return self.order(who, what, f"drafts/{draft['id']}/reject", {"reason": reason})

    def state(self, who: str, event_type: str, **data: Any) -> Told:
        """Have a human state a fact about the customer, now."""
        fact = {"type": event_type, "data": data, "occurred_at": self.now.isoformat()}
        return self.order(who, f"states {event_type}", f"accounts/{self.account}/events", fact)

    def clear(self, who: str, flag: str, reason: str) -> Told:
        """Clear an open flag, with a reason. Raises NotThere."""
        found = [one for one in self._seen.flags.values() if (one["name"], one["state"]) == (flag, "open")]
        if not found:
            raise NotThere(f"no flag {flag} is open")
        path = f"flags/{found[-1]['id']}/clear"
        return self.order(who, f"clears {flag}: {reason}", path, {"reason": reason})

    # --- what is seen -----------------------------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The id of the customer's account, or of the company's own; empty: there is none yet."""
        if not self._account:
            api = self.world.api
            self._account = api.account(self._customer.email) if self._customer else api.company_account()
        return self._account

    @property
    def seen(self) -> View:
        """What the API showed after the last step."""
        return self._seen

    def handoff(self, event_type: str, seat: str) -> str:
        """The id of the newest handoff of a type at a seat. Raises NotThere."""
        found = [one for one in self._seen.handoffs.values() if (one["type"], one["seat"]) == (event_type, seat)]
        if not found:
            raise NotThere(f"{seat} was handed no {event_type}")
        return str(found[-1]["id"])

    def evidence(self) -> Evidence:
        """All that the story has left behind by now."""
        books, view = self.world.books, self.world.api.view(self.account).since(self._before)
        mails = [mail for mail in books.mails if self._customer is not None and mail.to == self._customer.email]
        return Evidence(view, mails, books.posts[self._posts :], self.noted)

    def _tell(self, came: Sequence[str], *, refused: bool = False, always: bool = True) -> None:
        at = self.now
        rested = self.world.api.settle(lambda: self.world.clock.now, PATIENCE_S)
        self.world.clock.tick()
        seen, before = self.world.api.view(self.account), self._seen
        self._seen = seen
        if self._quiet and rested:
            return
        became, done = sight.became(before, seen), sight.done(before, seen)
        saw = sight.saw(self._arrived())
        if not (always or became or done or saw):
            return
        waits = [] if rested else [f"(not at rest yet: {self.world.api.busy(self.now)})"]
        self._table.add(Row(shown(at), [*came, *became, *waits], done, saw, refused))

    def _arrived(self) -> list[Any]:
        """The mails that the customer got since the last step."""
        mails = self.world.books.mails[self._mails :]
        self._mails = len(self.world.books.mails)
        return [mail for mail in mails if self._customer is not None and mail.to == self._customer.email]


def _answers(told: Sequence[Posted]) -> str:
    counts = Counter(one.status for one in told)
    return "-> " + ", ".join(f"{status}" + (f" ({n} times)" if n > 1 else "") for status, n in counts.items())


def _answer(told: Told) -> str:
    if not told.code:
        return f"-> {told.status}"
    return f"-> {told.status} refused {told.code}: {told.body.get('detail', '')}"
