"""What HubSpot sends, what its API answers, and what must come of it."""

from __future__ import annotations

from pathlib import Path

from seamline import RetryLater
from seamline.events import (
    ContactAssigned,
    ContactChanged,
    ContactErased,
    ContactMerged,
    DealAmountChanged,
    DealCreated,
    DealLost,
    DealStageChanged,
    DealWon,
    LeadReceived,
)
from seamline.testing import Respond, Sample, Story, Suite, story
from seamline_adapters.hubspot import HubSpot

ROOT = Path(__file__).parent.parent / "samples" / "hubspot"

#: The portal of most samples.
PORTAL = 145106154

DEAL = "GET /crm/v3/objects/deals/9034578123"
CONTACTS = "POST /crm/v3/objects/contacts/batch/read"
PIPELINES = "GET /crm/v3/pipelines/deals"

API = {"api": ["pat-example-0001"]}
FULL = {DEAL: "api_get_deal_with_people.json", CONTACTS: "api_contacts_batch_read.json"}

_ALL_VERSIONS = {"signature_versions": ["v1", "v2", "v3"]}
_WON = (DealStageChanged, DealWon)
_LOST = (DealStageChanged, DealLost)

_DEALS = (
    story("A deal is created", "deal_creation.json", DealCreated, answers=FULL, secrets=API),
    story("A deal is created, without the API", "deal_creation.json", DealCreated),
    story("A deal moves", "deal_propertyChange_dealstage_proposal.json", DealStageChanged),
    story("A deal is won", "deal_propertyChange_dealstage_closedwon.json", *_WON, answers=FULL, secrets=API),
    story("A deal is won, compact and signed by the SDK", "vector_v3_deal_closedwon.json", *_WON),
    story("A deal is lost", "deal_propertyChange_dealstage_closedlost.json", *_LOST),
    story("A generic subscription tells a win", "object_propertyChange_deal.json", *_WON),
    story(
        "A stage of our own is won by the settings",
        "deal_propertyChange_dealstage_custom.json",
        *_WON,
        settings={"pipeline_stages": {"998877665": "won"}},
    ),
    story(
        "A stage of our own is won by the pipelines",
        "deal_propertyChange_dealstage_custom.json",
        *_WON,
        answers={**FULL, PIPELINES: "api_get_pipelines.json"},
        secrets=API,
    ),
    story("A stage of our own means nothing", "deal_propertyChange_dealstage_custom.json", DealStageChanged),
    story(
        "The settings overrule a usual stage",
        "deal_propertyChange_dealstage_closedwon.json",
        DealStageChanged,
        settings={"pipeline_stages": {"closedwon": "open"}},
    ),
    story("An amount changes", "deal_propertyChange_amount.json", DealAmountChanged, settings={"currency": "JPY"}),
    story("An amount of unknown currency waits", "deal_propertyChange_amount.json", quarantined=1),
    story("An amount is cleared", "deal_propertyChange_amount_cleared.json", DealAmountChanged),
    story("A sensitive amount is not told", "deal_propertyChange_amount.json", patch={"0.propertyValue": "REDACTED"}),
    story(
        "A deal is gone",
        "deal_propertyChange_dealstage_closedwon.json",
        *_WON,
        answers={DEAL: Respond("api_error_404.json", 404)},
        secrets=API,
    ),
)

_OWNER = {"0.propertyName": "hubspot_owner_id", "0.propertyValue": "41629779"}
_CONTACTS = (
    story(
        "A contact is given to one of our own",
        "contact_propertyChange_email.json",
        ContactChanged,
        ContactAssigned,
        patch=_OWNER,
        settings={"owners": {"41629779": "anna"}},
    ),
    story("A contact is given to somebody unknown", "contact_propertyChange_email.json", ContactChanged, patch=_OWNER),
    story("A colleague adds a contact", "contact_creation_live_shape.json", ContactChanged),
    story(
        "A form makes a contact",
        "contact_creation_form.json",
        LeadReceived,
        answers={CONTACTS: "api_contacts_batch_read.json"},
        secrets=API,
    ),
    story(
        "The settings say what is an enquiry",
        "contact_creation_live_shape.json",
        LeadReceived,
        settings={"lead_sources": {"CRM_UI": "call"}},
    ),
    story(
        "The documented batch, by eventType",
        "docs_batch_contact_propertyChange_and_creation.json",
        ContactChanged,
        ContactChanged,
    ),
    story("An older delivery calls a new contact NEW", "vector_v1_contact_creation.json", ContactChanged),
    story("A contact's address changes", "contact_propertyChange_email.json", ContactChanged),
    story("A sensitive value is redacted", "contact_propertyChange_sensitive.json", ContactChanged),
    story("Contacts are merged into a new one", "contact_merge.json", ContactMerged),
    story("Contacts are merged into the primary one", "contact_merge_into_primary.json", ContactMerged),
    story("A person is forgotten", "contact_privacyDeletion.json", ContactErased),
    story("A person is forgotten and deleted", "contact_erased_and_deleted.json", ContactErased, ContactChanged),
    story("A contact is restored", "contact_restore.json", ContactChanged),
)

_BATCHES = (
    story("Two deals are won at once", "batch_first.json", *_WON, *_WON, *_LOST),
    Story(
        "A retry, cut anew",
        (Sample("batch_first.json"), Sample("batch_retry_recut.json"), Sample("batch_retry_rest.json")),
        (*_WON, *_WON, *_LOST, DealAmountChanged),
        settings={"currency": "USD"},
        any_order=True,
    ),
    Story(
        "Two subscriptions tell one win",
        (Sample("twin_classic.json"), Sample("twin_generic.json")),
        _WON,
        answers=FULL,
        secrets=API,
        any_order=True,
    ),
    story("Another portal's change is passed over", "mixed_portals.json", *_WON, settings={"portals": [PORTAL]}),
    story("Another portal's request is foreign", "deal_creation.json", settings={"portals": [62515]}, refused=True),
)

_SIGNATURES = (
    story("Older versions are allowed", "deal_creation.json", DealCreated, settings=_ALL_VERSIONS),
    story("Version 2 alone", "deal_creation.json", DealCreated, settings={"signature_versions": ["v2"]}),
    story("Version 1 alone", "deal_creation.json", DealCreated, settings={"signature_versions": ["v1"]}),
)

_NOTHING = (
    story("The test button changes nothing", "deal_deletion_test_button.json"),
    story(
        "The test button wins no deal",
        "deal_propertyChange_dealstage_closedwon.json",
        patch={"0.eventId": 100, "0.objectId": 123},
    ),
    story("An association is no event", "deal_associationChange.json"),
    story("A company's change is no event", "company_propertyChange.json"),
)

_LIMITS = (
    story(
        "The limit of a second",
        "deal_creation.json",
        answers={DEAL: Respond("api_error_429.json", 429)},
        secrets=API,
        raises=RetryLater,
    ),
    story(
        "The limit of ten seconds",
        "deal_creation.json",
        answers={DEAL: "api_get_deal.json", CONTACTS: Respond("api_error_429_ten_secondly.json", 429)},
        secrets=API,
        raises=RetryLater,
    ),
)

stories = Suite(
    HubSpot,
    ROOT,
    (*_DEALS, *_CONTACTS, *_BATCHES, *_SIGNATURES, *_NOTHING, *_LIMITS),
)
