"""Story 12. Where is the seam? Asked as any MCP client asks."""

from __future__ import annotations

from seamline_agency.demo.outcome import Evidence, Expected, Judgement, equal
from seamline_agency.demo.scene import Scene
from seamline_agency.demo.story import Story

_AGENTS = ["arin", "crystal", "dash", "dirk", "pepper", "pulse", "radar"]
_HUMANS = ["account_manager", "call_center_team", "coo", "onboarding_team", "retention_specialist"]


def _play(scene: Scene) -> None:
    chart, seam = scene.world.api.ask("get_org_chart"), scene.world.api.ask("get_seam")
    seats = chart.get("seats", [])
    sides = {
        facing: sorted(one["id"] for one in seats if one["facing"] == facing)
        for facing in ("customer_facing", "internal_operations")
    }
    scene.noted |= sides
    scene.noted["edges"] = seam.get("edges", [])
    inside = [f"internal operations: {', '.join(sides['internal_operations'])}"]
    facing = [f"customer-facing: {', '.join(sides['customer_facing'])}"]
    scene.tell(
        ["MCP client: which seats are customer-facing, which are internal operations?", "-> get_org_chart"],
        inside,
        facing,
    )
    ways = [f"{one['from_seat']} -> {one['to_seat']}: gate {one['gate']}" for one in _gates(scene.noted["edges"])]
    scene.tell(["MCP client: where exactly is the seam?", "-> get_seam"], sorted(set(ways)), ())


def _gates(edges: list[dict[str, str]]) -> list[dict[str, str]]:
    return [one for one in edges if one["kind"] == "gate" and one["gate"]]


def _sides(e: Evidence) -> Judgement:
    found = (e.noted.get("internal_operations"), e.noted.get("customer_facing"))
    return equal("inside, facing", found, (_AGENTS, _HUMANS))


def _seam(e: Evidence) -> Judgement:
    edges = e.noted.get("edges", [])
    open_ways = _gates(edges)
    fine = bool(open_ways) and all(one["approver"] in _HUMANS for one in open_ways)
    return fine, f"{len(edges)} edges"


STORY = Story(
    12,
    "Where is the seam?",
    None,
    _play,
    (
        Expected("Seven agents are internal, the humans face the customer, each once", _sides),
        Expected("Every way across the seam has its gate and its human", _seam),
    ),
)
