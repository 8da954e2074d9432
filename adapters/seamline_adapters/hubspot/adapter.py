"""HubSpot: deals and contacts of the CRM, told thin by the Webhooks API and completed from the CRM API.

Documented (developers.hubspot.com/docs/api/webhooks): a request is an array of changes, to be answered within 5 s; any
4xx or 5xx is sent again, up to 10 times over 24 hours, in other batches. Order and uniqueness are not promised. One app
has one target URL for all the portals that installed it. ``contact.privacyDeletion`` comes beside
``contact.deletion``, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seamline import Adapter, Calls, Delivery, Event, Item, Nudge, Party, PayloadError, Replies, Reply, Request
from seamline.events import (
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
from seamline.signature import Signature
from seamline_adapters import told
from seamline_adapters.hubspot import crm
from seamline_adapters.hubspot import deal as deals
from seamline_adapters.hubspot.change import Change, portal_of, read
from seamline_adapters.hubspot.change import item as item_of
from seamline_adapters.hubspot.proof import Version, scheme

Channel = Literal["form", "ad_form", "email", "call", "chat", "booking"]

#: How a new contact comes by itself, by HubSpot's changeSource. A colleague's entry, an import, a sync is no enquiry.
_LEAD_SOURCES: dict[str, Channel] = {"FORM": "form", "MEETINGS": "booking", "CONVERSATIONS": "chat", "BOT": "chat"}


PortalId = Annotated[str, told.NumberOrText, Field(pattern="^[0-9]{1,20}$")]


class HubSpotSettings(BaseModel):
    """Which portals are ours, and what their words mean.

    ``portals``: the only ones whose changes are ours; empty: all of the app. ``signature_versions``: those that are
    accepted; requests of v2 and v1 can be replayed for ever. ``pipeline_stages`` maps stage ids to won, lost or open;
    a stage that it lacks is looked up in the portal's pipelines. ``lead_sources`` maps HubSpot's ``changeSource`` of a
    new contact to the channel of an enquiry. ``currency`` is that of amounts whose deal names none.
    """

    model_config = ConfigDict(extra="forbid")

    portals: tuple[PortalId, ...] = ()
    signature_versions: Annotated[tuple[Version, ...], Field(min_length=1)] = ("v3",)
    pipeline_stages: dict[str, crm.Outcome] = Field(default_factory=dict)
    lead_sources: dict[str, Channel] = Field(default_factory=lambda: dict(_LEAD_SOURCES))
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class HubSpot(Adapter):
    """Deals and contacts of HubSpot. Without the secret ``api``, events tell only ids and what the webhook says."""

    name = "hubspot"
    signature = scheme(("v3",))
    emits = (
        LeadReceived,
        ContactChanged,
        ContactMerged,
        ContactErased,
        DealCreated,
        DealStageChanged,
        DealAmountChanged,
        DealWon,
        DealLost,
    )
    hosts = ("api.hubapi.com",)
    optional_secrets = (crm.TOKEN,)
    replies = Replies(
        ok=Reply(200),
        foreign=Reply(200),
        within=timedelta(seconds=5),
        attempts="any 4xx or 5xx, or no answer within 5 seconds: up to 10 times over 24 hours (Webhooks API)",
    )

    class Settings(HubSpotSettings):
        """Settings of a HubSpot source."""

    settings: HubSpotSettings

    @property
    def scheme(self) -> Signature:
        return scheme(self.settings.signature_versions)

    def refuse(self, request: Request) -> str | None:
        """A request is foreign only as a whole: every change in it is another portal's."""
        ours, body = self.settings.portals, request.json()
        if not ours or not isinstance(body, list) or not body:
            return None
        portals = [portal_of(element) for element in body]
        foreign = all(portal is not None and portal not in ours for portal in portals)
        return "none of the portals is in the settings" if foreign else None

    def split(self, delivery: Delivery) -> Iterator[Item | Nudge]:
        """One item a change. Another portal's changes in a mixed batch are passed over."""
        ours = self.settings.portals
        for element in told.listed(delivery.json(), "the body"):
            portal = portal_of(element)
            if not ours or portal is None or portal in ours:
                yield item_of(element)

    def fetch(self, item: Item) -> Calls[None]:
        change = read(item)
        if change.test:
            return
        if change.kind == "contact.creation":
            yield from crm.read_contacts(item, [change.number])
        elif deals.is_told(change):
            yield from deals.fetch(change, item, self._words)

    def normalize(self, item: Item) -> Iterator[Event]:
        change = read(item)
        if change.test:
            return
        if deals.is_told(change):
            yield from deals.events(change, item, self._words)
            return
        party = Party(refs=(change.ref(),))
        base = {"party": party, "occurred_at": change.at, "external_id": change.number, "fact": change.fact()}
        match change.kind:
            case "contact.creation":
                yield self._contact_created(change, item)
            case "contact.propertyChange":
                yield _property_changed(change, base)
            case "contact.deletion" | "contact.restore":
                archived = change.kind == "contact.deletion"
                yield ContactChanged.model_validate(base | {"changes": {"archived": archived}})
            case "contact.privacyDeletion":
                yield ContactErased.model_validate(base | {"reason": "privacy deletion in HubSpot"})
            case "contact.merge":
                yield _merged(change, base)

    @property
    def _words(self) -> deals.Words:
        return deals.Words(self.settings.pipeline_stages, self.settings.currency)

    def _contact_created(self, change: Change, item: Item) -> Event:
        """An enquiry where the person came by themselves, else a new card in the CRM."""
        party, _ = crm.parties(item, change.portal, [change.number], Party())
        base = {"party": party, "occurred_at": change.at, "fact": change.fact()}
        channel = self.settings.lead_sources.get(told.text(change.told.get("changeSource")) or "")
        if channel is None:
            return ContactChanged.model_validate(base | {"external_id": change.number})
        return LeadReceived.model_validate(base | {"lead_id": change.number, "channel": channel})


def _property_changed(change: Change, base: dict[str, Any]) -> ContactChanged:
    """A contact's new value. A sensitive one is not told (None), a cleared one is empty."""
    name = change.name
    if name is None:
        raise PayloadError("propertyName is missing")
    value = None if change.redacted else change.value
    party: Party = base["party"]
    if name == "email":
        party = told.party(address=value, refs=party.refs)
    return ContactChanged.model_validate(base | {"party": party, "changes": {name: value}, "fact": change.fact(name)})


def _merged(change: Change, base: dict[str, Any]) -> ContactMerged:
    """A merge. The contact that stays is a new one in newer portals, else the primary one."""
    primary = told.ident(change.told.get("primaryObjectId", change.number), "primaryObjectId")
    stays = told.text(change.told.get("newObjectId")) or primary
    merged = [
        told.ident(one, "mergedObjectIds") for one in told.listed(change.told["mergedObjectIds"], "mergedObjectIds")
    ]
    gone = tuple(one for one in dict.fromkeys((primary, *merged)) if one != stays)
    ref = change.ref().model_copy(update={"id": stays})
    return ContactMerged.model_validate(base | {"party": Party(refs=(ref,)), "external_id": stays, "merged_ids": gone})
