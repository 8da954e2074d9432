"""A whole company in real processes: serve with its worker, send, tail, the live feed, replay, and an orderly end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from seamline_workers.store import schema
from support.seed import Seed

Run = Callable[..., Any]
COMMAND = [sys.executable, "-c", "from seamline_webhooks.cli import main; main()"]
#: Longest time that any step of these tests may take, in seconds.
PATIENCE_S = 60

SECOND = """
[sources.second]
adapter = "standard_webhooks"
secrets = ["file:secrets/demo"]
allow = ["proposal.*"]
live_from = "2020-01-01T00:00:00Z"
"""
#: The beginning of a handler that does not return before there is a certain file.
WAITS = """
    print("it runs", flush=True)
    while not __import__("pathlib").Path("{go}").exists():
        __import__("time").sleep(0.01)
"""


class Running:
    """A command that goes on; it is killed when it says nothing for too long."""

    def __init__(self, company: Path, *words: str, stream: str) -> None:
        pipes = {stream: subprocess.PIPE, ("stdout" if stream == "stderr" else "stderr"): subprocess.DEVNULL}
        self.process = subprocess.Popen([*COMMAND, *words], cwd=company, text=True, **pipes)  # type: ignore[call-overload]
        self._lines = getattr(self.process, stream)
        self._passed: list[dict[str, Any]] = []
        self._watch = threading.Timer(PATIENCE_S, self.process.kill)
        self._watch.start()

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first line, as JSON, that is wanted; each is found once, in whatever order they are asked for."""
        for n, told in enumerate(self._passed):
            if wanted(told):
                return self._passed.pop(n)
        for line in self._lines:
            if not line.startswith("{"):
                continue
            if wanted(found := json.loads(line)):
                return dict(found)
            self._passed.append(found)
        raise AssertionError(f"it ended with {self.process.wait()} and did not say what was wanted: {self._passed}")

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return int(self.process.wait(PATIENCE_S))
        finally:
            self._watch.cancel()
            self._lines.close()


@pytest.fixture
def server(company: Path) -> Iterator[Running]:
    (company / "seamline.db").unlink()
    running = Running(company, "serve", "--port", "0", stream="stderr")
    yield running
    running.end()


def token(company: Path) -> str:
    return (company / "secrets" / "token").read_text().strip().split(":", 2)[2]


def test_a_sample_becomes_events_handoffs_and_flags_and_all_of_it_is_seen(
    server: Running, company: Path, run: Run
) -> None:
    port = server.until(lambda said: said["event"] == "serving")["port"]
    url = f"http://127.0.0.1:{port}"
    feed = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    headers = {"authorization": f"Bearer {token(company)}", "accept": "text/event-stream"}
    feed.request("GET", "/api/v1/events.jsonl", headers=headers)
    followed = feed.getresponse()
    assert followed.getheader("content-type", "").startswith("text/event-stream")
    assert followed.readline() == b": following\n"

    first = run("send", "demo", "one", "--url", url, "--json")
    assert (first.code, first.json["status"], first.json["duplicate"]) == (0, 202, False)
    again = run("send", "demo", "one", "--url", url, "--json")
    assert again.json["status"] == 202

    tail = Running(company, "tail", "--json", "--since", "0", stream="stdout")
    event = tail.until(lambda told: told["kind"] == "event")
    assert event["type"] == "seamline.proposal.viewed.v1"
    done = tail.until(lambda told: told["kind"] == "handoff" and told["state"] == "done")
    assert (done["seat"], done["event"]) == ("sales", event["id"])
    assert done["effects"][0]["kind"] == "flag"
    assert tail.end(signal.SIGINT) == 0

    assert followed.readline() == b"\n"
    assert followed.readline() == b"id: 1\n"
    assert json.loads(followed.readline().removeprefix(b"data: "))["id"] == event["id"]

    # The stream is still followed: it must not hold up the end.
    assert server.end() == 0
    assert b": ping" not in followed.read()
    feed.close()
    assert run("send", "demo", "one", "--url", url).code == 3


def test_dead_handoffs_are_counted_and_then_run_again_by_a_worker(company: Path, run: Run, seed: Seed) -> None:
    seed.source("demo", "standard_webhooks")
    account = seed.account()
    handoffs = [seed.handoff(seed.event(account), "sales", account, schema.DEAD, attempts=12) for _ in range(3)]
    seed.lane(account, "sales", done=seed.seq)
    assert run("replay", "--dry-run", "--json").json == {"total": 3, "by": {"proposal.viewed": 3}, "diff": []}
    assert run("replay", handoffs[0], "--dry-run", "--json").json["total"] == 1
    assert run("replay", "1.nobody").code == 1
    assert run("replay", "events").code == 2

    worker = Running(company, "worker", stream="stderr")
    worker.until(lambda said: said["event"] == "worker_started")
    replayed = run("replay", "--seat", "sales", "--json")
    assert replayed.code == 0
    assert (replayed.json["state"], replayed.json["done"], replayed.json["total"]) == ("done", 3, 3)
    assert run("replay", "--dry-run", "--json").json["total"] == 0
    tail = Running(company, "tail", "--json", "--since", "0", stream="stdout")
    ended = [tail.until(lambda told: told["kind"] == "handoff" and told["state"] == "done") for _ in handoffs]
    assert {handoff["id"] for handoff in ended} == set(handoffs)
    assert tail.end(signal.SIGINT) == 0
    assert worker.end() == 0


