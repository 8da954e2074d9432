"""The stories, one module each: what is played, and what must come of it."""

from __future__ import annotations

from seamline_agency.demo.stories import s01_first, s02_stale, s03_followup, s04_contract
from seamline_agency.demo.story import Story

#: In the order of the business clock.
STORIES: tuple[Story, ...] = (s01_first.STORY, s02_stale.STORY, s03_followup.STORY, s04_contract.STORY)

__all__ = ["STORIES"]
