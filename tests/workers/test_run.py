"""A run as its thread and the watch see it."""

from __future__ import annotations

from typing import Any, cast

from seamline_workers.effects.asking import Result
from seamline_workers.handoff.run import Run, Work
from seamline_workers.store.lanes import Handoff, Lane
from seamline_workers.store.outcome import Outcome
from seamline_workers.store.schema import RETRYING


def handoff(seq: int) -> Handoff:
    known: dict[str, Any] = {"account_id": 1, "event_seq": seq}
    return Handoff(**{name: known.get(name, 0) for name in Handoff._fields})


def test_a_handler_that_is_out_of_time_is_revoked_once_however_long_it_goes_on() -> None:
    run, late = Run(Work("seat", "pepper")), handoff(7)
    lane = Lane(1, "pepper", 5, 6, [late])
    run.load([lane])
    assert run.next_lane() is lane
    run.begin(late)
    assert run.take_handoff() is late
    out_of_time = Result(Outcome(1, 7, "pepper", RETRYING, 1, 99, "timed out"))
    done = run.revoke(late, out_of_time)
    assert done is not None
    assert [(end.upto, end.due) for end in done.ends] == [(6, 99)]
    assert run.take_handoff() is None
    assert not run.end(cast("Result", None))
    run.end_lane(lane)
    assert run.take_done().ends == []
