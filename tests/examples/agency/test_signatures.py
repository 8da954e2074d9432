"""R4 with the signatures of real providers: what they tell on the way, and what alone opens the gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from seamline import Party
from seamline.events import DealWon
from seamline.testing import Sample
from support.agency import BEGAN, Agency

SIGNER = "jane@example.com"
AT = (BEGAN + timedelta(hours=2)).isoformat()


def envelope(word: str, **patch: Any) -> Sample:
    """A message of DocuSign about Jane's contract."""
    times = {f"data.envelopeSummary.{name}": AT for name in ("statusChangedDateTime", "completedDateTime")}
    return Sample(f"envelope-{word}.json", patch={"generatedDateTime": AT, **times, **patch})


def document(status: str, *, event: str = "document_state_changed", done: bool = True) -> Sample:
    """A notification of PandaDoc about Jane's proposal."""
    patch = {
        "0.event": event,
        "0.data.status": f"document.{status}",
        "0.data.date_modified": AT,
        "0.data.recipients.0.has_completed": done,
    }
    return Sample("document_state_changed_completed.json", patch=patch)


Told = tuple[str, dict[str, Any], tuple[Sample, ...], tuple[Sample, ...]]

DOCUSIGN: Told = (
    "docusign",
    {},
    (envelope("sent"), envelope("delivered"), envelope("completed", event="recipient-completed")),
    (envelope("completed"), envelope("completed", retryCount=1)),
)
PANDADOC: Told = (
    "pandadoc",
    {"signature_is_contract": True},
    (
        document("sent", done=False),
        document("viewed", done=False),
        document("viewed", event="recipient_completed"),
        document("completed", done=False),
    ),
    (document("completed"), document("completed")),
)


@pytest.mark.parametrize(("adapter", "options", "before", "signed"), [DOCUSIGN, PANDADOC], ids=["docusign", "pandadoc"])
def test_r4_onboarding_waits_until_everybody_has_signed_and_then_starts_once(
    start: Callable[..., Agency],
    adapter: str,
    options: dict[str, Any],
    before: Sequence[Sample],
    signed: Sequence[Sample],
) -> None:
    agency = start(
        SOURCES__SIGNATURES__ADAPTER=adapter,
        SOURCES__SIGNATURES__SECRETS='["literal:example-key"]',
        SOURCES__SIGNATURES__SETTINGS=json.dumps(options),
        SOURCES__SIGNATURES__LIVE_FROM=(BEGAN - timedelta(days=1)).isoformat(),
    )
    agency.tell(DealWon(party=Party(email=SIGNER), occurred_at=BEGAN, fact="won", deal_id="842"))
    for sample in before:
        agency.send("signatures", sample)
        agency.work()
    types = agency.types(email=SIGNER)
    assert "project.created" in types
    assert not {"contract.signed", "onboarding.started"} & set(types)
    for sample in signed:
        agency.send("signatures", sample)
        agency.work()
    types = agency.types(email=SIGNER)
    assert (types.count("contract.signed"), types.count("onboarding.started")) == (1, 1)
    assert types.index("contract.signed") < types.index("onboarding.started")
