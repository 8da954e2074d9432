"""Why an order of a person is not carried out.

* SeamlineError
  x NoSuch     there is no such thing
  x Forbidden  somebody else may order this
    + AgentDecides  no agent may, and the record tells of it
  x Conflict   its state does not allow it; says what it is and what does
    + Stale    the text is not the one that was seen
  x Refused    a guard is against it
"""

from __future__ import annotations

from seamline.errors import SeamlineError
from seamline.guard import Refusal


class NoSuch(SeamlineError):
    """Raised when there is no thing of this id."""


class Forbidden(SeamlineError):
    """Raised when whoever orders this may not."""


class AgentDecides(Forbidden):
    """Raised when an agent orders what only a human may; ``refused`` is what the record tells of it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class Conflict(SeamlineError):
    """Raised when a thing's state does not allow the order."""


class Stale(Conflict):
    """Raised when a human decides about a text that is no longer the stored one."""


class Refused(SeamlineError):
    """Raised when a guard is against an order about a draft; ``map_row`` is the boundary map's row that it passed.

    ``told``: whether the record tells of it. A question that the human only has to answer is no refusal.
    """

    def __init__(self, refusal: Refusal, *, draft: int, map_row: str | None = None, told: bool = True) -> None:
        super().__init__(refusal.reason)
        self.refusal, self.draft, self.map_row, self.told = refusal, draft, map_row, told

    @property
    def code(self) -> str:
        return self.refusal.code
