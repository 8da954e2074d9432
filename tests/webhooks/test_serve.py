"""The server as a process: its worker, its end, its health and figures, and a store that goes away."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from seamline.errors import ConfigError
from seamline_webhooks import health
from seamline_workers.company.config import load_config
from seamline_workers.store.migrate import upgrade
from seamline_workers.store.store import Store, open_store
from seamline_workers.store.version import current, demand_newest
from support.calls import raw_request, read_answer, rows, signed
from support.process import Process
from support.servers import Postgres, Redis
from support.serving import Serving

Start = Callable[..., Serving]

#: Stands in for a worker: it writes its pid down, and ends when it is told to.
WORKER = """
import os, sys
from seamline_workers.running.told import Told
told = Told()
open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
while not told.wait(60):
    pass
open(sys.argv[1], "a").write("ended in order\\n")
"""


def worker(folder: Path, code: str = WORKER) -> list[str]:
    return [sys.executable, "-c", code, str(folder / "worker.log")]


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    found = Process.read(pid)
    return found is None or found.state == "Z"


def said(folder: Path) -> list[str]:
    path = folder / "worker.log"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """These tests are about processes: SQLite will do, but where a test says otherwise."""
    url = f"sqlite:///{tmp_path / 'seamline.db'}"
    store = open_store(url)
    upgrade(store)
    store.close()
    return url


def test_sigterm_ends_the_server_and_its_worker_in_order(serving: Start, tmp_path: Path) -> None:
    server = serving(worker=worker(tmp_path))
    [pid] = server.worker_pids
    until(lambda: said(tmp_path) == [str(pid)])
    assert server.stop() == 0
    assert said(tmp_path) == [str(pid), "ended in order"]
    assert gone(pid)


def test_a_server_that_is_killed_takes_its_worker_along(serving: Start, tmp_path: Path) -> None:
    server = serving(worker=worker(tmp_path))
    [pid] = server.worker_pids
    until(lambda: said(tmp_path) == [str(pid)])
    server.send_signal(signal.SIGKILL)
    server.wait()
    until(lambda: gone(pid))


def test_a_worker_that_is_killed_is_replaced_and_the_front_door_goes_on(serving: Start, tmp_path: Path) -> None:
    server = serving(worker=worker(tmp_path))
    [pid] = server.worker_pids
    until(lambda: said(tmp_path) == [str(pid)])
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(said(tmp_path)) == 2)
    with server.client() as client:
        assert client.post("/webhooks/crm", content=b"{}", headers=signed(b"{}")).status_code == 202
        assert client.get("/health/ready").json()["checks"]["worker"] == "ok"
    replaced = int(said(tmp_path)[1])
    server.stop()
    assert gone(replaced)


def test_a_worker_whose_configuration_is_wrong_ends_the_server_with_its_status(serving: Start, tmp_path: Path) -> None:
    server = serving(worker=worker(tmp_path, "raise SystemExit(2)"))
    assert server.wait() == 2


def test_a_request_under_way_is_finished_when_the_server_ends(serving: Start, store: Store) -> None:
    server, body = serving(), b'{"slow": 1}'
    sent = raw_request(body, signed(body))
    with server.connect() as sock, server.client() as client:
        sock.sendall(sent[:-4])
        client.get("/health/live")
        server.send_signal(signal.SIGTERM)
        until(lambda: not _accepts(server.port))
        sock.sendall(sent[-4:])
        status, answer = read_answer(sock)
    assert status == 202
    assert server.wait() == 0
    assert rows(store, "SELECT id FROM deliveries") == [(int(json.loads(answer)["delivery"]),)]


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def test_a_store_that_is_behind_refuses_to_start(company: Path, probe_path: Path, tmp_path: Path) -> None:
    company.write_text(company.read_text().replace("seamline.db", "empty.db"))
    server = Serving(company, path=[probe_path])
    assert server.wait() == 1
    server.stop()
    assert "run: seamline db upgrade" in server.log()


def test_a_store_that_fails_at_the_start_is_told_in_a_line_and_by_the_exit_status(
    company: Path, probe_path: Path, store: Store
) -> None:
    with store.begin() as connection:
        connection.execute(text("DROP TABLE boundary_maps"))
    server = Serving(company, path=[probe_path])
    assert server.wait() == 3
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert [line["code"] for line in lines if line["event"] == "store_unreachable"] == ["SQLITE_ERROR"]


def test_a_source_that_proves_nothing_and_does_not_say_so_refuses_to_start(company: Path, probe_path: Path) -> None:
    company.write_text(company.read_text().replace('trust = "unverified"', ""))
    server = Serving(company, path=[probe_path])
    assert server.wait() == 1
    server.stop()
    assert "sources.open.trust" in server.log()


def test_health_says_what_is_wrong(serving: Start, store: Store, tmp_path: Path) -> None:
    server = serving()
    with server.client() as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json() == {
            "status": "degraded",
            "checks": {
                "store": "ok",
                "schema": "ok",
                "queue": "ok",
                "worker": "none is running",
                "process": "ok",
                "channels": "ok",
            },
        }
        with store.begin() as connection:
            connection.exec_driver_sql("UPDATE seamline_schema SET version_num = '0000'")
        behind = client.get("/health/ready")
        assert behind.status_code == 503
        assert "seamline db upgrade" in behind.json()["checks"]["schema"]
        # Between the migration and our own new start: workers and servers of the version before live with it.
        with store.begin() as connection:
            connection.exec_driver_sql("UPDATE seamline_schema SET version_num = '9999'")
        ahead = client.get("/health/ready")
        assert (ahead.status_code, ahead.json()["status"]) == (200, "degraded")
        assert "a newer program migrated it" in ahead.json()["checks"]["schema"]


def test_a_program_that_is_older_than_the_store_says_so_and_touches_nothing(store: Store) -> None:
    with store.begin() as connection:
        connection.exec_driver_sql("UPDATE seamline_schema SET version_num = '9999'")
    for look in (demand_newest, upgrade):
        with pytest.raises(ConfigError, match="a newer program migrated it; start that one"):
            look(store)
    assert current(store) == "9999"


def test_a_redis_that_is_away_is_named_and_takes_no_server_out_of_service(
    serving: Start, store: Store, company: Path
) -> None:
    with Redis() as redis:
        real = [sys.executable, "-m", "seamline_workers", "--config", str(company)]
        server = serving(worker=real, env={"SEAMLINE_QUEUE__URL": redis.url()})

        def ready() -> tuple[int, str, str]:
            answer = client.get("/health/ready")
            return answer.status_code, answer.json()["status"], answer.json()["checks"]["queue"]

        def worked_on(body: bytes) -> None:
            assert client.post("/webhooks/crm", content=body, headers=signed(body)).status_code == 202
            until(lambda: not rows(store, "SELECT 1 FROM deliveries WHERE state = 0"))

        with server.client() as client:
            assert ready() == (200, "ok", "ok")
            worked_on(b'{"before": 1}')
            redis.halt(signal.SIGKILL)
            status, word, queue = ready()
            assert (status, word) == (200, "degraded")
            assert "the broker cannot be reached" in queue
            worked_on(b'{"while": 1}')
            redis.rerun()
            assert ready() == (200, "ok", "ok")
            worked_on(b'{"after": 1}')


def test_a_broker_whose_address_nobody_answers_for_delays_no_look_at_the_store(
    store: Store, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.write_text(company.read_text() + '[queue]\nurl = "redis://broker.invalid/0"\n')
    monkeypatch.setattr(health, "PATIENCE_S", 0.5)
    asked, free = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> None:
        asked.set()
        free.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        ready, checks = asyncio.run(_asked(health.Health(load_config(company), store, lambda: True), free))
    finally:
        free.set()
    assert asked.is_set()
    assert ready
    assert checks.pop("queue").startswith("the broker cannot be reached")
    assert set(checks.values()) == {"ok"}


async def _asked(looking: health.Health, free: threading.Event) -> tuple[bool, dict[str, str]]:
    found = await looking.checks()
    free.set()  # or the loop would wait for the thread
    return found


def test_metrics_have_the_names_of_the_contract(serving: Start, store: Store) -> None:
    with serving().client() as client:
        client.post("/webhooks/crm", content=b"{}", headers=signed(b"{}"))
        client.post("/webhooks/crm", content=b"{}", headers=signed(b"{}"))
        page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert 'seamline_deliveries_total{outcome="accepted",source="crm"} 1.0' in page.text
    assert 'seamline_deliveries_total{outcome="duplicate",source="crm"} 1.0' in page.text
    assert 'seamline_backlog{kind="deliveries"} 1.0' in page.text
    for name in ("seamline_events_total", "seamline_handoffs_total", "seamline_handoff_lag_seconds"):
        assert f"# TYPE {name.removesuffix('_total')}" in page.text
    assert "seamline_oldest_seconds" in page.text


def test_metrics_can_be_closed(serving: Start, company: Path) -> None:
    value = "0123456789abcdef"
    api = f'[api]\ntokens = ["literal:anna:viewer:{value}"]\nmetrics_public = false\n'
    company.write_text(company.read_text() + api)
    with serving().client() as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": "Bearer guess"}).status_code == 401
        assert client.get("/metrics", headers={"authorization": f"Bearer {value}"}).status_code == 200


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that a test may stop."""
    with Postgres(fsync="off") as server:
        yield server


