"""The catalogue of events: open to everybody, made of the models."""

from __future__ import annotations

from functools import cache
from inspect import getdoc
from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

import seamline.events  # noqa: F401  (declares the catalogue)
from seamline.asyncapi import document
from seamline.cloudevents import wire_type
from seamline.events.base import versions
from seamline.schema import schema, schema_name
from seamline_webhooks.api.problem import Problem, documented


def catalog_routes(prefix: str) -> list[HTTPRouteHandler]:
    """GET of the list, of the AsyncAPI document, and of every event's JSON Schema."""

    @get("/catalog", operation_id="catalog", summary="Every event type and version", tags=["catalog"])
    async def listed() -> dict[str, Any]:
        return _listed(prefix)

    @get(
        "/catalog/{name:str}",
        operation_id="catalog_schema",
        summary="The JSON Schema of an event",
        responses=documented(404),
        tags=["catalog"],
    )
    async def one(name: FromPath[str]) -> dict[str, Any]:
        found = _asyncapi(prefix) if name == "asyncapi.json" else _schemas().get(name)
        if found is None:
            raise Problem("not-found", f"There is no {name[:100]} in the catalogue; GET /catalog lists what there is.")
        return found

    return [listed, one]


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    return {f"{schema_name(event)}.json": schema(event) for event in versions().values()}


@cache
def _asyncapi(prefix: str) -> dict[str, Any]:
    return document(prefix)


@cache
def _listed(prefix: str) -> dict[str, Any]:
    events = [
        {
            "type": event.event_type,
            "version": event.event_version,
            "wire": wire_type(event.event_type, event.event_version, prefix),
            "stage": event.event_stage,
            "nature": event.nature,
            "description": (getdoc(event) or "").split("\n\n", 1)[0],
            "schema": f"/catalog/{schema_name(event)}.json",
        }
        for event in versions().values()
    ]
    return {"prefix": prefix, "asyncapi": "/catalog/asyncapi.json", "events": events}
