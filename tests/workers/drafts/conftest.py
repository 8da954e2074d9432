"""A company that drafts, on a store of each kind, and the provider that takes what it sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seamline import Seat
from support.office import HUMANS, OPEN, Hand, MakeOffice, Office, drafting
from support.recording import Mailbox, mailbox
from support.works import Works

MakeWorks = Callable[..., Works]


@pytest.fixture
def provider() -> Iterator[Mailbox]:
    with mailbox() as server:
        yield server


@pytest.fixture
def office(works: MakeWorks, provider: Mailbox) -> MakeOffice:
    """Makes the company; ``pepper`` is the seat that drafts, ``at`` what its clock shows."""

    def make(*pepper: Seat, gates: Any = (OPEN,), at: int | None = None, **settings: Any) -> Office:
        clock = Hand() if at is None else Hand(at)
        settings.setdefault("channels", {"mail": provider.channel()})
        company = works(*(pepper or (drafting(),)), *HUMANS, gates=gates, clock=clock, **settings)
        return Office(company, provider, clock)

    return make
