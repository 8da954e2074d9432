"""Alerting: colleagues are told of the company's own troubles, by a channel whose adapter tells colleagues something.

Each kind is looked at once a minute, by one process, and told of when there are more than at the last word: at least
once, in one line, without anything of a customer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from seamline.adapter import Adapter
from seamline.call import drive
from seamline.errors import ConfigError
from seamline.transport import Transport
from seamline_workers.backoff import wait_s
from seamline_workers.company.channel import Channel
from seamline_workers.company.config import Alerts
from seamline_workers.effects.audience import Ours
from seamline_workers.log import log
from seamline_workers.outbound.outbound import Outbound
from seamline_workers.store import alerts
from seamline_workers.store.alerts import LOOK_US
from seamline_workers.store.store import Store, now_us

#: How long a kind that was told of stays quiet, however many more there are; in microseconds.
QUIET_US = 900_000_000
#: Longest pause between two attempts to tell, in seconds.
LONGEST_PAUSE_S = 600.0
_WORDS = {
    "dead": "handoffs were given up. Look: seamline dead list",
    "quarantined": "deliveries could not be read. Look: seamline deliveries list --state quarantined",
    "refused": "requests were refused. Look: seamline check, and the metric seamline_deliveries_total",
    "overdue": "deadlines are long past due, and nobody fired them. Look: seamline check",
    "silent": "sources have told nothing for 7 days. Look: seamline check",
    "paused": "channels are paused. Look: seamline channels list",
}


def told(wanted: Alerts, channels: Mapping[str, Channel], ours: Ours) -> tuple[str, ...]:
    """Who is told. Raises ConfigError where nobody could be, or somebody who is not ours."""
    name = wanted.channel
    if name is None:
        if wanted.on or wanted.to is not None:
            raise ConfigError("alerts.channel: name the channel by which alerts are told")
        return ()
    channel = channels.get(name)
    if channel is None:
        raise ConfigError(f"alerts.channel: no channel is named {name!r}; write it under [channels.{name}]")
    if type(channel.adapter).notice is Adapter.notice:
        raise ConfigError(f"alerts.channel: {channel.adapter.name} tells colleagues nothing; take one that does")
    found = sorted(ours.team.get(name, ())) if wanted.to is None else [wanted.to]
    if not found:
        raise ConfigError(f"alerts.to: say who is told, or name them in channels.{name}.team")
    for one in found:
        if ours.audience(name, [one]) != "team":
            raise ConfigError(f"alerts.to: {one} is nobody of ours; name it in channels.{name}.team")
    return tuple(found)


@dataclass(frozen=True)
class Alerting:
    """Looks, and tells; one a process. ``wanted.on`` is what it looks at."""

    store: Store
    outbound: Outbound
    wanted: Alerts
    transport: Transport = field(default_factory=Transport)

    def __post_init__(self) -> None:
        told(self.wanted, self.outbound.channels, self.outbound.ours)

    def due(self, connection: Connection) -> bool:
        return bool(self._kinds) and alerts.any_due(connection, self._kinds, now_us())

    def some(self, token: int = 0) -> bool:
        """Look at one kind. Returns whether one was due."""
        if not self._kinds:
            return False
        now = now_us()
        with self.store.begin() as connection:
            alert = alerts.take(connection, self._kinds, token, now)
            if alert is None:
                return False
            many = alerts.count(connection, alert.kind, self.outbound.clock(), now)
            if many <= alert.told:
                alerts.end(connection, alert, token, many, now + LOOK_US)
                return True
        try:
            self._tell(f"{many - alert.told} more, {many} in all: {_WORDS[alert.kind]}")
        except Exception as error:  # an adapter's own fault must not end the looking
            log.warning("alert_not_told", kind=alert.kind, error=type(error).__name__)
            pause = max(1.0, min(wait_s(alert.attempts + 1, None), LONGEST_PAUSE_S))
            with self.store.begin() as connection:
                alerts.postpone(connection, alert, token, now_us() + int(pause * 1_000_000))
            return True
        with self.store.begin() as connection:
            alerts.end(connection, alert, token, many, now_us() + QUIET_US)
        return True

    @property
    def _kinds(self) -> Collection[str]:
        return frozenset(self.wanted.on) if self.wanted.channel is not None else frozenset()

    def _tell(self, text: str) -> None:
        assert self.wanted.channel is not None
        channel = self.outbound.channels[self.wanted.channel]
        send = self.transport.sender(channel.adapter, channel.secrets)
        for recipient in told(self.wanted, self.outbound.channels, self.outbound.ours):
            drive(channel.adapter.notice(recipient, text, None), send)
