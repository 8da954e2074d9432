"""The webhook subscription at Calendly: made, checked, and made anew after Calendly disabled it.

Sources: developer.calendly.com/api-docs/calendly-api/webhooks (create, get, list, delete; ``state`` is active or
disabled), …/overview/webhooks/webhook-errors (disabled after 24 hours of failures, to be recreated). That the same URL
cannot be subscribed twice (409) is not documented there; it is handled, not relied on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seamline import Answer, Call, Calls, NeedsHuman, Subscription
from seamline_adapters import told
from seamline_adapters.calendly.booking import API, resource

HOOKS = f"{API}/webhook_subscriptions"

#: The name of the secret with the access token.
ACCESS = "api"

#: Routing forms can be subscribed to only for the whole organization.
EVERYWHERE = ("invitee.created", "invitee.canceled", "invitee_no_show.created", "invitee_no_show.deleted")
ORGANIZATION = (*EVERYWHERE, "routing_form_submission.created")


def keep(
    url: str, held: Subscription | None, scope: str, owner: Mapping[str, str], events: Sequence[str], own_key: bool
) -> Calls[Subscription]:
    """Give the subscription that is held if it is alive, else a new one.

    ``owner`` holds URIs by ``organization``, ``user`` and ``group``; what is missing is asked of the token's user.
    ``own_key``: hand over our signing secret; otherwise an OAuth app's own key signs.
    """
    if held is not None:
        answer = yield Call("held", held.id, secret=ACCESS, accept=(404,))
        found = resource(answer)
        if found is not None and found.get("state") == "active" and found.get("callback_url") == url:
            return Subscription(id=held.id)
        if found is not None:
            yield _drop(held.id)
    owner = yield from _owner(owner, scope)
    asked = {"url": url, "events": list(events), "scope": scope, **owner}
    answer = yield _create(asked, own_key)
    if answer.status == 409:
        # Whoever made the other hook may have given it another key, so it cannot be taken over.
        yield from _drop_others(url, scope, owner)
        answer = yield _create(asked, own_key)
    return Subscription(id=_uri(answer))


def _create(asked: Mapping[str, Any], own_key: bool) -> Call:
    handed = {"signing_key": "signing"} if own_key else {}
    # Sent twice it is refused the second time, so it may be repeated.
    return Call(
        "create", HOOKS, method="POST", json=asked, secret=ACCESS, accept=(409,), repeatable=True, json_secrets=handed
    )


def _drop(uri: str) -> Call:
    return Call("drop", uri, method="DELETE", secret=ACCESS, accept=(404,))


def _drop_others(url: str, scope: str, owner: Mapping[str, str]) -> Calls[None]:
    answer = yield Call("list", HOOKS, {"scope": scope, "count": "100", **owner}, secret=ACCESS)
    for hook in told.listed(told.at(answer.json(), "collection"), "collection"):
        if told.at(hook, "callback_url") == url:
            yield _drop(told.ident(told.at(hook, "uri"), "uri"))


def _owner(owner: Mapping[str, str], scope: str) -> Calls[dict[str, str]]:
    """The owner's URIs that this scope needs."""
    needed = {"organization": ("organization",), "user": ("organization", "user"), "group": ("organization", "group")}
    known = {name: owner[name] for name in needed[scope] if name in owner}
    if len(known) == len(needed[scope]):
        return known
    if "group" in needed[scope] and "group" not in known:
        raise NeedsHuman("a subscription for a group needs the setting group: the group's URI")
    me = resource((yield Call("me", f"{API}/users/me", secret=ACCESS))) or {}
    mine = {"organization": me.get("current_organization"), "user": me.get("uri")}
    return {name: known.get(name) or told.ident(mine.get(name), name) for name in needed[scope]}


def _uri(answer: Answer) -> str:
    found = None if answer.status == 409 else told.at(answer.json(), "resource.uri")
    if found is None:
        raise NeedsHuman("Calendly has another subscription of this URL that cannot be replaced")
    return told.ident(found, "uri")
