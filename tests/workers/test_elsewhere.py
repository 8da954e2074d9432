"""Seats that live elsewhere: by files and by requests; what they ask for is judged as any handler's."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from seamline import Seat, SyncContext
from seamline.delivery import Request
from seamline.effect import Log
from seamline.envelope import ENGINE, Envelope, read_envelope
from seamline.errors import ConfigError
from seamline.events import ProposalViewed
from seamline.inbox import DEAD, DONE, NEW, Inbox, read_plain
from seamline.remote import read_effects
from seamline.signature.standard_webhooks import StandardWebhooks
from seamline.ssrf import Egress
from seamline.transport import Limits, Transport
from seamline_workers.bus.mirror import Mirror
from seamline_workers.handoff import outbox as outboxes
from seamline_workers.handoff.elsewhere import Elsewhere
from seamline_workers.handoff.outbox import Outbox
from support.certificate import certificate
from support.house import ROOT, blocks
from support.loopback import Loopback, loopback
from support.works import Works, viewed

MakeWorks = Callable[..., Works]
SECRET = "whsec_c2VjcmV0IG9mIGEgc2VhdCB0aGF0IGxpdmVzIGVsc2V3aGVyZQ=="
RISK = {"kind": "emit", "type": "risk.flagged", "data": {"flag_id": "F1", "severity": "watch"}}


def page(title: str) -> str:
    """A program that docs/bus.md shows."""
    return next(block.text for block in blocks(ROOT / "docs" / "bus.md", "python") if block.title == title)


@dataclass
class Office:
    """A company whose Pulse lives elsewhere, by files in a folder."""

    company: Works
    inbox: Inbox
    out: Inbox
    outbox: Outbox

    def claim(self) -> Any:
        found = self.inbox.claim()
        assert found is not None
        return found

    def reply(self, to: str, *effects: Any, id: str = "r1", **more: Any) -> None:
        """Reply as the seat does, and let the engine take it."""
        body = {"schema": "effects.v1", "effects": list(effects)}
        told = {
            "id": id,
            "type": "RESPONSE",
            "from": "pulse",
            "to": ENGINE,
            "in_reply_to": to,
            "conversation": to,
            "body": body,
            "created_at": datetime(2026, 11, 20, 12, tzinfo=UTC),
        }
        self.out.put(Envelope.model_validate(told | more))
        while self.outbox.some():
            pass
        self.company.work()


@pytest.fixture
def office(works: MakeWorks, tmp_path: Path) -> Office:
    pulse = Seat("pulse", owns=["proposal.*", "risk.*"], inbox="dir:elsewhere")
    company = works(pulse, Seat("dirk", owns=["deal.*"]))
    company.engine.runner.elsewhere = Elsewhere(company.store, tmp_path, {}, Transport())
    company.engine.runner.elsewhere.make(company.engine.seats)
    inbox = Inbox(tmp_path / "elsewhere", "pulse")
    out = Inbox(tmp_path / "elsewhere" / "pulse", "out", to=ENGINE)
    return Office(company, inbox, out, Outbox(company.store, company.roster.seats, tmp_path))


def test_r64_a_handoff_by_file_is_done_when_the_file_is_durable_and_says_all_that_is_needed(office: Office) -> None:
    office.company.tell(viewed())
    office.company.work()
    assert office.company.states() == [("proposal.viewed", "pulse", "done")]
    claimed = office.claim()
    assert claimed.envelope.id == "1.pulse"
    body = claimed.envelope.body
    assert body["schema"] == "handoff.v1"
    assert body["event"]["type"] == "seamline.proposal.viewed.v1"
    assert body["event"]["data"]["proposal_id"] == "P1"
    assert body["account"]["contacts"][0]["email"] == "dana@acme.example"
    assert body["account"]["facts"] == {"proposal.viewed": 1}


def test_r64_a_reply_by_file_is_its_handler_s_result_once_however_often_it_comes(office: Office) -> None:
    office.company.tell(viewed())
    office.company.work()
    effects = [
        {"kind": "flag", "name": "unhappy", "text": "They look again and again"},
        {"kind": "message", "to": "dirk", "topic": "risk", "body": "Careful"},
        {"kind": "log", "text": "noted"},
        RISK,
    ]
    office.reply("1.pulse", *effects)
    office.reply("1.pulse", *effects, created_at="2026-11-20T13:00:00Z")
    company = office.company
    assert company.types() == ["proposal.viewed", "risk.flagged", "message.delivered"]
    assert company.one("SELECT count FROM flags") == 1
    assert company.one("SELECT count(*) FROM replies") == 1
    assert company.one("SELECT to_seat FROM messages") == "dirk"
    assert company.states() == [("proposal.viewed", "pulse", "done"), ("risk.flagged", "pulse", "done")]
    assert len(list(office.out.path(DONE).iterdir())) == 2
    office.reply("1.pulse", {"kind": "task", "title": "Call them"}, id="r2")
    assert company.one("SELECT title FROM tasks") == "Call them"
    assert company.one("SELECT count FROM flags") == 1


def test_the_page_s_program_reads_its_inbox_and_replies_once_however_often_it_is_handed_the_same(
    office: Office, tmp_path: Path
) -> None:
    office.company.tell(viewed())
    office.company.work()
    program = page("pulse_files.py")
    for again in (False, True):
        if again:  # as if it had died before it said that it was done
            (name,) = os.listdir(office.inbox.path(DONE))
            assert office.inbox.move(name, DONE, NEW)
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
        while office.outbox.some():
            pass
        office.company.work()
    assert office.company.states() == [("proposal.viewed", "pulse", "done")]
    assert office.company.one("SELECT count(*) FROM replies") == 1
    assert office.company.one("SELECT count(*) FROM effects") == 1


def test_r64_r71_what_a_seat_elsewhere_may_not_ask_for_is_dead_and_a_human_is_told_once(office: Office) -> None:
    office.company.tell(viewed())
    office.company.work()
    for n, (effect, reason) in enumerate(
        [
            ({"kind": "approve", "draft": "1"}, "effects.0"),
            ({"kind": "emit", "type": "deal.imagined"}, "there is no event type"),
            ({"kind": "flag", "name": "x", "text": "y", "approved": True}, "approved"),
        ]
    ):
        office.reply("1.pulse", effect, id=f"bad{n}")
        assert any(reason in path.read_text() for path in office.out.path(DEAD).glob("*.reason"))
    for to, sender in (("2.pulse", "pulse"), ("1.dirk", "pulse"), ("1.pulse", "dirk"), ("nothing", "pulse")):
        office.reply(to, RISK, id=f"astray {to} {sender}", **{"from": sender})
    company = office.company
    assert company.types() == ["proposal.viewed"]
    assert company.one("SELECT count(*) FROM tasks WHERE kind = 'incident' AND seat = 'pulse'") == 7
    office.outbox._swept = 0.0
    office.outbox.some()
    assert company.one("SELECT count(*) FROM tasks") == 7


def test_a_reply_to_what_still_waits_stops_no_reply_about_another_customer(office: Office) -> None:
    company = office.company
    company.tell(viewed(1), viewed(2, "sam@other.example"))
    company.work()
    company.write("UPDATE handoffs SET state = 0 WHERE event_seq = 1")  # it runs
    early = {"kind": "log", "text": "early"}
    for n in (1, 2):
        office.reply("1.pulse", early | {"text": f"{n}"}, id=f"r{n}", created_at=f"2026-11-20T12:00:0{n}Z")
    office.reply("2.pulse", early | {"text": "other"}, id="r3", created_at="2026-11-20T12:00:03Z")
    assert company.all("SELECT event_seq, envelope FROM replies") == [(2, "r3")]
    assert office.out.waiting() == 2
    company.write("UPDATE handoffs SET state = 4 WHERE event_seq = 1")
    while office.outbox.some():
        company.work()
    assert [row[0] for row in company.all("SELECT envelope FROM replies ORDER BY id")] == ["r3", "r1", "r2"]
    assert office.out.waiting() == 0


def test_r64_a_seat_that_replies_without_end_to_one_handoff_is_stopped(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "MOST_REPLIES", 2)
    office.company.tell(viewed())
    office.company.work()
    for n in range(4):
        office.reply("1.pulse", {"kind": "log", "text": f"{n}"}, id=f"r{n}")
    office.reply("1.pulse", {"kind": "log", "text": "0"}, id="r0", created_at="2026-11-20T13:00:00Z")
    assert office.company.one("SELECT count(*) FROM replies") == 2
    assert len(list(office.out.path(DEAD).glob("*.json"))) == 2


def _directory_in_the_way(out: Inbox) -> None:
    name = "01ARZ3NDEKTSV4RRFFQ69G5FAV.1.host.json"
    out.path(DEAD, name).joinpath("full").mkdir(parents=True)
    out.path(NEW, name).write_text("{}")


def _folder_taken_away(out: Inbox) -> None:
    out.path(NEW).rmdir()


def _file_for_a_folder(out: Inbox) -> None:
    out.path(NEW).rmdir()
    out.path(NEW).write_text("")


@pytest.mark.parametrize("spoil", [_directory_in_the_way, _folder_taken_away, _file_for_a_folder])
def test_r64_a_seat_that_spoils_its_own_folders_stops_no_reply_of_another(
    works: MakeWorks, tmp_path: Path, spoil: Callable[[Inbox], None]
) -> None:
    arin = Seat("arin", owns=["call.*"], inbox="dir:elsewhere")
    company = works(arin, Seat("pulse", owns=["proposal.*"], inbox="dir:elsewhere"))
    company.engine.runner.elsewhere = Elsewhere(company.store, tmp_path, {}, Transport())
    company.engine.runner.elsewhere.make(company.engine.seats)
    spoil(Inbox(tmp_path / "elsewhere" / "arin", "out", to=ENGINE))
    inbox = Inbox(tmp_path / "elsewhere", "pulse")
    out = Inbox(tmp_path / "elsewhere" / "pulse", "out", to=ENGINE)
    pulse = Office(company, inbox, out, Outbox(company.store, company.roster.seats, tmp_path))
    company.tell(viewed())
    company.work()
    with company.store.read() as connection:
        pulse.outbox.due(connection)
    pulse.reply("1.pulse", {"kind": "task", "title": "Call them"})
    assert company.one("SELECT title FROM tasks WHERE kind = 'task'") == "Call them"


def test_a_judgement_that_is_not_the_seat_s_to_make_kills_its_handoff(office: Office) -> None:
    office.company.tell(viewed())
    office.company.work()
    office.reply("1.pulse", {"kind": "emit", "type": "deal.won", "data": {"deal_id": "D1"}})
    assert office.company.states() == [("proposal.viewed", "pulse", "dead")]
    assert "no judgement of its own" in office.company.one("SELECT reason FROM handoffs")


def test_a_seat_elsewhere_may_give_a_case_to_a_human(office: Office) -> None:
    office.company.tell(viewed())
    office.company.work()
    office.reply("1.pulse", body={"schema": "effects.v1", "needs_human": "I cannot tell"})
    assert office.company.states() == [("proposal.viewed", "pulse", "needs_human")]
    office.reply("1.pulse", RISK, id="r2")
    assert office.company.states()[0] == ("proposal.viewed", "pulse", "done")
    assert "risk.flagged" in office.company.types()


def _lay_down(office: Office, content: bytes = b"", name: str = "01J0000000000000000000000A.1.h.json") -> Path:
    path = office.out.path(NEW, name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize("place", ["id", "text"])
def test_r64_a_reply_that_no_store_takes_is_dead_and_the_next_one_counts(office: Office, text: str, place: str) -> None:
    office.company.tell(viewed())
    office.company.work()
    body = {"schema": "effects.v1", "effects": [{"kind": "log", "text": text if place == "text" else "x"}]}
    told = {
        "id": text if place == "id" else "r0", "type": "RESPONSE", "from": "pulse", "to": ENGINE, "conversation": "c",
        "in_reply_to": "1.pulse", "body": body, "created_at": "2026-11-20T12:00:00Z", "v": 1, "exchange": 1,
        "topic": "", "cause": [],
    }  # fmt: skip
    if text.isascii():
        told["content_sha256"] = Envelope.model_validate(told).digest()
    else:
        told["content_sha256"] = "0" * 64
    _lay_down(office, json.dumps(told).encode())
    office.reply("1.pulse", {"kind": "log", "text": "fine"}, id="later")
    assert office.company.one("SELECT envelope FROM replies") == "later"
    assert office.company.states() == [("proposal.viewed", "pulse", "done")]
    assert [name for name, _ in office.out.dead()] == ["01J0000000000000000000000A.1.h.json"]


@pytest.mark.parametrize("kind", ["folder", "link", "broken link", "pipe", "giant"])
def test_r64_what_is_no_plain_file_is_dead_and_neither_read_nor_waited_for(
    office: Office, kind: str, tmp_path: Path
) -> None:
    office.company.tell(viewed())
    office.company.work()
    path = _lay_down(office)
    if kind == "giant":
        os.truncate(path, 64 * 1024 * 1024 * 1024)  # of holes; whoever reads it whole has no memory left
    else:
        path.unlink()
        ours = tmp_path / "ours"
        ours.write_text("hush")
        make: dict[str, Callable[[], object]] = {
            "folder": path.mkdir,
            "link": lambda: path.symlink_to(ours),
            "broken link": lambda: path.symlink_to(tmp_path / "nothing"),
            "pipe": lambda: os.mkfifo(path),
        }
        make[kind]()
    office.reply("1.pulse", {"kind": "log", "text": "fine"}, id="later")
    assert os.path.lexists(office.out.path(DEAD, path.name))
    assert office.company.one("SELECT envelope FROM replies") == "later"


def test_r64_a_link_laid_beside_the_dead_has_nothing_of_ours_read_or_written(office: Office, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_text("hush")
    path = _lay_down(office, b"no envelope")
    office.out.path(DEAD, f"{path.name}.reason").symlink_to(ours)
    second = "01J0000000000000000000000B.1.h.json"
    office.out.path(DEAD, second).write_text("no envelope")
    office.out.path(DEAD, f"{second}.reason").symlink_to(ours)
    while office.outbox.some():
        pass
    assert ours.read_text() == "hush"
    assert "hush" not in str(office.company.all("SELECT * FROM tasks"))
    assert office.out.path(DEAD, f"{path.name}.reason").read_text().strip() == "this is no JSON"


def test_a_reply_to_a_handoff_that_runs_waits_until_it_has_ended(office: Office) -> None:
    office.company.tell(viewed())
    office.reply("1.pulse", RISK)
    assert office.company.one("SELECT count(*) FROM replies") == 0
    assert len(list(office.out.path(NEW).iterdir())) == 1
    while office.outbox.some():
        pass
    office.company.work()
    assert office.company.types() == ["proposal.viewed", "risk.flagged"]


def test_r64_a_message_to_a_seat_elsewhere_is_a_file_from_its_sender(works: MakeWorks, tmp_path: Path) -> None:
    pepper, pulse = Seat("pepper", owns=["proposal.*"]), Seat("pulse", inbox="dir:bus")

    @pepper.on(ProposalViewed)
    def ask(_: ProposalViewed, ctx: SyncContext) -> None:
        ctx.message("pulse", topic="mood", body="How are they?", kind="REQUEST")

    heard: list[str] = []

    @pepper.on_message("mood")
    def hear(message: Any, ctx: SyncContext) -> None:
        heard.append(f"{message.in_reply_to}: {message.body}")

    company = works(pepper, pulse)
    company.engine.runner.elsewhere = Elsewhere(company.store, tmp_path, {}, Transport())
    company.engine.runner.elsewhere.make(company.engine.seats)
    company.tell(viewed())
    company.work()
    claimed = Inbox(tmp_path / "bus", "pulse").claim()
    assert claimed is not None
    asked = claimed.envelope
    assert (asked.sender, asked.type, asked.topic, asked.exchange) == ("pepper", "REQUEST", "mood", 1)
    assert asked.body["text"] == "How are they?"
    out = Inbox(tmp_path / "bus" / "pulse", "out", to=ENGINE)
    desk = Office(company, Inbox(tmp_path / "bus", "pulse"), out, Outbox(company.store, company.roster.seats, tmp_path))
    desk.reply(asked.id, {"kind": "message", "to": "pepper", "topic": "mood", "body": "Good", "type": "RESPONSE"})
    company.work()
    assert heard == [f"{asked.body['message']}: Good"]


# --- by request ------------------------------------------------------------------------------------------------------


@dataclass
class Remote:
    company: Works
    server: Loopback

    def answer(self, status: int, body: Any = None) -> None:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.server.answers["/pulse"] = (status, {"content-type": "application/json"}, content)

    def tell(self) -> list[tuple[str, str, str]]:
        self.company.tell(viewed())
        self.company.work()
        return self.company.states()


@pytest.fixture
def remote(works: MakeWorks, tmp_path: Path) -> Iterator[Remote]:
    trusted, serving = certificate(tmp_path, "pulse.example.com")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(serving)
    with loopback(tls) as server:
        pulse = Seat("pulse", owns=["*"], endpoint=f"https://pulse.example.com:{server.port}/pulse")
        company = works(pulse)
        egress = Egress(allow=["pulse.example.com"], resolve=lambda _host, _port: ["127.0.0.1"])
        transport = Transport(egress, Limits(attempts=1), tls=ssl.create_default_context(cafile=str(trusted)))
        company.engine.runner.elsewhere = Elsewhere(company.store, tmp_path, {"pulse": SECRET}, transport)
        yield Remote(company, server)
        transport.close()


def test_a_handoff_by_request_is_signed_and_its_answer_is_the_result(remote: Remote) -> None:
    remote.answer(200, {"schema": "effects.v1", "effects": [RISK]})
    assert remote.tell()[0] == ("proposal.viewed", "pulse", "done")
    assert remote.company.types()[:2] == ["proposal.viewed", "risk.flagged"]
    (path, headers), body = remote.server.seen[0], remote.server.bodies[0]
    request = Request.build("POST", f"https://pulse.example.com{path}", body, headers)
    proof = StandardWebhooks().verify(request, {"signing": (SECRET,)}, datetime.now(UTC), {})
    assert proof.scheme == "standard-webhooks"
    assert (headers["webhook-id"], headers["idempotency-key"]) == ("1-pulse", "1-pulse")
    assert read_envelope(body, to="pulse").body["event"]["data"]["proposal_id"] == "P1"


def test_the_page_s_program_answers_what_is_signed_and_nothing_else(remote: Remote) -> None:
    remote.answer(204)
    remote.tell()
    (path, headers), body = remote.server.seen[0], remote.server.bodies[0]
    space: dict[str, Any] = {}
    exec(compile(page("pulse_http.py"), "pulse_http.py", "exec"), space)
    url = f"https://pulse.example.com{path}"
    status, answered = space["answer"](url, body, headers, SECRET)
    assert status == 200
    assert read_effects(json.loads(answered)) == [Log("Pulse has seen proposal.viewed")]
    assert space["answer"](url, body + b" ", headers, SECRET)[0] == 401
    assert space["answer"](url, body, {}, SECRET)[0] == 401


@pytest.mark.parametrize(
    ("status", "body", "state", "reason"),
    [
        (204, None, "done", None),
        (200, b"", "done", None),
        (200, b"thanks", "dead", "no JSON"),
        (200, {"effects": [{"kind": "send"}]}, "dead", "no effects"),
        (200, {"needs_human": "odd"}, "needs_human", "odd"),
        (200, {"retry_after_s": 5}, "retrying", "the seat asked"),
        (400, {"detail": "no"}, "dead", "refused it: 400"),
        (401, {}, "dead", "refused it: 401"),
        (404, {}, "dead", "refused it: 404"),
        (429, {}, "retrying", "429"),
        (500, {}, "retrying", "500"),
        (503, {}, "retrying", "503"),
    ],
)
def test_what_an_answer_means(remote: Remote, status: int, body: Any, state: str, reason: str | None) -> None:
    remote.answer(status, body)
    assert remote.tell() == [("proposal.viewed", "pulse", state)]
    found = remote.company.one("SELECT reason FROM handoffs")
    assert found is None if reason is None else reason in found


def test_a_seat_s_address_may_not_lead_into_our_own_network(works: MakeWorks, tmp_path: Path) -> None:
    company = works(Seat("pulse", owns=["*"], endpoint="https://inside.example.com/pulse"))
    transport = Transport(Egress(resolve=lambda _host, _port: ["10.0.0.7"]))
    company.engine.runner.elsewhere = Elsewhere(company.store, tmp_path, {"pulse": SECRET}, transport)
    company.tell(viewed())
    company.work()
    assert company.states() == [("proposal.viewed", "pulse", "dead")]


# --- the mirror ------------------------------------------------------------------------------------------------------


def test_r64_every_seat_inside_has_an_inbox_folder_that_mirrors_its_messages(works: MakeWorks, tmp_path: Path) -> None:
    pepper, dirk = Seat("pepper", owns=["proposal.*"]), Seat("dirk")

    @pepper.on(ProposalViewed)
    def tell(seen: ProposalViewed, ctx: SyncContext) -> None:
        ctx.message("dirk", topic="price", body=f"They read {seen.proposal_id}")

    @dirk.on_message()
    def hear(_: Any, ctx: SyncContext) -> None:
        ctx.log("heard")

    company = works(pepper, dirk)
    company.tell(viewed(1), viewed(2))
    company.engine.do(_pepper())
    mirror, other = (Mirror(company.store, company.roster.seats, tmp_path / "bus") for _ in range(2))
    for one in (mirror, other, mirror):
        one.some()
    inbox = Inbox(tmp_path / "bus", "dirk")
    told = [read_envelope(path.read_bytes(), to="dirk") for path in sorted(inbox.path(NEW).iterdir())]
    assert sorted(envelope.body["text"] for envelope in told) == ["They read P1", "They read P2"]
    assert list(Inbox(tmp_path / "bus", "pepper").path(NEW).iterdir()) == []
    company.work()
    ours = json.loads(next(inbox.path(NEW).iterdir()).read_bytes())
    del ours["content_sha256"]
    inbox.put(Envelope.model_validate(ours | {"id": "strange", "body": {"schema": "note.v1"}}))
    mirror._tidied = 0.0
    mirror.some()
    assert [len(list(inbox.path(folder).iterdir())) for folder in (NEW, DONE)] == [1, 2]
    with company.store.read() as connection:
        assert not mirror.due(connection)


def test_a_mirror_that_died_before_it_noted_how_far_it_was_writes_nothing_twice(
    works: MakeWorks, tmp_path: Path
) -> None:
    pepper = Seat("pepper", owns=["proposal.*"])

    @pepper.on(ProposalViewed)
    def tell(seen: ProposalViewed, ctx: SyncContext) -> None:
        ctx.message("dirk", topic="price", body=f"They read {seen.proposal_id}")

    company = works(pepper, Seat("dirk"))
    company.tell(viewed(1), viewed(2))
    company.work()
    mirror = Mirror(company.store, company.roster.seats, tmp_path / "bus")
    mirror.some()
    (tmp_path / "bus" / ".mirrored").write_text("1")
    mirror.some()
    assert Inbox(tmp_path / "bus", "dirk").waiting() == 2


def test_a_message_that_no_file_can_hold_stops_no_other(works: MakeWorks, tmp_path: Path) -> None:
    pepper = Seat("pepper", owns=["proposal.*"])

    @pepper.on(ProposalViewed)
    def tell(seen: ProposalViewed, ctx: SyncContext) -> None:
        ctx.message("dirk", topic="price", body=f"They read {seen.proposal_id}")

    company = works(pepper, Seat("dirk"))
    company.tell(viewed(1), viewed(2, "sam@other.example"))
    company.work()
    longer = "UPDATE record SET content = replace(content, '\"price\"', :longer) WHERE content LIKE '%They read P1%'"
    with company.store.begin() as connection:
        connection.execute(text(longer), {"longer": json.dumps("t" * 201)})
    mirror = Mirror(company.store, company.roster.seats, tmp_path / "bus")
    mirror.some()
    (path,) = Inbox(tmp_path / "bus", "dirk").path(NEW).iterdir()
    assert read_envelope(path.read_bytes(), to="dirk").body["text"] == "They read P2"
    with company.store.read() as connection:
        assert not mirror.due(connection)


def _folder(new: Path) -> None:
    (new / "folder.json").mkdir()


def _number_that_no_store_takes(new: Path) -> None:
    body = {"schema": "message.v1", "event": "9" * 40}
    told = {"id": "1", "type": "INFORM", "from": "pepper", "to": "dirk", "conversation": "1", "body": body}
    envelope = Envelope.model_validate(told | {"created_at": datetime(2026, 11, 20, 12, tzinfo=UTC)})
    (new / "number.json").write_bytes(envelope.to_json())


@pytest.mark.parametrize("lay", [_folder, _number_that_no_store_takes])
def test_r64_what_somebody_lays_into_a_mirrored_folder_stops_no_mirroring(
    works: MakeWorks, tmp_path: Path, lay: Callable[[Path], None]
) -> None:
    pepper = Seat("pepper", owns=["proposal.*"])
    pepper.on(ProposalViewed)(lambda seen, ctx: ctx.message("dirk", topic="price", body=seen.proposal_id))
    company = works(pepper, Seat("dirk"))
    mirror = Mirror(company.store, company.roster.seats, tmp_path / "bus")
    mirror.some()
    lay(Inbox(tmp_path / "bus", "dirk").path(NEW))
    company.tell(viewed())
    company.work()
    mirror = Mirror(company.store, company.roster.seats, tmp_path / "bus")  # as after a start: it tidies up at once
    mirror.some()
    assert Inbox(tmp_path / "bus", "dirk").waiting() == 1


def test_a_folder_that_cannot_be_written_holds_nothing_up_and_is_tried_again_later(
    works: MakeWorks, tmp_path: Path
) -> None:
    company = works(Seat("dirk"))
    (tmp_path / "bus").write_text("no folder")
    mirror = Mirror(company.store, company.roster.seats, tmp_path / "bus")
    assert not mirror.some()
    with company.store.read() as connection:
        assert not mirror.due(connection)
    elsewhere = Elsewhere(company.store, tmp_path, {}, Transport())
    with pytest.raises(ConfigError, match=r"seats\.pulse\.inbox: .* cannot be made"):
        elsewhere.make({"pulse": Seat("pulse", inbox="dir:bus")})


def test_an_inbox_whose_folder_is_a_link_is_refused_at_the_start_and_holds_the_mirror_up_for_a_while(
    works: MakeWorks, tmp_path: Path
) -> None:
    company, outside = works(Seat("dirk")), tmp_path / "outside"
    outside.mkdir()
    for seat in ("dirk", "pulse"):
        (tmp_path / "bus" / seat).parent.mkdir(exist_ok=True)
        (tmp_path / "bus" / seat).symlink_to(outside, target_is_directory=True)
    elsewhere = Elsewhere(company.store, tmp_path, {}, Transport())
    with pytest.raises(ConfigError, match=r"seats\.pulse\.inbox: .*bus/pulse is a symbolic link"):
        elsewhere.make({"pulse": Seat("pulse", inbox="dir:bus")})
    mirror = Mirror(company.store, company.roster.seats, tmp_path / "bus")
    assert not mirror.some()
    with company.store.read() as connection:
        assert not mirror.due(connection)
    assert list(outside.iterdir()) == []


def test_a_mirror_reads_each_file_once_however_often_it_looks_and_waits_for_no_pipe(
    works: MakeWorks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pepper = Seat("pepper", owns=["proposal.*"])

    @pepper.on(ProposalViewed)
    def tell(seen: ProposalViewed, ctx: SyncContext) -> None:
        ctx.message("dirk", topic="price", body=f"They read {seen.proposal_id}")

    read: list[str] = []

    def reading(path: Path) -> bytes:
        read.append(path.name)
        return read_plain(path)

    monkeypatch.setattr("seamline_workers.bus.mirror.read_plain", reading)
    dirk = Seat("dirk")
    dirk.on_message()(lambda _, ctx: ctx.log("heard"))
    company = works(pepper, dirk)
    company.tell(viewed(1), viewed(2))
    company.engine.do(_pepper())
    mirror, inbox = Mirror(company.store, company.roster.seats, tmp_path / "bus"), Inbox(tmp_path / "bus", "dirk")
    mirror.some()
    os.mkfifo(inbox.path(NEW, "pipe.json"))
    for _ in range(3):
        mirror._tidied = 0.0
        mirror.some()
    names = sorted(path.name for path in inbox.path(NEW).iterdir())
    assert (sorted(read), len(names)) == (names, 3)
    company.work()
    mirror._tidied = 0.0
    mirror.some()
    assert [path.name for path in inbox.path(NEW).iterdir()] == ["pipe.json"]


def _pepper() -> Any:
    from seamline_workers.handoff.run import Run, Work

    return Run(Work("seat", "pepper"))
