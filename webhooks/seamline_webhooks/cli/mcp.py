"""``seamline mcp``: the company's chart, seam and record over MCP, on standard input and output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import ConfigOption, configuration, store_of

if TYPE_CHECKING:
    from seamline_workers.company.config import Config
    from seamline_workers.store.store import Store


def mcp(config: ConfigOption = None) -> None:
    """Serve MCP to a client such as Claude Desktop or Cursor: read-only tools, no server needed."""
    from seamline_webhooks.mcp.server import make_server
    from seamline_webhooks.mcp.view import View
    from seamline_workers.company.process import load_process

    found = configuration(config)
    with _store(found) as store:
        make_server(View(found, load_process(found), lambda: store)).run()


@contextlib.contextmanager
def _store(config: Config) -> Iterator[Store | None]:
    """The company's store; None where there is none yet, or none that this version reads: the chart needs none."""
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(store_of(config))
        except ConfigError:
            store = None
        yield store