def test_a_source_that_a_hangup_brought_is_translated_by_the_worker_that_runs(
    server: Running, company: Path, run: Run
) -> None:
    port = server.until(lambda said: said["event"] == "serving")["port"]
    server.until(lambda said: said["event"] == "worker_started")
    config = company / "seamline.toml"
    config.write_text(config.read_text() + SECOND)
    server.process.send_signal(signal.SIGHUP)
    server.until(lambda said: said["event"] == "sources_read_again" and "pid" in said)
    assert run("send", "second", "one", "--url", f"http://127.0.0.1:{port}").code == 0
    tail = Running(company, "tail", "--json", "--since", "0", stream="stdout")
    assert tail.until(lambda told: told["kind"] == "event")["source"] == "/sources/second"
    assert tail.end(signal.SIGINT) == 0


def test_a_hangup_ends_none_of_several_workers_and_a_broken_configuration_changes_nothing(company: Path) -> None:
    worker = Running(company, "worker", "--processes", "2", stream="stderr")
    started = {worker.until(lambda said: said["event"] == "worker_started")["pid"] for _ in range(2)}
    (company / "seamline.toml").write_text("[company")
    worker.process.send_signal(signal.SIGHUP)
    for _ in started:
        worker.until(lambda said: said["event"] == "sources_not_read_again")
    worker.process.send_signal(signal.SIGTERM)
    assert {worker.until(lambda said: said["event"] == "worker_stopped")["pid"] for _ in started} == started
    assert worker.end() == 0


def test_workers_whose_seats_cannot_be_imported_are_not_started_again(company: Path) -> None:
    next(company.glob("company_*/seats.py")).write_text("import nothing_of_this_name\n")
    workers = Running(company, "worker", "--processes", "2", stream="stderr")
    try:
        assert workers.process.wait(PATIENCE_S) == 2
    finally:
        workers.end()


def test_workers_end_with_the_process_that_started_them_even_when_it_is_killed(company: Path) -> None:
    workers = Running(company, "worker", "--processes", "2", stream="stderr")
    started = {workers.until(lambda said: said["event"] == "worker_started")["pid"] for _ in range(2)}
    watches = [threading.Timer(PATIENCE_S, os.kill, (pid, signal.SIGKILL)) for pid in started]
    for watch in watches:
        watch.start()
    workers.process.kill()
    assert {workers.until(lambda said: said["event"] == "worker_stopped")["pid"] for _ in started} == started
    for watch in watches:
        watch.cancel()
    workers.end()


@pytest.fixture
def alone(company: Path, seed: Seed) -> Iterator[subprocess.Popen[str]]:
    """A process for suspects, whose handler runs and waits for the file "go"."""
    [seats] = company.glob("company_*/seats.py")
    seats.write_text(seats.read_text().replace("    ctx.flag(", WAITS.format(go=company / "go") + "    ctx.flag(", 1))
    seed.source("demo", "standard_webhooks")
    account = seed.account()
    seed.handoff(seed.event(account), "sales", account)
    seed.lane(account, "sales", held=schema.SUSPECT, due=seed.seq)
    command = [sys.executable, "-m", "seamline_workers", "--suspects", "--config", str(company / "seamline.toml")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=company, stdout=pipe, stderr=pipe, text=True) as process:
        watch = threading.Timer(PATIENCE_S, process.kill)
        watch.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "it runs\n"
        yield process
        process.kill()
        watch.cancel()


def assert_given_back(seed: Seed) -> None:
    """The suspect is what it was, and its process is no worker any more."""
    with seed.store.read() as connection:
        lane = connection.execute(text("SELECT held, lease, crashes, done FROM lanes WHERE seat = 'sales'")).one()
        assert tuple(lane) == (schema.SUSPECT, None, 0, 0)
        assert connection.execute(text("SELECT state, attempts FROM handoffs")).one() == (schema.PENDING, 0)
        assert connection.execute(text("SELECT count(*) FROM workers")).scalar() == 0


@pytest.mark.parametrize(
    "told",
    [[signal.SIGTERM], [signal.SIGINT], [signal.SIGHUP, signal.SIGTERM, signal.SIGTERM]],
    ids=["ended", "interrupted", "hung up and ended twice"],
)
def test_a_suspect_whose_process_is_told_to_end_has_not_crashed(
    alone: subprocess.Popen[str], seed: Seed, told: list[signal.Signals]
) -> None:
    for number in told:
        alone.send_signal(number)
    assert alone.wait() == 0
    assert_given_back(seed)


