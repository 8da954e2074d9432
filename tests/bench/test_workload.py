"""What the benchmark sends."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from benchmarks.workload import Workload


def test_every_webhook_has_its_own_id_and_about_700_bytes() -> None:
    bodies = list(Workload(500).bodies())
    assert len({message_id for message_id, _ in bodies}) == 500
    assert {json.loads(body)["id"].encode() == message_id for message_id, body in bodies} == {True}
    assert all(650 < len(body) < 750 for _, body in bodies)


def test_a_hot_account_has_its_share_and_the_others_the_rest() -> None:
    counted = Counter(json.loads(body)["party"]["email"] for _, body in Workload(5_000, hot=0.2).bodies())
    (_, hottest), (_, second) = counted.most_common(2)
    assert 900 < hottest < 1_100
    assert second < 20


def test_shorter_runs_make_new_accounts_as_often_as_long_ones() -> None:
    def share(workload: Workload) -> float:
        return len({json.loads(body)["party"]["email"] for _, body in workload.bodies()}) / workload.count

    assert abs(share(Workload(6_000)) - share(Workload(600))) < 0.05


def test_two_runs_share_accounts_but_no_ids() -> None:
    first = Workload(50, run="a")
    second = replace(first, run="b")
    assert not {message_id for message_id, _ in first.bodies()} & {message_id for message_id, _ in second.bodies()}
    assert [json.loads(body)["party"] for _, body in first.bodies()] == [
        json.loads(body)["party"] for _, body in second.bodies()
    ]
