"""Customers, and what happened with them."""

from __future__ import annotations

from typing import TypedDict


class Contact(TypedDict):
    """A person of an account."""

    id: str
    name: str | None
    email: str | None
    phone: str | None


class ExternalRef(TypedDict):
    """A provider's own id; ``source`` is the provider's tenant (portal, workspace, page), null where it has none."""

    provider: str
    source: str | None
    kind: str
    id: str


class Account(TypedDict):
    """A customer: a company, a household, or a provisional lead."""

    id: str
    name: str | None
    stage: str | None
    overlays: list[str]
    provisional: bool
    manager: str | None
    contacts: list[Contact]
    refs: list[ExternalRef]
    linked: list[str]
    open_flags: int
    created_at: str
    last_event_at: str | None


class TimelineItem(TypedDict):
    """One line of an account's story."""

    at: str
    kind: str
    id: str
    seat: str | None
    text: str
    cause: str | None
