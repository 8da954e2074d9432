"""Calendly: meetings, and the leads of routing forms."""

from __future__ import annotations

from seamline_adapters.calendly.adapter import Calendly

__all__ = ["Calendly"]
