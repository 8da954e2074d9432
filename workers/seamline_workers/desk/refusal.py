"""Why an order of a person is not carried out.

* SeamlineError
  x NoSuch     there is no such thing
  x Conflict   its state does not allow it; says what it is and what does
"""

from __future__ import annotations

from seamline.errors import SeamlineError


class NoSuch(SeamlineError):
    """Raised when there is no thing of this id."""


class Conflict(SeamlineError):
    """Raised when a thing's state does not allow the order."""
