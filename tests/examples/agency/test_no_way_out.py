"""No agent of the agency reaches a customer: not by its imports, and not by whatever its handlers do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

import seamline_agency
import seamline_workers
from seamline.cloudevents import NOT_DATA
from seamline.events import catalogue
from seamline_agency.roster import roster
from seamline_workers.store.store import Store
from support.events import example
from support.recording import Mailbox, mailbox
from support.works import Works

#: What writes to a provider, or opens a connection at all.
WRITES = ("seamline.transport", "seamline.submission", "seamline_workers", "httpx", "socket", "smtplib", "urllib")
SEATS = ("seamline_agency.seats", "seamline_agency.roster", "seamline_agency.triage")
#: The one function that makes an ApprovedDispatch, and the two that begin a channel's ``send``: the second only looks
#: at what it would call first.
MAKES, SENDS = {"outbound/reviewing.py"}, {"outbound/dispatch.py", "outbound/reviewing.py"}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("seamline_agency", "seamline", "seamline_workers", include_external_packages=True)


def test_r71_no_import_leads_from_a_seat_to_what_writes_to_a_provider(imports: grimp.ImportGraph) -> None:
    seats = [name for name in imports.modules if name.startswith(SEATS)]
    assert len(seats) > 8
    for seat in seats:
        direct = imports.find_modules_directly_imported_by(seat)
        assert not [name for name in direct if name.split(".", 2)[:2] == ["seamline", "transport"]], seat
        for target in WRITES:
            if target in imports.modules and target.startswith("seamline"):
                assert imports.find_shortest_chain(seat, target) is None, f"{seat} reaches {target}"
            else:
                assert target not in direct, f"{seat} imports {target}"


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_r71_one_module_makes_what_a_channel_sends_and_one_sends_it() -> None:
    root = Path(seamline_workers.__file__).parent
    calls = {path.relative_to(root).as_posix(): list(_calls(path)) for path in root.rglob("*.py")}
    assert {name for name, found in calls.items() if "ApprovedDispatch" in found} == MAKES
    assert {name for name, found in calls.items() if any(one.endswith("adapter.send") for one in found)} == SENDS
    agency = Path(seamline_agency.__file__).parent
    for path in (agency / "seats").rglob("*.py"):
        assert not [one for one in _calls(path) if one.endswith((".send", "ApprovedDispatch"))], path


@pytest.fixture
def provider() -> Iterator[Mailbox]:
    with mailbox() as server:
        yield server


def test_r16_r26_r37_r47_r71_whatever_is_told_no_handler_sends_anything_without_an_approval(
    store: Store, provider: Mailbox
) -> None:
    names = {draft for gate in roster.gates for draft in (gate.channel,) if "*" not in draft}
    channels = {name: provider.channel(name) for name in {*names, "mail", "email", "slack", "chat"}}
    company = Works(
        store,
        *roster.seats,
        guards=roster.guards,
        gates=roster.gates,
        stages=roster.stages,
        channels=channels,
    )
    told = 0
    for name, model in catalogue().items():
        if model.nature == "control":
            continue
        full = example(model)
        for email in ("dana@acme.example", "eve@beta.example"):
            fields = full.model_dump(mode="json", exclude=NOT_DATA, exclude_none=True)
            company.tell({"type": name, "party": {"email": email, "name": "Dana"}} | fields)
            told += 1
        company.work(rounds=200)
        company.dispatch_some()
    ran = company.one("SELECT count(*) FROM handoffs WHERE state = 2")
    written = company.drafts()
    assert (told > 100, ran > 100, len(written) > 0) == (True, True, True)
    assert provider.sent == []
    assert not [row for row in written if row.state in ("approved", "dispatching", "sent", "failed", "unknown")]
    sent: list[Any] = company.all("SELECT id FROM events WHERE type = 'draft.dispatched'")
    assert sent == []
    company.close()
