"""Stories of the relay: every fact of the catalogue, batches cut anew, and what stays outside."""

from __future__ import annotations

from pathlib import Path

from seamline.events import ProposalAccepted, ProposalViewed
from seamline.testing import ABSENT, Sample, Story, Suite, story
from seamline_adapters.relay import Relay
from seamline_adapters.stories.fact import facts

_ROOT = Path(__file__).parent.parent / "samples" / "relay"

_STORIES = (
    *facts(_ROOT),
    story("one object", "one.json", ProposalViewed),
    story("two of a kind", "batch.json", ProposalViewed, ProposalViewed),
    Story(
        "a retry cut anew",
        (Sample("batch.json"), Sample("batch_again.json")),
        (ProposalViewed, ProposalViewed, ProposalAccepted),
        any_order=True,
    ),
    story("bad items and control events beside good ones", "mixed.json", ProposalViewed, ProposalViewed, quarantined=3),
    story("without a time", "one.json", ProposalViewed, patch={"occurred_at": ABSENT}),
    story("without an id", "one.json", patch={"id": ABSENT}, quarantined=1),
    story("a time without an offset", "one.json", patch={"occurred_at": "2026-11-20T09:00:00"}, quarantined=1),
    story("a field that the catalogue lacks", "one.json", patch={"data.proposal": "prop_1"}, quarantined=1),
    story("a field that is the engine's", "one.json", patch={"data.fact": "another"}, quarantined=1),
    story("a type that nobody knows", "one.json", patch={"type": "weather.changed"}),
)

stories = Suite(Relay, _ROOT, _STORIES)
