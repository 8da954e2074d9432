"""The front door killed (SIGKILL) at every step between a body's last byte and its answer.

It proves process death, not power loss.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from seamline_workers.crashpoint import FRONT_DOOR
from seamline_workers.store.store import Store
from support.calls import raw_request, read_answer, rows, signed
from support.serving import Serving

#: The step is killed at when it is reached for this time, so that requests before it were acknowledged.
TIME = 3


def send(server: Serving, body: bytes) -> int:
    """The status; 0 where no answer came."""
    try:
        with server.connect() as sock:
            sock.sendall(raw_request(body, signed(body)))
            return read_answer(sock)[0]
    except ConnectionError:
        return 0


def test_r86_killed_at_any_step_every_acknowledged_request_is_kept_once_and_a_retry_mends_the_rest(
    serving: Callable[..., Serving], store: Store
) -> None:
    sent: dict[bytes, int] = {}
    for point in FRONT_DOOR:
        server = serving(env={"SEAMLINE_CRASH_AT": f"{point}:{TIME}"})
        bodies = [f"{point} {number}".encode() for number in range(TIME + 1)]
        answers = [send(server, body) for body in bodies]
        assert server.wait() == -signal.SIGKILL, point
        assert answers[: TIME - 1] == [202] * (TIME - 1), point
        assert answers[-1] == 0, point
        sent |= dict(zip(bodies, answers, strict=True))
    kept = [bytes(row[0]) for row in rows(store, "SELECT body FROM deliveries")]
    assert len(kept) == len(set(kept))
    assert {body for body, status in sent.items() if status == 202} <= set(kept)
    healthy = serving()
    assert [send(healthy, body) for body in sent] == [202] * len(sent)
    assert sorted(bytes(row[0]) for row in rows(store, "SELECT body FROM deliveries")) == sorted(sent)
