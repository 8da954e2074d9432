"""PandaDoc: documents that are proposals, contracts, or both."""

from __future__ import annotations

from seamline_adapters.pandadoc.adapter import PandaDoc

__all__ = ["PandaDoc"]
