"""The tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: Text,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


class Delivery(Base):
    """One webhook as it came in."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("source", "key"),
        Index("deliveries_unprocessed", "received_at", postgresql_where="processed_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    source: Mapped[str]
    key: Mapped[str]
    body: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    processed_at: Mapped[datetime | None]


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccountIdentity(Base):
    """Something that an account is known by: its id in the CRM, an e-mail address."""

    __tablename__ = "identities"

    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))


class Event(Base):
    """One normalized event; a delivery gives one."""

    __tablename__ = "events"
    __table_args__ = (Index("events_account", "account_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    type: Mapped[str]
    occurred_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class Flag(Base):
    """What a seat's handler has raised about an event."""

    __tablename__ = "flags"
    __table_args__ = (UniqueConstraint("event_id", "seat", "kind"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    seat: Mapped[str]
    kind: Mapped[str]
    note: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
