"""HubSpot: contacts and deals."""

from __future__ import annotations

from seamline_adapters.hubspot.adapter import HubSpot

__all__ = ["HubSpot"]
