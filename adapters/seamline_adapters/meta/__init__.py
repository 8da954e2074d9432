"""Meta: leads from ads, and what ad accounts spend and bring in."""

from __future__ import annotations

from seamline_adapters.meta.adapter import Meta

__all__ = ["Meta"]
