"""The stories, one module each: what is played, and what must come of it."""

from __future__ import annotations

from seamline_agency.demo.stories import (
    s01_first,
    s02_stale,
    s03_followup,
    s04_contract,
    s05_hours,
    s06_number,
    s07_silence,
    s08_pulse,
    s09_two,
    s10_exit,
    s11_shift,
    s12_seam,
)
from seamline_agency.demo.story import Story

#: In the order of the business clock.
STORIES: tuple[Story, ...] = (
    s01_first.STORY,
    s02_stale.STORY,
    s03_followup.STORY,
    s04_contract.STORY,
    s05_hours.STORY,
    s06_number.STORY,
    s07_silence.STORY,
    s08_pulse.STORY,
    s09_two.STORY,
    s10_exit.STORY,
    s11_shift.STORY,
    s12_seam.STORY,
)

__all__ = ["STORIES"]
