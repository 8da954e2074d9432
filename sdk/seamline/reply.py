"""What a provider is told, declared by meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from seamline.errors import ConfigError


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int = 202
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, status: int = 200) -> Reply:
        """An answer whose body is ``value`` as JSON."""
        return cls(status, json.dumps(value).encode(), "application/json")


@dataclass(frozen=True)
class Replies:
    """The statuses for each meaning, and which of them make this provider try again.

    ``ok`` with an empty body answers ``{"delivery": id, "duplicate": bool}``. ``attempts`` quotes the provider's
    documented schedule, for its page and for ``seamline check``.
    """

    ok: Reply = field(default_factory=Reply)
    forged: Reply = field(default_factory=lambda: Reply(401))
    foreign: Reply = field(default_factory=lambda: Reply(202))
    busy: Reply = field(default_factory=lambda: Reply(503))
    retried: Sequence[int] = range(400, 600)
    within: timedelta = timedelta(seconds=10)
    attempts: str = ""

    def check(self, adapter: str) -> None:
        """Raise ConfigError unless busy is retried and foreign is not."""
        if self.busy.status not in self.retried:
            raise ConfigError(f"{adapter}: replies.busy {self.busy.status} is not retried; deliveries would be lost")
        if self.foreign.status in self.retried:
            raise ConfigError(
                f"{adapter}: replies.foreign {self.foreign.status} is retried; use a 2xx or a final status"
            )
