"""HubSpot's CRM API: what a change is completed with, and what its refusals mean.

Sources: developers.hubspot.com/docs/api/crm/deals, …/crm/contacts (batch read), …/crm/pipelines (a stage's
``metadata.probability`` is 1.0 for won and 0.0 for lost, with ``isClosed``), …/usage-details (limits, ``policyName``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from seamline import Answer, Call, Calls, Item, Party, PayloadError, RetryLater
from seamline_adapters import told
from seamline_adapters.hubspot.change import ref

Outcome = Literal["won", "lost", "open"]

API = "https://api.hubapi.com"

#: The name of the secret with the private app's access token.
TOKEN = "api"  # noqa: S105  (the name of a secret)

#: Statuses that are judged here: gone (404), and limits, whose policy stands in the body.
JUDGED = (404, 429)

#: Most contacts of a deal that are read; a batch read takes 100.
MAX_CONTACTS = 20

_DEAL = "amount,deal_currency_code,pipeline,dealtype,closed_won_reason,closed_lost_reason"
_CONTACT = ("email", "firstname", "lastname", "phone", "mobilephone", "company")

#: How long a limit lasts. The daily one ends at midnight of the portal, whose time zone is not told.
_WAITS = {
    "SECONDLY": timedelta(seconds=1),
    "TEN_SECONDLY_ROLLING": timedelta(seconds=10),
    "DAILY": timedelta(hours=1),
}
_USUAL_WAIT = timedelta(seconds=10)

#: HubSpot's own values of ``dealtype``.
_ENGAGEMENTS: Mapping[str, Literal["new", "addendum"]] = {"newbusiness": "new", "existingbusiness": "addendum"}


def read_deal(item: Item, number: str) -> Calls[dict[str, Any]]:
    """The deal with the ids of its contacts and companies; empty where it is gone."""
    url = f"{API}/crm/v3/objects/deals/{number}"
    query = {"properties": _DEAL, "associations": "contacts,companies"}
    return (yield from _ask(item, Call("deal", url, query, secret=TOKEN, accept=JUDGED)))


def read_contacts(item: Item, numbers: list[str]) -> Calls[dict[str, Any]]:
    """Contacts by id, in one call."""
    if not numbers:
        return {}
    asked = {"properties": _CONTACT, "inputs": [{"id": number} for number in numbers]}
    url = f"{API}/crm/v3/objects/contacts/batch/read"
    call = Call("contacts", url, method="POST", json=asked, secret=TOKEN, accept=JUDGED, repeatable=True)
    return (yield from _ask(item, call))


def read_pipelines(item: Item) -> Calls[dict[str, Any]]:
    """The portal's deal pipelines with their stages."""
    call = Call("pipelines", f"{API}/crm/v3/pipelines/deals", secret=TOKEN, accept=JUDGED)
    return (yield from _ask(item, call))


def answer(item: Item, name: str) -> dict[str, Any]:
    """A stored answer; empty where there is none, or it was gone. Raises PayloadError."""
    held = item.answers.get(name)
    return {} if held is None else _body(held)


def contacts_of(deal: dict[str, Any]) -> list[str]:
    """The ids of a deal's contacts; one that has several labels is told several times."""
    return _associated(deal, "contacts")[:MAX_CONTACTS]


def parties(item: Item, portal: str, numbers: list[str], fallback: Party) -> tuple[Party, tuple[Party, ...]]:
    """The contacts with these ids as parties, the first of them apart; ``fallback`` if there is none."""
    results = told.at(answer(item, "contacts"), "results")
    found = {told.text(told.at(one, "id")): one for one in results} if isinstance(results, list) else {}
    people = [contact(number, portal, told.at(found.get(number), "properties")) for number in numbers]
    return (people[0], tuple(people[1:])) if people else (fallback, ())


def contact(number: str, portal: str, known: Any) -> Party:
    """A contact as a party, with what is known of it."""
    known = known if isinstance(known, dict) else {}
    return told.party(
        name=told.full_name(known.get("firstname"), known.get("lastname")),
        address=known.get("email"),
        number=told.text(known.get("phone")) or known.get("mobilephone"),
        company=known.get("company"),
        refs=[ref("contact", number, portal)],
    )


def companies_of(deal: dict[str, Any]) -> list[str]:
    return _associated(deal, "companies")


def stage(item: Item, number: str) -> tuple[Outcome | None, str | None]:
    """What a stage means, and its pipeline, as the pipelines tell; None where they do not."""
    pipelines = told.at(answer(item, "pipelines"), "results")
    for pipeline in pipelines if isinstance(pipelines, list) else []:
        stages = told.at(pipeline, "stages")
        for one in stages if isinstance(stages, list) else []:
            if told.text(told.at(one, "id")) == number:
                return _outcome(one), told.text(told.at(pipeline, "id"))
    return None, None


def engagement(properties: dict[str, Any]) -> Literal["new", "addendum", "unknown"]:
    """Whether a deal of these properties is with a new customer; portals can have types of their own."""
    return _ENGAGEMENTS.get(told.text(properties.get("dealtype")) or "", "unknown")


def _outcome(stage: Any) -> Outcome:
    if str(told.at(stage, "metadata.isClosed")).lower() != "true":
        return "open"
    try:
        probability = float(told.at(stage, "metadata.probability"))
    except (TypeError, ValueError):
        return "open"
    return "won" if probability == 1 else "lost" if probability == 0 else "open"


def _associated(deal: dict[str, Any], name: str) -> list[str]:
    results = told.at(deal, f"associations.{name}.results")
    numbers = [told.text(told.at(one, "id")) for one in results] if isinstance(results, list) else []
    return [number for number in dict.fromkeys(numbers) if number]


def _ask(item: Item, call: Call) -> Calls[dict[str, Any]]:
    held = item.answers.get(call.name)
    return _judged(held if held is not None else (yield call))


def _judged(answer: Answer) -> dict[str, Any]:
    """The body of an answer. Raises RetryLater while a limit lasts, PayloadError."""
    if answer.status != 429:
        return _body(answer)
    try:
        policy = told.text(told.at(answer.json(), "policyName")) or ""
    except PayloadError:
        policy = ""
    raise RetryLater(f"HubSpot's limit {policy or 'of calls'} is reached", _WAITS.get(policy, _USUAL_WAIT))


def _body(answer: Answer) -> dict[str, Any]:
    if answer.status == 404:
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}
