"""What the API lists and shows, and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from seamline_webhooks.api.noun import NOUNS, PARAMETERS
from seamline_workers.store import schema
from support.seed import Seed

Client = TestClient[Litestar]
Bearer = Callable[[str], dict[str, str]]

LISTS = [
    "deliveries",
    "items",
    "events",
    "accounts",
    "handoffs",
    "flags",
    "tasks",
    "drafts",
    "dispatches",
    "deadlines",
    "messages",
    "record",
    "replays",
    "seats",
    "sources",
]


def fill(seed: Seed) -> dict[str, str]:
    """One thing of each list; returns their ids."""
    source, account = seed.source(), seed.account()
    delivery = seed.delivery(source, b'{"who": "Dana Reyes"}')
    item = seed.item(delivery, source)
    seq = seed.event(account, delivery_id=delivery, item=0)
    handoff = seed.handoff(seq, "dirk", account, schema.DEAD, reason="gave up")
    return {
        "deliveries": str(delivery),
        "items": item,
        "events": str(seed.event_uuid(seq)),
        "accounts": str(account),
        "handoffs": handoff,
        "flags": str(seed.flag(account)),
        "tasks": str(seed.task(account)),
        "deadlines": str(seed.deadline(account)),
        "messages": str(seed.message(account)),
        "record": seed.recorded(account),
        "seats": "dirk",
        "sources": "demo",
    }


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["type"] == f"urn:seamline:problem:{code}"
    assert (found["code"], found["status"]) == (code, status)
    assert found["title"]
    assert found["detail"]
    assert found["instance"] == answer.request.url.path
    return found


def test_every_list_gives_pages_and_every_thing_is_shown_alone(client: Client, bearer: Bearer, seed: Seed) -> None:
    known = fill(seed)
    for name in LISTS:
        answer = client.get(f"/api/v1/{name}", headers=bearer("admin"))
        assert answer.status_code == 200
        assert set(answer.json()) == {"items", "next"}
        if name in known:
            shown = client.get(f"/api/v1/{name}/{known[name]}", headers=bearer("admin"))
            assert shown.status_code == 200
            listed = next(
                thing for thing in answer.json()["items"] if thing.get("id", thing.get("name")) == known[name]
            )
            assert listed.items() <= shown.json().items()


def test_without_a_known_token_nothing_is_told(client: Client) -> None:
    for name in [*LISTS, "events.jsonl", "accounts/1/timeline", "deliveries/1"]:
        for value in ("", "Bearer", "Bearer nobody-0123456789", "Basic eDp5", "viewer-0123456789abcdef"):
            answer = client.get(f"/api/v1/{name}", headers={"authorization": value})
            problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_viewer_sees_no_person_and_no_body(client: Client, bearer: Bearer, seed: Seed) -> None:
    known = fill(seed)
    paths = [*(f"/api/v1/{name}" for name in LISTS), *(f"/api/v1/{name}/{key}" for name, key in known.items())]
    paths += [f"/api/v1/accounts/{known['accounts']}/timeline", "/api/v1/events.jsonl"]
    seen = "".join(client.get(path, headers=bearer("viewer")).text for path in paths)
    assert "proposal.viewed" in seen
    for personal in ("Dana", "dana@", "Acme", "body", "headers"):
        assert personal not in seen.replace('"body":"***"', "")
    assert "Dana" in client.get("/api/v1/tasks", headers=bearer("operator")).text


def test_whatever_is_asked_wrongly_is_named(client: Client, bearer: Bearer) -> None:
    answer = client.get("/api/v1/flags?limit=0&colour=red&state=dead&source=crm", headers=bearer("viewer"))
    found = problem(answer, 400, "invalid")
    assert [error["path"] for error in found["errors"]] == ["limit", "colour", "state", "source"]
    twice = client.get("/api/v1/flags?limit=1&limit=2", headers=bearer("viewer"))
    assert problem(twice, 400, "invalid")["errors"] == [{"path": "limit", "message": "is given twice"}]
    alone = client.get("/api/v1/flags/1?limit=1", headers=bearer("viewer"))
    assert problem(alone, 400, "invalid")["errors"][0]["path"] == "limit"
    cursor = client.get("/api/v1/events?cursor=x", headers=bearer("viewer"))
    assert problem(cursor, 400, "invalid")["errors"][0]["path"] == "cursor"


def test_a_state_that_a_list_does_not_have_is_named(client: Client, bearer: Bearer) -> None:
    taking = [noun.name for noun in NOUNS if "state" in noun.filters]
    assert {"messages", "drafts", "handoffs", "sources"} <= set(taking)
    for name in taking:
        found = problem(client.get(f"/api/v1/{name}?state=colourful", headers=bearer("viewer")), 400, "invalid")
        assert [error["path"] for error in found["errors"]] == ["state"], name


def test_what_is_not_there_is_a_problem_too(client: Client, bearer: Bearer) -> None:
    for path in ("invoices", "nothing", ""):
        problem(client.get(f"/api/v1/{path}", headers=bearer("admin")), 404, "not-found")


def test_an_id_that_nobody_has_is_not_found(client: Client, bearer: Bearer) -> None:
    for name in LISTS:
        problem(client.get(f"/api/v1/{name}/999999", headers=bearer("viewer")), 404, "not-found")
    problem(client.get("/api/v1/accounts/nobody@example.com/timeline", headers=bearer("viewer")), 404, "not-found")


def test_an_account_is_shown_by_its_key_and_its_timeline_told(client: Client, bearer: Bearer, seed: Seed) -> None:
    known = fill(seed)
    seed.identity(int(known["accounts"]), "email", "dana@example.com")
    assert client.get("/api/v1/accounts/dana@example.com", headers=bearer("viewer")).json()["id"] == known["accounts"]
    told = client.get("/api/v1/accounts/dana@example.com/timeline?type=proposal.*", headers=bearer("viewer")).json()
    assert [item["kind"] for item in told["items"]] == ["event", "handoff"]


def test_a_source_says_where_it_is_and_what_its_word_is_worth(client: Client, bearer: Bearer) -> None:
    source = client.get("/api/v1/sources/demo", headers=bearer("viewer")).json()
    assert (source["url"], source["trust"], source["state"]) == (
        "https://hooks.example.com/webhooks/demo",
        "signed",
        "active",
    )


def test_the_seats_are_those_of_the_company(client: Client, bearer: Bearer) -> None:
    seats = client.get("/api/v1/seats", headers=bearer("viewer")).json()["items"]
    assert [(seat["name"], seat["kind"]) for seat in seats] == [("coo", "human"), ("dirk", "agent")]


def test_the_feed_gives_events_one_a_line_after_a_sequence_or_a_time(
    client: Client, bearer: Bearer, seed: Seed
) -> None:
    account = seed.account()
    for n in range(5):
        seed.event(account, type="deal.won" if n == 3 else "proposal.viewed")

    def sequences(query: str) -> list[str]:
        answer = client.get(f"/api/v1/events.jsonl?{query}", headers=bearer("operator"))
        assert answer.headers["content-type"].startswith("application/jsonl")
        return [json.loads(line)["sequence"] for line in answer.text.splitlines()]

    assert sequences("") == ["1", "2", "3", "4", "5"]
    assert sequences("since=3") == ["4", "5"]
    assert sequences("since=0&limit=2") == ["1", "2"]
    assert sequences("type=deal.*") == ["4"]
    assert sequences("since=2026-11-20T09:04:00Z") == ["3", "4", "5"]
    problem(client.get("/api/v1/events.jsonl?cursor=x", headers=bearer("viewer")), 400, "invalid")


def test_schema_and_catalogue_are_open_and_say_what_there_is(client: Client) -> None:
    schema = client.get("/schema/openapi.json").json()
    listed = schema["paths"]["/api/v1/handoffs"]["get"]
    names = {parameter["name"] for parameter in listed["parameters"]}
    assert names == {"source", "type", "account", "seat", "state", "since", "until", "limit", "cursor"}
    assert listed["security"] == [{"bearer": []}]
    assert "bearer" in schema["components"]["securitySchemes"]
    assert client.get("/schema").status_code == 200
    catalog = client.get("/catalog").json()
    viewed = next(event for event in catalog["events"] if event["type"] == "proposal.viewed")
    assert viewed["wire"] == "seamline.proposal.viewed.v1"
    assert client.get(viewed["schema"]).json()["$id"] == viewed["schema"]
    assert client.get("/catalog/asyncapi.json").json()["asyncapi"].startswith("3.")
    problem(client.get("/catalog/nothing.v1.json"), 404, "not-found")


WORDS = st.text() | st.sampled_from(["2h", "-1", "proposal.*", "\x00", "a@b", "1:2:3", "+1", "%", "\ud7ff", "9" * 40])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([*LISTS, "events.jsonl", "accounts/1/timeline"]),
    st.dictionaries(st.sampled_from([*PARAMETERS, "colour"]), WORDS, max_size=3),
    st.none() | WORDS,
)
def test_whatever_is_asked_is_answered_or_refused_but_never_a_fault(
    client: Client, bearer: Bearer, name: str, words: dict[str, str], key: str | None
) -> None:
    path = f"/api/v1/{name}" + ("" if key is None else f"/{quote(key, safe='')}")
    answer = client.get(path, params=words, headers=bearer("admin"))
    assert answer.status_code in (200, 400, 404, 405, 409)
    if answer.status_code != 200:
        assert answer.json()["type"].startswith("urn:seamline:problem:")


def test_a_method_that_is_not_allowed_is_told_which_are(client: Client, bearer: Bearer) -> None:
    answer = client.delete("/api/v1/replays", headers=bearer("admin"))
    problem(answer, 405, "method")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
