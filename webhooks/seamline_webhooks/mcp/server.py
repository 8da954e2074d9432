"""The MCP server: tools that read. There is none that approves: an agent that holds it could approve itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field

from seamline.chart import Chart, Kind, Seam
from seamline.errors import ConfigError, SeamlineError
from seamline.events.base import Stage
from seamline.mapping import Facing
from seamline_webhooks.mcp.view import Approvals, Lines, MapView, SeatView, View
from seamline_workers.log import log
from seamline_workers.store.store import fault

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

T = TypeVar("T")

WANTED = "MCP needs the official SDK; install it with: pip install 'seamline[mcp]'"
INSTRUCTIONS = (
    "Reads one company's organisation: its seats (agents and humans), where agents run, where humans gate, and what "
    "happens at the seam between internal seats and those that face the customer. Nothing can be changed or approved."
)
Limit = Annotated[int, Field(ge=1, le=1000)]


def installed() -> bool:
    """Whether the SDK is there."""
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError:
        return False
    return True


def make_server(view: View) -> MCPServer[Any]:
    """The server of a company. Raises ConfigError where the SDK is not installed."""
    if not installed():
        raise ConfigError(WANTED)
    from mcp.server.mcpserver import MCPServer
    from mcp.types import ToolAnnotations

    server: MCPServer[Any] = MCPServer(
        "seamline", title=f"{view.config.company.name}: chart and seam", instructions=INSTRUCTIONS,
        version=version("seamline"), log_level="WARNING",
    )  # fmt: skip
    reads = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
    for tool in _tools(view):
        server.tool(annotations=reads)(tool)
    return server


def _tools(view: View) -> list[Callable[..., Any]]:
    """The tools. Each runs in a thread of its own: they read files and databases."""

    def get_org_chart(facing: Facing | None = None, kind: Kind | None = None) -> Chart:
        """Every seat, agent or human, with role and accountabilities, on which side of the seam it is, and to whom it
        reports. Each seat is customer_facing or internal_operations, exactly once."""
        return _told(lambda: view.chart(facing, kind))

    def get_seat(id: str) -> SeatView:
        """One seat: where it runs, which gates its texts pass, which gates it opens, and what waits for it."""
        return _told(lambda: view.seat(id))

    def get_seam() -> Seam:
        """Exactly where the seam is: the seats on either side, and each way across with its gate and its approver."""
        return _told(view.seam)

    def get_boundary_map(stage: Stage | None = None) -> MapView:
        """The boundary map: where agents run, where humans gate, and what happens at the seam; whole, or of a stage."""
        return _told(lambda: view.map(stage))

    def account_timeline(key: str, limit: Limit = 100, cursor: str | None = None) -> Lines:
        """What happened with a customer, oldest first; key is an id, e-mail, phone, domain or provider:kind:id."""
        return _told(lambda: view.timeline(key, limit, cursor))

    def coordination_record(
        account: str | None = None, since: str | None = None, limit: Limit = 100, cursor: str | None = None
    ) -> Lines:
        """Who coordinated what with whom, and every decision, newest first; since is a time, or a span such as 7d."""
        return _told(lambda: view.record(account, since, limit, cursor))

    def pending_approvals() -> Approvals:
        """How many drafts wait for a human at which gate. Approving is done by a human, elsewhere."""
        return _told(view.approvals)

    def otp_get_org_chart(slug: str) -> Chart:
        """The same as get_org_chart, under the name that prompts for the Organization Transport Protocol use."""
        return _told(lambda: view.otp_chart(slug))

    return [
        get_org_chart,
        get_seat,
        get_seam,
        get_boundary_map,
        account_timeline,
        coordination_record,
        pending_approvals,
        otp_get_org_chart,
    ]


def _told(look: Callable[[], T]) -> T:
    """What is there to see; what there is not is said to the client, as it is to a person."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        return look()
    except SeamlineError as error:
        raise ToolError(str(error)) from None
    except Exception as error:  # its text would reach the client, with statements and values of the store
        log.error("mcp_tool_failed", **fault(error))
        raise ToolError("this could not be looked up; the server's log says why") from None
