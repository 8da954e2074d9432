"""What must hold of all stories together, when the last of them is over."""

from __future__ import annotations

from seamline_agency.demo.outcome import Judgement, Outcome
from seamline_agency.demo.world import World


def at_the_end(world: World) -> list[Outcome]:
    """Judge the whole company as its API shows it."""
    expected = (
        ("Forged requests of all providers are refused and counted, and nothing of them is stored", _forged),
        ("All that left the company was approved by a human, and is what was approved", _approved),
        ("Nothing is left over: no handoff is dead, waits, or is parked for nothing", _rest),
    )
    return [Outcome(text, *judge(world)) for text, judge in expected]


def _forged(world: World) -> Judgement:
    counts = [one["counts_24h"] for one in world.api.list("sources")]
    statuses = sorted({one.status for one in world.forged} - {401, 403})
    refused, accepted = sum(one["refused"] for one in counts), sum(one["accepted"] for one in counts)
    kept = len(world.api.list("deliveries"))
    fine = not statuses and refused == len(world.forged) and kept == accepted
    return fine, f"also {statuses}, refused {refused} of {len(world.forged)}, {kept} kept of {accepted} accepted"


def _approved(world: World) -> Judgement:
    sent = {one["id"]: one for one in world.api.list("dispatches", state="sent")}
    bodies = sorted(one["body"].strip() for one in world.api.list("drafts", state="sent"))
    left = sorted(one.text.strip() for one in [*world.books.mails, *world.books.posts])
    people = {one["approved_by"] for one in sent.values()}
    return bodies == left and None not in people, f"{len(left)} left, {len(bodies)} approved, by {people}"


def _rest(world: World) -> Judgement:
    # What is parked is at rest, and says what it awaits.
    handoffs = [one for one in world.api.list("handoffs") if one["state"] != "done" and not one["awaits"]]
    left = sorted({f"{one['seat']} on {one['type']}: {one['state']}" for one in handoffs})
    return left == [], str(left)
