"""Postmark: mail in, mail out, and what becomes of it."""

from __future__ import annotations

from seamline_adapters.postmark.adapter import Postmark

__all__ = ["Postmark"]
