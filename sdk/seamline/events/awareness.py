"""Awareness: clicks, engagement, campaigns. All facts, told by ad platforms and sites."""

from __future__ import annotations

from typing import Literal

from seamline.events.base import Event
from seamline.events.values import Id


class AdClicked(Event, type="ad.clicked", stage="awareness"):
    """Somebody clicked an ad."""

    click_id: Id
    campaign_id: Id | None = None
    platform: str | None = None


class AudienceEngaged(Event, type="audience.engaged", stage="awareness"):
    """Somebody engaged with content: a like, a comment, a download, a visit."""

    channel: str
    content_id: Id
    kind: str


class CampaignStatusChanged(Event, type="campaign.status_changed", stage="awareness"):
    """A campaign started, paused or ended."""

    campaign_id: Id
    platform: str
    status: Literal["active", "paused", "ended"]