def _post_all(server: Serving, mark: str, count: int) -> list[tuple[int, float, bytes]]:
    """Send requests at once, each over a connection of its own: status, seconds, body of each."""

    def post(number: int) -> tuple[int, float, bytes]:
        body = f"{mark} {number}".encode()
        began = time.monotonic()
        with server.connect() as sock:
            sock.sendall(raw_request(body, signed(body)))
            status, _ = read_answer(sock)
        return status, time.monotonic() - began, body

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(post, range(count)))


@pytest.mark.parametrize("how", ["frozen", "shut down"])
def test_while_postgresql_is_away_every_answer_is_503_or_kept_and_then_it_is_found_again(
    own_postgres: Postgres, company: Path, probe_path: Path, how: str
) -> None:
    store = open_store(own_postgres.url(), pool=2)
    upgrade(store)
    company.write_text(re.sub(r'url = "sqlite.*"', f'url = "{own_postgres.url()}"', company.read_text()))
    with Serving(company, path=[probe_path]) as server:
        answers = _post_all(server, "before", 5)
        assert [status for status, _, _ in answers] == [202] * 5
        if how == "frozen":
            own_postgres.freeze()
        else:
            own_postgres.halt(signal.SIGINT)
        during = _post_all(server, "during", 20)
        assert all(seconds < 6 for _, seconds, _ in during)
        assert {status for status, _, _ in during} <= {202, 503}
        assert 503 in {status for status, _, _ in during}
        with server.client() as client:
            refused = client.post("/webhooks/crm", content=b"x", headers=signed(b"x"))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json()["type"] == "urn:seamline:problem:busy"
            assert client.get("/health/live").status_code == 200
            assert client.get("/health/ready").status_code == 503
        if how == "frozen":
            own_postgres.thaw()
        else:
            own_postgres.rerun()
        until(lambda: _post_all(server, "again", 1)[0][0] == 202)
        answers += during + _post_all(server, "after", 5)
        assert [status for status, _, _ in answers[-5:]] == [202] * 5
    store.close()
    fresh = open_store(own_postgres.url(), pool=1)
    found = [bytes(row[0]) for row in rows(fresh, "SELECT body FROM deliveries")]
    fresh.close()
    assert len(found) == len(set(found))
    assert {body for status, _, body in answers if status == 202} <= set(found)
