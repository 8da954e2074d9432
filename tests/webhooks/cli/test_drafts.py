"""Drafts on the command line: the queue from the store, decisions by a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seamline_workers.store.store import Store, open_store
from support.office import HUMANS, OPEN, drafting
from support.recording import KEY, Mailbox, install, mailbox
from support.serving import Serving
from support.works import Works, event

Run = Callable[..., Any]
TOKEN = "anna-0123456789abcdef"
SEATS = """
from seamline import Roster, Seat
from seamline.gate import Gate

roster = Roster(
    [Seat("pepper", owns=["lead.*"]), Seat("coo", kind="human")], gates=[Gate("mail", ("coo",), channel="mail")]
)
"""


@pytest.fixture
def works(company: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Works]:
    """The company's engine, with a channel and a token in its configuration."""
    monkeypatch.syspath_prepend(str(install(company / "installed")))
    config = company / "seamline.toml"
    next(company.glob("company_*/seats.py")).write_text(SEATS)
    lines = [line for line in config.read_text().splitlines() if not line.startswith(("tokens", "[api]"))]
    added = f'[channels.mail]\nadapter = "recording"\nsecrets = ["literal:{KEY}"]\n'
    added += f'[api]\ntokens = ["literal:anna:approver:{TOKEN}"]\n'
    config.write_text("\n".join(lines) + "\n" + added)
    store: Store = open_store(f"sqlite:///{company / 'seamline.db'}", pool=2, worker=True)
    with mailbox() as provider:
        made = Works(store, drafting(), *HUMANS, gates=[OPEN], channels={"mail": provider.channel()})
        made.provider = provider  # type: ignore[attr-defined]
        yield made
        made.close()
    store.close()


def draft(works: Works, lead: str = "L1") -> str:
    works.tell(event("lead.received", lead_id=lead, channel="form"))
    works.work()
    return str(works.drafts()[-1].id)


def test_the_queue_is_read_from_the_store_and_decided_at_a_server(
    run: Run, works: Works, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = draft(works), draft(works, "L2")
    assert [one["id"] for one in run("drafts", "list", "--json").json["items"]] == [first, second]
    shown = run("drafts", "show", first, "--json").json
    assert shown["packet"]["missing"]
    sha256 = shown["sha256"]
    assert run("drafts", "approve", first, "--sha256", sha256).code == 2  # who?
    monkeypatch.setenv("SEAMLINE_TOKEN", TOKEN)
    assert run("drafts", "approve", first).code == 2  # which text?
    assert run("drafts", "approve", first, "--sha256", sha256, "--url", "http://127.0.0.1:9").code == 3
    with Serving(company / "seamline.toml", path=[company / "installed"]) as server:
        refused = run("drafts", "approve", first, "--sha256", "0" * 64, "--url", server.url)
        assert (refused.code, "stale-draft" in refused.err) == (1, True)
        edited = run("drafts", "edit", first, "--body", "By hand", "--url", server.url, "--json").json
        assert (edited["body"], edited["sha256"] != sha256) == ("By hand", True)
        approved = run("drafts", "approve", first, "--sha256", edited["sha256"], "--url", server.url)
        assert (approved.code, approved.out) == (0, f"draft {first} is approved\n")
        assert run("drafts", "snooze", second, "--until", "2020-01-01T00:00:00Z", "--url", server.url).code == 1
        assert run("drafts", "resolve", second, "--result", "sent", "--reason", "x", "--url", server.url).code == 1
        assert run("drafts", "reject", second, "--reason", "no", "--url", server.url).code == 0
    works.dispatch_some()
    provider: Mailbox = works.provider  # type: ignore[attr-defined]
    assert [one["body"] for one in provider.sent] == ["By hand"]
    assert run("drafts", "list", "--state", "sent", "--json").json["items"][0]["id"] == first


def test_after_an_outage_what_is_unknown_is_listed_and_resolved_at_once(
    run: Run, works: Works, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [draft(works, f"L{n}") for n in range(5)]
    for one in ids:
        works.approve(int(one), confirm=["conflicts"])
    provider: Mailbox = works.provider  # type: ignore[attr-defined]
    provider.answer = lambda _: None
    works.dispatch_some()
    [mail] = run("channels", "list", "--json").json["items"]
    assert (mail["state"], mail["approved"], mail["unknown"]) == ("paused", 2, 3)
    found = [one for one in run("check", "--json").json["findings"] if one["subject"] == "channels.mail"]
    assert {one["code"] for one in found} == {"paused", "unknown-send"}
    assert "resolve-all --channel mail" in next(one["fix"] for one in found if one["code"] == "unknown-send")
    monkeypatch.setenv("SEAMLINE_TOKEN", TOKEN)
    words = ("drafts", "resolve-all", "--channel", "mail", "--result", "failed", "--reason", "nothing is there")
    assert run(*words).code == 2  # nobody saw them
    with Serving(company / "seamline.toml", path=[company / "installed"]) as server:
        none = run(*words[:3], "post", *words[4:], "--yes", "--url", server.url, "--json").json
        assert none == {"resolved": [], "left": []}
        told = run(*words, "--yes", "--url", server.url)
        assert (told.code, told.out) == (0, "3 are failed\n")
    assert [row.state for row in works.drafts()] == ["failed"] * 3 + ["approved"] * 2
    provider.answer = lambda told: (200, {"id": f"m-{told['key']}"})
    assert run("channels", "resume", "mail").out.startswith("mail is paused; one text is tried at ")
    works.dispatch_some()
    assert [row.state for row in works.drafts()] == ["failed"] * 3 + ["sent"] * 2
    assert run("channels", "pause", "mail").out == "mail is paused\n"
    assert run("channels", "resume", "male").code == 1
