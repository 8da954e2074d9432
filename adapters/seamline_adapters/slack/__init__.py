"""Slack: chat with customers, decisions by button, and a way out."""

from __future__ import annotations

from seamline_adapters.slack.adapter import Slack

__all__ = ["Slack"]
