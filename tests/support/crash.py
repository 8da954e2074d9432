"""A company whose worker processes are killed, and the roster that it has."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text

from seamline_workers.company.config import load_config
from seamline_workers.company.registry import register_sources
from seamline_workers.store.arrival import Arrival, StoreLocked
from seamline_workers.store.intake import open_intake
from seamline_workers.store.store import Store, now_us, sqlite_path
from support.process import Process

#: A dead worker's lanes are taken over after so many seconds.
LEASE_S = "2"
#: Longest wait for a worker to do what it must, in seconds.
LONG_S = 120.0

#: What the source's requests are signed with.
SECRET = "whsec_c2VjcmV0IG9mIHRoZSBjcmFzaCB0ZXN0cyAuLi4="
CONFIG = """
[company]
seats = "company:roster"
[store]
url = "{url}"
[worker]
threads = 4
{sources}"""
RELAY = f"""
[sources.crm]
adapter = "relay"
secrets = ["literal:{SECRET}"]
allow = ["lead.*"]
live_from = 2020-01-01T00:00:00Z
"""
_OPEN_TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""


class Company:
    """A store with deliveries, and the workers that are let loose on it.

    ``network``: where all that they ask of providers goes instead; without it there is nothing to ask.
    """

    def __init__(
        self, folder: Path, store: Store, store_url: str, *, sources: str = RELAY, network: str | None = None
    ) -> None:
        self.store = store
        self.config, self.log = folder / "seamline.toml", folder / "workers.log"
        self.config.write_text(CONFIG.format(url=store_url, sources=sources))
        shutil.copy(Path(__file__).with_name("crash_roster.py"), folder / "company.py")
        self.sources = register_sources(store, load_config(self.config))
        self._network = network
        self._go_on = folder / "go on"
        self._running: list[subprocess.Popen[bytes]] = []

    def deliver(self, leads: Sequence[str]) -> None:
        """Keep a delivery for each lead; five leads come from one address."""
        self.take_in([self._arrival(n, lead) for n, lead in enumerate(leads)])

    def take_in(self, arrivals: Sequence[Arrival]) -> None:
        """Keep deliveries as the front door does."""
        intake = open_intake(self.store, self.config.parent)
        try:
            while True:
                try:
                    assert None not in intake.accept(arrivals)
                    break
                except StoreLocked:  # a worker writes at this moment: the front door asks again, too
                    time.sleep(0.001)
        finally:
            intake.close()

    def _arrival(self, n: int, lead: str) -> Arrival:
        told = {
            "type": "lead.received",
            "id": lead,
            "occurred_at": "2026-11-20T09:00:00Z",
            "party": {"email": f"lead{n // 5}@example{n // 5}.com"},
            "data": {"lead_id": lead, "channel": "form"},
        }
        body = b"{" if lead.startswith("unreadable") else json.dumps(told).encode()
        return self.arrival("crm", body, lead)

    def arrival(self, source: str, body: bytes, different: str = "") -> Arrival:
        """A delivery of a source; ``different`` keeps it apart from one of the same body."""
        known, digest = self.sources[source], sha256(body + different.encode()).digest()
        target = f"/webhooks/{source}"
        return Arrival(known.id, "", digest, "POST", target, "{}", body, len(body), now_us(), known.trust)

    def worker(self, crash_at: str = "", *, module: str = "seamline_workers", **more: str) -> subprocess.Popen[bytes]:
        """Start a worker process; ``crash_at`` names the step at which it is killed, ``more`` its environment."""
        environment = {**os.environ, "SEAMLINE_CRASH_AT": crash_at, "SEAMLINE_LEASE_SECONDS": LEASE_S, **more}
        path = (str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        command = [sys.executable, "-m", module, "--config", str(self.config)]
        if self._network is not None:
            command[2:] = ["seamline_agency.demo.detour", str(self.config), self._network]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=environment, stderr=log)
        self._running.append(process)
        return process

    def write(self, statement: str) -> None:
        with self.store.begin() as connection:
            connection.execute(text(statement))

    def number(self, query: str) -> int:
        with self.store.read() as connection:
            return int(connection.execute(text(query)).scalar_one())

    def wait_until(self, query: str, wanted: int) -> None:
        """Look until a number is what it should become; fail with what it is."""
        until = time.monotonic() + LONG_S
        while (found := self.number(query)) != wanted:
            assert time.monotonic() < until, f"{query}: {found} instead of {wanted}"
            time.sleep(0.05)

    def wait_until_some(self, query: str, more_than: int = 0) -> None:
        """Look until a number is larger than this one."""
        until = time.monotonic() + LONG_S
        while (found := self.number(query)) <= more_than:
            assert time.monotonic() < until, f"{query}: {found}, not more than {more_than}"
            time.sleep(0.01)

    def ended(self, worker: subprocess.Popen[bytes], query: str, wanted: int) -> bool:
        """Wait until a worker has ended (True), or a number is what it should become (False)."""
        until = time.monotonic() + LONG_S
        while worker.poll() is None:
            found = self.number(query)
            if found == wanted:
                return False
            assert time.monotonic() < until, f"{query}: {found} instead of {wanted}, and the worker lives"
            time.sleep(0.05)
        return True

    def assert_each_once(self, leads: int) -> None:
        """Every delivery told, every event once, every effect once, nothing left."""
        assert self.number("SELECT count(*) FROM deliveries WHERE state = 0") == 0
        assert self.number("SELECT count(*) FROM events WHERE type = 'lead.received'") == leads
        assert self.number("SELECT count(*) FROM handoffs WHERE state = 2") == 2 * leads
        assert self.number("SELECT count(*) FROM effects") == 2 * leads
        assert self.number("SELECT count(*) FROM flags") == 2 * leads
        assert self.number("SELECT coalesce(sum(count), 0) FROM flags") == 2 * leads
        assert self.number("SELECT seq FROM ledger_head") == self.number("SELECT count(*) FROM events")

    # --- workers that stand still -----------------------------------------------------------------------------------

    def paused_worker(
        self, point: str, *, locking: bool = False, since: str = "seamline.toml"
    ) -> subprocess.Popen[bytes]:
        """Start a worker process and wait until it stands still at a step, once there is a file that fits ``since``.

        ``locking``: the step is within a transaction. At any other it stands still while none of its other threads has
        a transaction open, in which it would hold up everybody.
        """
        self._go_on.unlink(missing_ok=True)
        environment = {"SEAMLINE_GO_ON": str(self._go_on), "SEAMLINE_PAUSE_FROM": since}
        process = self.worker(point, module="support.pausing", **environment)
        self._wait_stopped(process, point)
        while not (locking or self._all_free()):
            process.send_signal(signal.SIGCONT)
            self._wait_stopped(process, point)
        return process

    def go_on(self, paused: Sequence[subprocess.Popen[bytes]]) -> None:
        """Let paused workers go on with what they had in hand."""
        self._go_on.touch()
        for process in paused:
            process.send_signal(signal.SIGCONT)

    def _wait_stopped(self, process: subprocess.Popen[bytes], point: str) -> None:
        until = time.monotonic() + LONG_S
        while (seen := Process.read(process.pid)) is None or seen.state != "T":
            assert process.poll() is None, f"it ended before {point}"
            assert time.monotonic() < until, f"it never came to {point}"
            time.sleep(0.005)

    def _all_free(self) -> bool:
        """Whether nobody has a transaction open that writes."""
        if self.store.postgres:
            return not self.number(_OPEN_TRANSACTIONS)
        connection = sqlite3.connect(sqlite_path(self.store.url), timeout=0.2, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True

    def close(self) -> None:
        self._go_on.touch()
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self._running:
            process.wait(30)
