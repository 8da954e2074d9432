"""Dirk owns pipeline intelligence: proposals, deals and contracts. The customer never deals with Dirk."""

from __future__ import annotations

from seamline_agency.seats.dirk import deals, followups, log, offers, proposals
from seamline_agency.seats.dirk.seat import dirk

__all__ = ["deals", "dirk", "followups", "log", "offers", "proposals"]
