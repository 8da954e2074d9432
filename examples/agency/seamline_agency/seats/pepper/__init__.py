"""Pepper sees every lead and every mail first, and hands them to a human with context. Pepper never answers."""

from __future__ import annotations

from seamline_agency.seats.pepper import farewell, leads, mail
from seamline_agency.seats.pepper.seat import pepper

__all__ = ["farewell", "leads", "mail", "pepper"]
