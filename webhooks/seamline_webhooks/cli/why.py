"""``seamline why``: what a waiting, parked, refused or dead thing waits for, and its way back to the raw bytes."""

from __future__ import annotations

from typing import Annotated

import typer

from seamline_webhooks.cli.company import ConfigOption, JsonOption, configuration, store_of
from seamline_webhooks.cli.output import WANTING, document, fail, line, plain


def why(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="handoff, event, delivery, draft, deadline, flag, task or message."),
    ],
    key: Annotated[str, typer.Argument(metavar="ID")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what something waits for, step by step back to the bytes that caused it."""
    from seamline_workers.store.reading.why import KINDS, explain

    if kind not in KINDS:
        raise typer.BadParameter(f"KIND is one of: {', '.join(KINDS)}")
    with store_of(configuration(config)) as store:
        steps = explain(store, kind, key)
    if not steps:
        fail(WANTING, f"there is no {kind} {plain(key)}")
    if json:
        document({"steps": steps})
        return
    for depth, step in enumerate(steps):
        line(f"{'  ' * depth}{step['kind']} {plain(step['id'])}: {plain(step['text'])}")