def test_a_suspect_whose_store_goes_away_has_not_crashed(
    alone: subprocess.Popen[str], company: Path, seed: Seed
) -> None:
    assert alone.stderr is not None
    with seed.store.begin():  # nobody else writes
        (company / "go").touch()
        assert any("run_failed" in line for line in alone.stderr)
    assert alone.wait() == 0
    assert_given_back(seed)


def test_a_worker_refuses_a_seat_that_is_not_there(run: Run) -> None:
    told = run("worker", "--seats", "nobody")
    assert told.code == 2
    assert "sales" in told.err


def test_a_sample_or_a_source_that_is_not_there_is_named_with_what_there_is(run: Run) -> None:
    told = run("send", "demo", "nothing")
    assert told.code == 2
    assert "batch" in told.err
    told = run("send", "nobody", "one")
    assert told.code == 2
    assert "demo" in told.err


def test_adapters_are_listed_checked_and_their_samples_named(run: Run) -> None:
    adapters = {adapter["name"]: adapter for adapter in run("adapters", "list", "--json").json}
    assert adapters["standard_webhooks"]["stories"]
    samples = run("adapters", "samples", "standard_webhooks", "--json").json
    assert "one" in {sample["sample"] for sample in samples}
    told = run("adapter", "check", "standard_webhooks", "--json")
    assert (told.code, told.json["ok"]) == (0, True)
    assert told.json["checks"] > 10
    assert run("adapters", "check", "nobody").code == 2


def test_a_new_adapter_keeps_its_contract_at_once(run: Run, tmp_path: Path) -> None:
    told = run("adapters", "new", "acme", "--dir", str(tmp_path / "acme"))
    assert told.code == 0
    assert (tmp_path / "acme" / "acme_adapter.py").exists()
    assert "keeps its contract" in told.out
    assert run("adapters", "new", "Not A Name", "--dir", str(tmp_path)).code == 2


def test_json_comes_alone_from_a_process_of_its_own(spawn: Run) -> None:
    told = spawn("events", "list", "--json")
    assert (told.code, told.json, told.err) == (0, {"items": [], "next": None}, "")
    assert spawn("events", "list", "--limit", "many").code == 2


#: Ways to break the seats of a new company, and what the start says of each; whether sources are translated then.
BROKEN = [
    ("Roster([sales], gates=[Gate('mail', ('sales',))])", "gates.mail", True),
    ("Roster([sales, Seat('more', owns=['proposal.*'])])", "proposal.", False),
]


@pytest.mark.parametrize(("roster", "subject", "translated"), BROKEN)
def test_r13_in_a_broken_process_webhooks_are_kept_and_no_seat_runs_until_it_is_mended(
    company: Path, run: Run, roster: str, subject: str, translated: bool
) -> None:
    (company / "seamline.db").unlink()
    seats = next(company.glob("company_*/seats.py"))
    mended = seats.read_text()
    broken = mended.replace("import Roster", "import Gate, Roster").replace("Roster([sales])", roster)
    seats.write_text(broken)
    server = Running(company, "serve", "--port", "0", stream="stderr")
    port = server.until(lambda said: said["event"] == "serving")["port"]
    said = server.until(lambda said: said["event"] == "process_broken")
    assert said["subject"].startswith(subject)
    assert {"code", "reason", "fix"} <= said.keys()
    assert run("send", "demo", "one", "--url", f"http://127.0.0.1:{port}", "--json").json["status"] == 202
    ready = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    ready.request("GET", "/health/ready")
    answer = ready.getresponse()
    told = json.loads(answer.read())
    assert (answer.status, told["status"]) == (200, "degraded")
    assert told["checks"]["process"].startswith(f"broken: {subject}")
    ready.close()
    if translated:
        tail = Running(company, "tail", "--json", "--since", "0", stream="stdout")
        assert tail.until(lambda told: told["kind"] == "event")["type"] == "seamline.proposal.viewed.v1"
        tail.end(signal.SIGINT)
    else:
        assert run("deliveries", "list", "--json").json["items"][0]["state"] == "received"
    assert server.end() == 0
    done = run("handoffs", "list", "--json", "--state", "done")
    assert (done.code, done.json["items"]) == (0, [])

    seats.write_text(mended)
    server = Running(company, "serve", "--port", "0", stream="stderr")
    server.until(lambda said: said["event"] == "serving")  # its worker may be done before it can be told to end
    tail = Running(company, "tail", "--json", "--since", "0", stream="stdout")
    assert tail.until(lambda told: told["kind"] == "handoff" and told["state"] == "done")["seat"] == "sales"
    tail.end(signal.SIGINT)
    assert server.end() == 0
