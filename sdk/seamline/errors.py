"""Errors, named by what happens next.

* SeamlineError
  x ConfigError        the process refuses to start and says what to write where
  x SignatureError     401; nothing is stored, the refusal is counted
  x KeyUnavailable     503; the provider sends again, and by then the key may be there
  x PayloadError       this item is quarantined; the rest of its delivery goes on
  x RetryLater         tried again later; not logged as an error
  x NeedsHuman         a task in a person's queue; not retried by itself
    + SecretMissing    the source lacks a secret that a call needs
  x Park               waits for a named fact; runs by itself in the transaction that appends it
  x TransportError     an outgoing call failed, and the same call would fail again
    + CallRefused      the provider said no, or answered what cannot be taken
    + EgressRefused    not sent: this address, host or scheme is not for us
    + Uncertain        sent, and nobody knows whether the provider acted: a person looks, nothing is sent again
"""

from __future__ import annotations

from datetime import timedelta


class SeamlineError(Exception):
    """Root of everything that Seamline raises on purpose."""


def _text(reason: str) -> str:
    """The reason itself. Raises TypeError for what is no text: an exception's own may hold what nobody should read."""
    if not isinstance(reason, str):
        raise TypeError(f"the reason is a sentence for a human, not {type(reason).__name__}")
    return reason


class ConfigError(SeamlineError):
    """Raised when a configuration, an adapter or a seat is declared wrongly; says what to write where."""


class SignatureError(SeamlineError):
    """Raised when a request is not genuine. ``reason`` is for the operator, never for the sender."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyUnavailable(SeamlineError):
    """Raised when a remote verification key could not be had: our fault (503), not a forgery."""


class PayloadError(SeamlineError):
    """Raised when an item cannot be read. It is quarantined with this reason.

    The reason is shown in lists: name fields and types, never values.
    """


class RetryLater(SeamlineError):
    """Raised to be run again later. ``after`` is obeyed; without it the usual back-off applies."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        if after is not None and not isinstance(after, timedelta):
            raise TypeError(f"after is a timedelta, such as timedelta(seconds=60), not {type(after).__name__}")
        self.reason = _text(reason)
        self.after = after


class NeedsHuman(SeamlineError):
    """Raised when only a person can go on: an expired token, a missing permission, an odd case."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = _text(reason)


class Park(SeamlineError):
    """Raised to wait for a fact about this account; ``awaits`` is an event type such as ``contract.signed``."""

    def __init__(self, awaits: str, reason: str) -> None:
        super().__init__(reason)
        if not isinstance(awaits, str):
            named = getattr(awaits, "__name__", type(awaits).__name__)
            raise TypeError(f"Park awaits an event type's name, such as 'contract.signed'; for {named}: ctx.park()")
        self.awaits = awaits
        self.reason = _text(reason)


class SecretMissing(NeedsHuman):
    """Raised when a call needs a secret that its source does not have; ``name`` is the secret's name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the source has no secret {name!r}; write it in the configuration under [sources.<name>.secrets]"
        )
        self.name = name


class TransportError(SeamlineError):
    """Raised when an outgoing call failed for good. The reason holds no query, no path, no header and no body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CallRefused(TransportError):
    """Raised when the provider refused a call (``status``), or its answer cannot be taken (redirect, too large)."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class EgressRefused(TransportError):
    """Raised before anything was sent: the scheme, the host, the port or the address is not allowed."""


class Uncertain(TransportError):
    """Raised when a call that must not be repeated may or may not have taken effect."""
