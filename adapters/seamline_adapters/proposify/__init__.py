"""Proposify: proposals."""

from __future__ import annotations

from seamline_adapters.proposify.adapter import Proposify

__all__ = ["Proposify"]
