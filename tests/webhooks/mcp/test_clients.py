"""Unmodified clients of both eras of the protocol read the chart, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import text

from seamline_agency.roster import roster
from seamline_webhooks.mcp.server import make_server
from seamline_webhooks.mcp.view import View
from seamline_workers.company.config import load_config
from seamline_workers.company.process import load_process
from seamline_workers.store.store import Store, open_store
from support.house import ROOT, blocks
from support.seed import Seed
from support.serving import Serving

#: The protocol's eras, as the official client is told to speak them.
ERAS = {"2025-11-25": "legacy", "2026-07-28": "2026-07-28"}
TOOLS = {
    "get_org_chart", "get_seat", "get_seam", "get_boundary_map", "account_timeline", "coordination_record",
    "pending_approvals", "otp_get_org_chart",
}  # fmt: skip
TOKEN = "viewer-0123456789abcdef"
#: Longest time that a conversation may take, in seconds.
PATIENCE_S = 60


def _program(company: Path) -> StdioServerParameters:
    command = ["-c", "from seamline_webhooks.cli import main; main()", "mcp", "--config", str(company)]
    return StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))


def _talk(client: Client, about: Callable[[Client], Any]) -> Any:
    async def talk() -> Any:
        async with asyncio.timeout(PATIENCE_S), client as open_one:
            return await about(open_one)

    return asyncio.run(talk())


async def _read(client: Client) -> tuple[str, Any, Any]:
    tools = (await client.list_tools()).tools
    chart = await client.call_tool("get_org_chart", {})
    assert not chart.is_error
    return client.protocol_version, tools, chart.structured_content


def _check(version: str, told: tuple[str, Any, Any]) -> None:
    spoken, tools, chart = told
    assert spoken == version
    assert {tool.name for tool in tools} == TOOLS
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert Counter(seat["id"] for seat in chart["seats"]) == Counter(seat.name for seat in roster.seats)
    assert {seat["facing"] for seat in chart["seats"]} == {"customer_facing", "internal_operations"}
    assert {seat["facing"] for seat in chart["seats"] if seat["kind"] == "agent"} == {"internal_operations"}
    reports = {(edge["from_seat"], edge["to_seat"]) for edge in chart["edges"] if edge["kind"] == "reports_to"}
    assert ("pepper", "coo") in reports


@pytest.mark.parametrize("version", ERAS)
def test_r81_r82_a_client_of_either_era_gets_the_chart_over_stdio(company: Path, version: str) -> None:
    client = Client(_program(company), mode=ERAS[version])
    _check(version, _talk(client, _read))


@pytest.mark.parametrize("version", ERAS)
def test_r81_r82_a_client_of_either_era_gets_the_chart_over_http(
    company: Path, company_store: Store, version: str
) -> None:
    async def talk(url: str) -> Any:
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with (
            AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
            Client(streamable_http_client(url, http_client=http), mode=ERAS[version]) as client,
        ):
            return await _read(client)

    with Serving(company) as server:
        _check(version, asyncio.run(talk(f"{server.url}/mcp")))


def test_r82_over_http_a_token_is_needed_and_only_our_own_hosts_and_pages_are_answered(
    company: Path, company_store: Store
) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"},
    }}  # fmt: skip
    accepts = {"accept": "application/json, text/event-stream"}
    known = accepts | {"authorization": f"Bearer {TOKEN}"}
    with Serving(company) as server, server.client() as client:
        assert client.post("/mcp", json=asked, headers=accepts).status_code == 401
        answer = client.post("/mcp", json=asked, headers=known)
        assert (answer.status_code, answer.json()["result"]["protocolVersion"]) == (200, "2025-11-25")
        for host, status in (("hooks.example.com", 200), ("evil.example.com", 421)):
            assert client.post("/mcp", json=asked, headers=known | {"host": host}).status_code == status
        for origin, status in (("https://hooks.example.com", 200), ("https://evil.example.com", 403)):
            assert client.post("/mcp", json=asked, headers=known | {"origin": origin}).status_code == status


def test_r84_the_block_of_the_documents_starts_the_server(company: Path, tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs/mcp.md", "json")
    server = json.loads(block.text)["mcpServers"]["seamline"]
    env = {name: str(company) if name == "SEAMLINE_CONFIG" else value for name, value in server["env"].items()}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    started = StdioServerParameters(
        command=server["command"], args=server["args"], env=os.environ | {"PATH": path} | env, cwd=tmp_path
    )
    assert started.command == "seamline"
    _check("2026-07-28", _talk(Client(started), _read))


def _call(company: Path, store: Store | None, tool: str, **asked: Any) -> Any:
    config = load_config(company, environ={})
    server = make_server(View(config, load_process(config), lambda: store))

    async def call(client: Client) -> Any:
        return await client.call_tool(tool, asked)

    return _talk(Client(server), call)


def test_r83_the_seam_shows_each_way_across_with_its_gate_and_approver(company: Path) -> None:
    seam = _call(company, None, "get_seam").structured_content
    inside = {seat["id"] for seat in seam["sides"]["internal_operations"]}
    outside = {seat["id"] for seat in seam["sides"]["customer_facing"]}
    assert inside | outside == {seat.name for seat in roster.seats}
    assert not inside & outside
    assert seam["edges"]
    for edge in seam["edges"]:
        assert edge["from_seat"] in inside
        assert edge["to_seat"] in outside
        assert edge["gate"]
        assert edge["approver"] == edge["to_seat"]
    assert {edge["gate"] for edge in seam["edges"]} == {gate.id for gate in roster.gates}


def test_the_chart_is_asked_for_by_side_kind_and_the_name_that_otp_has(company: Path) -> None:
    outside = _call(company, None, "get_org_chart", facing="customer_facing").structured_content
    assert {seat["kind"] for seat in outside["seats"]} == {"human"}
    agents = _call(company, None, "get_org_chart", kind="agent").structured_content
    assert {seat["id"] for seat in agents["seats"]} == {s.name for s in roster.seats if s.kind == "agent"}
    whole = _call(company, None, "get_org_chart").structured_content
    assert _call(company, None, "otp_get_org_chart", slug="northwind-agency").structured_content == whole
    wrong = _call(company, None, "otp_get_org_chart", slug="somebody-else")
    assert wrong.is_error
    assert "only northwind-agency is known" in wrong.content[0].text


def test_a_seat_is_shown_with_where_it_runs_and_what_its_texts_pass(company: Path) -> None:
    pepper = _call(company, None, "get_seat", id="pepper").structured_content
    assert "lead.received" in pepper["runs"]["handles"]
    assert {gate["id"] for gate in pepper["passes"]} == {"inquiry", "customers"}
    coo = _call(company, None, "get_seat", id="coo").structured_content
    assert (coo["runs"], "inquiry" in coo["opens"]) == (None, True)
    assert "pepper" in coo["reports"]
    assert _call(company, None, "get_seat", id="nobody").is_error


def test_r76_the_map_over_mcp_is_whole_or_that_of_a_stage(company: Path) -> None:
    told = _call(company, None, "get_boundary_map").structured_content
    assert set(told["map"]) == {"seats", "runs", "gates", "seams"}
    exit_only = _call(company, None, "get_boundary_map", stage="exit").structured_content["map"]
    assert [row["stage"] for row in exit_only["seams"]["handoffs"]] == ["exit"]


def test_a_customers_timeline_is_told_with_personal_data_masked(company: Path, company_store: Store) -> None:
    store = open_store("sqlite:///seamline.db", base=company.parent, pool=1)
    seed = Seed(store)
    account = seed.account()
    seed.identity(account, "email", "robin@example.com")
    seed.event(account, "email.received", data={"party": {"name": "Robin Sample"}, "subject": "Robin asks"})
    told = _call(company, store, "account_timeline", key=str(account))
    assert [item["kind"] for item in told.structured_content["items"]] == ["event"]
    assert "Robin" not in told.content[0].text
    record = _call(company, store, "coordination_record", account=str(account), since="7d")
    assert record.structured_content == {"items": [], "next": None}
    waiting = _call(company, store, "pending_approvals")
    assert waiting.structured_content == {"total": 0, "waiting": []}
    store.close()


def test_without_a_store_what_happened_is_not_made_up(company: Path) -> None:
    told = _call(company, None, "pending_approvals")
    assert told.is_error
    assert "seamline db upgrade" in told.content[0].text


def test_r71_no_tool_decides_anything(company: Path) -> None:
    config = load_config(company, environ={})
    server = make_server(View(config, load_process(config), lambda: None))
    tools = asyncio.run(server.list_tools())
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert not tool.annotations.destructive_hint


def test_what_goes_wrong_in_the_store_is_told_without_its_words(
    company: Path, company_store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    config = load_config(company)
    store = open_store("sqlite:///seamline.db", base=company.parent, pool=1)
    with store.begin() as connection:
        connection.execute(text("DROP TABLE identities"))
    server = make_server(View(config, load_process(config), lambda: store))

    async def ask(client: Client) -> Any:
        return await client.call_tool("account_timeline", {"key": "dana@example.com"})

    told = _talk(Client(server), ask)
    store.close()
    assert told.is_error
    said = told.content[0].text + "".join(capfd.readouterr())
    assert "log says why" in said
    assert not any(word in said for word in ("dana@", "SELECT", "no such table"))
