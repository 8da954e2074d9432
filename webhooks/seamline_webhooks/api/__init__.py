"""The API: lists, single things, orders, the feed and the catalogue, as Litestar routers."""

from __future__ import annotations

from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from seamline_webhooks.api.catalog import catalog_routes
from seamline_webhooks.api.command import command_routes
from seamline_webhooks.api.context import Actor, Api, Keyring
from seamline_webhooks.api.decision import decision_routes
from seamline_webhooks.api.feed import feed_route
from seamline_webhooks.api.noun import list_routes
from seamline_webhooks.api.problem import EXCEPTION_HANDLERS, Problem, too_deep

#: Largest body of an order, in bytes.
MAX_ORDER = 256 * 1024


def api_routers(api: Api) -> list[Router]:
    """The routers of /api/v1 and of /catalog. Give the application EXCEPTION_HANDLERS and openapi_config() too."""

    def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        actor, needed = api.admit(connection), handler.opt.get("role", "viewer")
        if not connection.scope["path"].isprintable():  # no id has such a character, and no store takes it
            raise Problem("not-found", "There is nothing at this address; /schema lists what there is.")
        if not actor.may(needed):
            raise Problem(
                "forbidden", f"This needs the role {needed}; the token of {actor.name} has the role {actor.role}."
            )
        # What an agent tries with a draft is judged there, so that the record tells of it.
        if needed != "viewer" and not handler.opt.get("judges") and api.outbound.is_agent(actor.name):
            raise Problem("forbidden", f"{actor.name} is an agent's seat: only a human orders this.")
        connection.scope["user"] = actor

    return [
        Router(
            "/api/v1",
            route_handlers=[*list_routes(api), *command_routes(api), *decision_routes(api), feed_route(api)],
            guards=[admit],
            security=[{"bearer": []}],
            request_max_body_size=MAX_ORDER,
            exception_handlers=EXCEPTION_HANDLERS,
        ),
        Router("/", route_handlers=catalog_routes(api.prefix), exception_handlers=EXCEPTION_HANDLERS),
    ]


def openapi_config(version: str) -> OpenAPIConfig:
    """The OpenAPI document at /schema, as JSON and as YAML; no page that loads scripts from elsewhere."""
    bearer = SecurityScheme(type="http", scheme="bearer", description="a token of [api] tokens")
    return OpenAPIConfig(
        title="Seamline",
        version=version,
        description="Webhooks as customer lifecycle events, and the seats that handle them.",
        path="/schema",
        components=Components(security_schemes={"bearer": bearer}),
        render_plugins=[JsonRenderPlugin(path="/openapi.json"), YamlRenderPlugin(path="/openapi.yaml")],
    )


__all__ = ["EXCEPTION_HANDLERS", "Actor", "Api", "Keyring", "Problem", "api_routers", "openapi_config", "too_deep"]
