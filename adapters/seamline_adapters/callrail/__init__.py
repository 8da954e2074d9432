"""CallRail: calls, forms and text messages."""

from __future__ import annotations

from seamline_adapters.callrail.adapter import CallRail

__all__ = ["CallRail"]
