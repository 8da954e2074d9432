"""Facts told in our own words: the shape that the relay and every generic signed source share.

An item is ``{"type": "proposal.viewed", "id": "…", "occurred_at": "…Z", "party": {…}, "others": [{…}], "data": {…}}``:
``type`` and ``data`` are those of the catalogue, ``id`` is the teller's own, the same whenever it tells this again.
``version`` may name an older version of the type, which is lifted to the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import seamline.events
from seamline.delivery import Item, content_key
from seamline.errors import PayloadError
from seamline.events.base import Event, catalogue, reasons
from seamline_adapters import told

#: Most items of one request.
MAX_ITEMS = 500

#: All that a source can tell: judgements are for seats, control events for the engine. Types that others declare
#: beside the catalogue are not ours to tell.
FACTS: tuple[type[Event], ...] = tuple(
    model
    for model in catalogue().values()
    if model.nature == "fact" and model.__module__.startswith(f"{seamline.events.__name__}.")
)

_FACTS: Mapping[str, type[Event]] = {model.event_type: model for model in FACTS}
_OURS = frozenset(Event.model_fields)


def items(body: Any) -> Iterator[Item]:
    """One item an element of a list, or one of an object; what has no usable id is an item too, and told apart.

    Raises PayloadError for a list of more than ``MAX_ITEMS``.
    """
    elements = body if isinstance(body, list) else [body]
    if len(elements) > MAX_ITEMS:
        raise PayloadError(f"the list has {len(elements)} items; at most {MAX_ITEMS} are taken at once")
    for element in elements:
        yield Item(_key(element), element)


def event(value: Any) -> Event | None:
    """The event of an item; None: a type that nobody knows. Raises PayloadError."""
    if not isinstance(value, dict):
        raise PayloadError("an item is no object")
    name = value.get("type")
    if not isinstance(name, str):
        raise PayloadError("type is missing or no text")
    model = _FACTS.get(name)
    if model is None:
        known = catalogue().get(name)
        if known is None:
            return None
        raise PayloadError(f"{name} is a {known.nature}, not a fact: no source can tell it")
    # The event's id is made of the sender's own id, whatever the item's key is.
    fields = _fields(value) | {"fact": told.ident(value.get("id"), "id")}
    return _read(model, fields, value.get("version"))


def _key(element: Any) -> str:
    try:
        # One id may tell facts of several types: a proposal's own id is both its "sent" and its "viewed".
        return f"{told.ident(element['id'], 'id')} {told.ident(element['type'], 'type')}"
    except (PayloadError, KeyError, TypeError, IndexError):
        return f"other:{content_key(element)}"


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the event: ``data``, and what every event has beside it."""
    data = dict(told.mapping(value.get("data"), "data"))
    ours = sorted(_OURS & set(data))
    if ours:
        raise PayloadError(
            f"data must not hold {', '.join(ours)}: it stands beside data, or is not for a source to say"
        )
    for name in ("party", "others", "occurred_at"):
        if value.get(name) is not None:
            data[name] = value[name]
    return data


def _read(model: type[Event], fields: dict[str, Any], version: Any) -> Event:
    newest = model.event_version
    if version is None or version == newest:
        try:
            return model.model_validate(fields)
        except ValueError as error:
            raise PayloadError(f"{model.event_type} does not fit the catalogue: {reasons(error)}") from None
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version < newest:
        raise PayloadError(f"version is none of {model.event_type}: the newest is {newest}")
    return Event.load(model.event_type, version, fields)
