"""Reading a body: bounded in time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from seamline_webhooks import body as bodies
from seamline_webhooks.body import BodyReader, Gone, Refused


def receiving(*chunks: bytes, ends: bool = True) -> Any:
    """A receive() that gives the chunks; then it ends, or waits for ever."""
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left) or not ends}

    return receive


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_chunks_become_one_body_and_are_counted() -> None:
    reader, taken = BodyReader(100), [0]
    assert run(reader.read(receiving(b"a", b"", b"bc"), 3, None, taken)) == b"abc"
    assert (taken, reader.used) == ([3], 3)


def test_a_body_that_does_not_come_is_refused_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_S", 0.05)
    monkeypatch.setattr(bodies, "LOOK_S", 0.01)

    async def play() -> None:
        reader = BodyReader(100)
        slow = asyncio.create_task(reader.read(receiving(b"a", ends=False), 10, None, [0]))
        slower = asyncio.create_task(reader.read(receiving(), 10, None, [0]))
        for task in (slow, slower):
            with pytest.raises(Refused) as caught:
                await task
            assert caught.value.code == "too-slow"
        assert await reader.read(receiving(b"fast"), 10, None, [0]) == b"fast"
        cancelled = asyncio.create_task(reader.read(receiving(), 10, None, [0]))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    run(play())


def test_no_more_bodies_are_read_than_there_is_room_for() -> None:
    reader, first, second = BodyReader(10), [0], [0]
    assert run(reader.read(receiving(b"12345678"), 100, None, first)) == b"12345678"
    with pytest.raises(Refused) as caught:
        run(reader.read(receiving(b"123"), 100, None, second))
    assert caught.value.code == "busy"
    reader.used -= first[0] + second[0]
    assert run(reader.read(receiving(b"123"), 100, None, [0])) == b"123"


def test_a_sender_that_leaves_in_the_middle_is_gone() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(Gone):
        run(BodyReader(10).read(receive, 10, None, [0]))  # type: ignore[arg-type]


def test_what_is_announced_too_large_is_drained_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "DRAIN_S", 0.05)
    reader, taken = BodyReader(100), [0]
    with pytest.raises(Refused, match="20 bytes are announced, 10 are allowed"):
        run(reader.read(receiving(b"x" * 20), 10, 20, taken))
    with pytest.raises(Refused, match="more than 10 bytes"):
        run(reader.read(receiving(b"x" * 11, ends=False), 10, None, taken))
