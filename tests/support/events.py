"""One full event of any type, made from its model: every field has a value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from seamline.events import Event, Party, Ref

AT = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
PARTY = Party(name="Ann Example", email="ann@example.com", refs=(Ref(of="person", kind="contact", id="1"),))
_VALUES: dict[Any, Any] = {
    int: 3,
    float: 0.5,
    bool: True,
    AwareDatetime: AT,
    date: AT.date(),
    UUID: UUID(int=5),
    Any: "any",
}


def example(event: type[Event], **fields: Any) -> Event:
    """A full event; ``fields`` are taken as they are."""
    return event.model_validate(_filled(event) | {"party": PARTY, "others": (), "part": "", "fact": None} | fields)


def _filled(model: type[BaseModel]) -> dict[str, Any]:
    own = {name: value_of(field.annotation) for name, field in model.model_fields.items()}
    return own | {name: "USD" for name in own if name == "currency"}


def value_of(kind: Any) -> Any:
    """A value of a type; of a union its first member that is a value."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return value_of(inner[0])
    if origin in (Union, UnionType):
        return value_of(next(member for member in inner if member is not type(None)))
    if origin is Literal:
        return inner[0]
    if origin is tuple:
        return (value_of(inner[0]),)
    if origin is dict:
        return {"key": value_of(inner[1])}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _filled(kind)
    return _VALUES.get(kind, "text")
