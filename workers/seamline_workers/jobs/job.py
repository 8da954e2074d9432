"""Jobs: work that is no lane's, found by a look at what is due, and done a few pieces at a time by any process."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection


class Job(Protocol):
    """One kind of such work. Each piece is claimed in the store, so that any number of processes may look."""

    def due(self, connection: Connection) -> bool:
        """Whether there is something to do now."""
        ...

    def some(self, token: int = 0) -> bool:
        """Do some of it, under a lease of this token. Returns whether there is likely more."""
        ...
