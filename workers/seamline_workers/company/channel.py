"""Channels: the configured ways out, each an adapter that sends what a human has approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seamline.adapter import Adapter
from seamline.errors import ConfigError
from seamline_workers.company.config import ChannelSection, Config
from seamline_workers.company.registry import load_adapter


@dataclass(frozen=True)
class Channel:
    """One way out, at run time. ``sender``: in whose name it sends; None: in that of whoever approved."""

    name: str
    adapter: Adapter
    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    sender: str | None = None


def build_channels(config: Config) -> dict[str, Channel]:
    """The channels of a configuration, by name. Raises ConfigError where an adapter is none that sends."""
    return {name: _build(name, section) for name, section in config.channels.items()}


def _build(name: str, section: ChannelSection) -> Channel:
    try:
        kind = load_adapter(section.adapter)
        if not kind.sends:
            raise ConfigError(f"adapter: {section.adapter} sends nothing; take one that sends")
        adapter = kind(section.settings)
    except ConfigError as error:
        raise ConfigError(f"channels.{name}: {error}") from error
    return Channel(name, adapter, section.secrets, section.sender)
