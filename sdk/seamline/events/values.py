"""Values that several events share: ids, addresses, scores, periods, figures, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from seamline.events.base import Currency, Model, Personal, When


def _lower_domain(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}" if at else value.strip()


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


#: A provider's id: text, whatever the provider writes.
Id = Annotated[str, Field(min_length=1, max_length=300)]
#: A sender or recipient as told: an e-mail address, a number, a handle. A malformed one is kept, never refused.
Address = Annotated[str, AfterValidator(_lower_domain)]
#: An event's id, or the id of whatever else proves the point.
Evidence = Annotated[str, BeforeValidator(_as_text)]

if TYPE_CHECKING:

    class EvidenceIds:
        """What type checkers are told without a plugin: ids of events or text are given, text is read."""

        def __get__(self, event: object, owner: object = None) -> tuple[str, ...]: ...

        def __set__(self, event: object, given: Sequence[UUID | str]) -> None: ...

else:
    EvidenceIds = tuple[Evidence, ...]

NO_EVIDENCE: Any = ()

Score = Annotated[int, Field(ge=0, le=100)]
Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0)], Field(description="seconds")]
Count = Annotated[int, Field(ge=0)]
Grade = Literal["trusted", "provisional", "untrusted"]
#: Text of a message. The engine may move it out of the event; ``text_ref`` then says where it is.
Text = Personal[str | None]


class Period(Model):
    """Whole days in a time zone, ``end`` included."""

    start: date
    end: date
    tz: str = "UTC"


class Figure(Model):
    """A number that a human will say to a customer. ``snapshot_id``: the snapshot that it is from."""

    metric: str
    value: int | float
    unit: str
    source: str
    as_of: When
    grade: Grade
    currency: Currency | None = None
    period: Period | None = None
    snapshot_id: Id | None = None


class StatedFigure(Model):
    """A number that somebody said on a call."""

    metric: str
    value: int | float
    unit: str | None = None
    currency: Currency | None = None
    period: Period | None = None


class Proof(Model):
    """What a provider says about an item of the exit checklist; ``status`` is the provider's own word."""

    provider: str
    ref: str
    status: str
    checked_at: When
