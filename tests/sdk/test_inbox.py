"""Inbox files: many write, several read, any of them may die, and no message is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from seamline.envelope import read_envelope, ulid
from seamline.errors import ConfigError, PayloadError
from seamline.inbox import CUR, DEAD, DONE, FOLDERS, NEW, TMP, Inbox
from support.bus_process import SEAT, envelope

PATIENCE_S = 60


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


def inbox_in(folder: Path, clock: Clock | None = None, **more: Any) -> Inbox:
    return Inbox(folder, SEAT, now=clock or Clock(), **more).make()


def names(inbox: Inbox, folder: str) -> list[str]:
    return sorted(path.name for path in inbox.path(folder).iterdir())


def start(*words: str) -> subprocess.Popen[bytes]:
    tests = str(Path(__file__).parents[1])
    return subprocess.Popen([sys.executable, "-m", "support.bus_process", *words], cwd=tests)


def test_r64_ten_senders_and_readers_that_are_killed_between_claim_and_ack_lose_nothing(tmp_path: Path) -> None:
    inbox, done = Inbox(tmp_path, SEAT).make(), tmp_path / "done"
    senders = [start("send", str(tmp_path), f"s{n}", "12") for n in range(10)]
    assert [sender.wait(PATIENCE_S) for sender in senders] == [0] * 10
    sent = {f"s{n}-{k}" for n in range(10) for k in range(12)}
    assert inbox.waiting() == len(sent)
    for dies_at in (1, 7, 20):
        assert start("work", str(tmp_path), str(done), str(dies_at)).wait(PATIENCE_S) == -signal.SIGKILL
    assert names(inbox, CUR)
    for name in names(inbox, CUR):
        os.utime(inbox.path(CUR, name), (1, 1))  # as after its lease
    readers = [start("work", str(tmp_path), str(done), "0") for _ in range(2)]
    assert [reader.wait(PATIENCE_S) for reader in readers] == [0, 0]
    assert set(done.read_text().split()) == sent
    assert [len(names(inbox, folder)) for folder in (TMP, NEW, CUR, DONE, DEAD)] == [0, 0, 0, len(sent), 0]


def test_r64_a_file_is_for_nobody_but_its_owner_and_says_what_it_is(tmp_path: Path) -> None:
    inbox = inbox_in(tmp_path)
    path = inbox.put(envelope("m1", needs_response_by="2026-11-21T12:00:00+01:00"))
    assert path is not None
    assert (inbox.path(NEW).stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    told = json.loads(path.read_bytes())
    assert (told["v"], told["from"], told["to"], told["exchange"]) == (1, "pepper", "dirk", 1)
    assert told["needs_response_by"] == "2026-11-21T11:00:00Z"
    assert read_envelope(path.read_bytes()).id == "m1"


def test_what_was_put_before_is_not_put_again_wherever_it_is_now(tmp_path: Path) -> None:
    inbox = inbox_in(tmp_path)
    assert inbox.put(envelope("m1")) is not None
    assert inbox.put(envelope("m1")) is None
    claimed = inbox.claim()
    assert claimed is not None
    assert inbox.put(envelope("m1")) is None
    assert claimed.ack()
    assert inbox.put(envelope("m1")) is None
    assert inbox.claim() is None


def test_one_of_several_readers_claims_a_message_and_who_is_late_is_told(tmp_path: Path) -> None:
    clock = Clock()
    one, other = inbox_in(tmp_path, clock), inbox_in(tmp_path, clock)
    one.put(envelope("m1"))
    slow = one.claim()
    assert slow is not None
    assert other.claim() is None
    clock.at += 300
    assert slow.renew()
    clock.at += 500
    assert other.claim() is None
    clock.at += 101
    quick = other.claim()
    assert quick is not None
    assert (quick.envelope.id, quick.delivery) == ("m1", 2)
    assert not slow.ack()
    assert not slow.renew()
    assert quick.ack()


def test_what_kills_every_reader_is_dead_after_so_many_deliveries(tmp_path: Path) -> None:
    clock = Clock()
    inbox = inbox_in(tmp_path, clock, most=3)
    inbox.put(envelope("m1"))
    for delivery in (1, 2, 3):
        claimed = inbox.claim()
        assert claimed is not None
        assert claimed.delivery == delivery
        clock.at += 601
    assert inbox.claim() is None
    ((name, reason),) = inbox.dead()
    assert reason == "delivered 3 times, and never done"
    inbox.told(name)
    assert list(inbox.dead()) == []


def test_oldest_messages_come_first_and_one_that_is_given_back_is_no_other_delivery(tmp_path: Path) -> None:
    inbox = inbox_in(tmp_path)
    for n in (3, 1, 2):
        inbox.put(envelope(f"m{n}", created_at=f"2026-11-20T12:00:0{n}Z"))
    first = inbox.claim()
    assert first is not None
    assert first.give_back()
    found = [claimed.envelope.id for claimed in (inbox.claim(), inbox.claim(), inbox.claim()) if claimed]
    assert found == ["m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told | {"topic": "other"}, "content_sha256 is not that of the content"),
        (lambda told: {name: told[name] for name in told if name != "content_sha256"}, "content_sha256 is missing"),
        (lambda told: told | {"v": 2}, "v: "),
        (lambda told: told | {"exchange": 4}, "exchange: "),
        (lambda told: told | {"approve": True}, "approve: "),
        (lambda told: told | {"body": {}}, "body.schema says"),
        (lambda told: told | {"from": "../pepper"}, "from: "),
        (lambda _: [], "no envelope"),
    ],
)
def test_r64_what_is_no_envelope_is_dead_at_once_and_in_nobody_s_way(tmp_path: Path, change: Any, reason: str) -> None:
    inbox = inbox_in(tmp_path)
    path = inbox.put(envelope("m1"))
    inbox.put(envelope("m2", created_at="2026-11-20T13:00:00Z"))
    assert path is not None
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    claimed = inbox.claim()
    assert claimed is not None
    assert claimed.envelope.id == "m2"
    ((_, why),) = inbox.dead()
    assert reason in why


def test_a_file_that_was_cut_and_one_for_somebody_else_are_dead(tmp_path: Path) -> None:
    inbox = inbox_in(tmp_path)
    cut = inbox.put(envelope("m1"))
    assert cut is not None
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(PayloadError, match="for pulse, not for dirk"):
        inbox.put(envelope("m2", to="pulse"))
    other = Inbox(tmp_path, "pulse", now=Clock()).make()
    astray = other.put(envelope("m3", to="pulse"))
    assert astray is not None
    os.rename(astray, inbox.path(NEW, astray.name))
    assert inbox.claim() is None
    assert sorted(reason for _, reason in inbox.dead()) == ["this is for pulse, not for dirk", "this is no JSON"]


@pytest.mark.parametrize("seat", ["", "..", "../x", "a/b", "Dirk", "1a", "a" * 33, "a\n"])
def test_r64_a_seat_s_name_leads_to_no_other_folder(tmp_path: Path, seat: str) -> None:
    with pytest.raises(ConfigError, match="an inbox is named as a seat"):
        Inbox(tmp_path, seat)


def test_what_is_old_is_deleted_and_what_is_young_or_waits_is_not(tmp_path: Path) -> None:
    clock = Clock()
    inbox = inbox_in(tmp_path, clock)
    for n in (1, 2):
        inbox.put(envelope(f"m{n}", created_at=f"2026-11-20T12:00:0{n}Z"))
        claimed = inbox.claim()
        assert claimed is not None
        claimed.ack()
        clock.at += 86_400
    inbox.put(envelope("m3"))
    assert inbox.prune(timedelta(days=1, hours=1)) == 1
    assert [len(names(inbox, folder)) for folder in (NEW, DONE)] == [1, 1]


def test_names_are_in_the_order_of_time_and_the_same_for_the_same_message() -> None:
    early, late = envelope("m1"), envelope("m1", created_at="2026-11-20T12:00:00.001Z")
    assert ulid(early.created_at, "k") == ulid(early.created_at, "k") < ulid(late.created_at, "k")
    assert len(ulid(early.created_at, "k")) == 26


@pytest.mark.parametrize("linked", ["", "new", "cur", "tmp", "done", "dead"])
def test_an_inbox_with_a_folder_that_is_a_link_is_refused_and_nothing_is_written_outside(
    tmp_path: Path, linked: str
) -> None:
    outside = tmp_path / "outside"
    for name in ("", *FOLDERS):
        (outside / name).mkdir()
    inbox = Inbox(tmp_path / "bus", SEAT).make()
    inbox.put(envelope("s1-1"))
    place = inbox.folder / inbox.seat / linked
    kept = place.rename(tmp_path / "kept")
    place.symlink_to(outside / linked, target_is_directory=True)
    said = "is a symbolic link; the folders of an inbox are folders of its own"
    for work in (
        inbox.make,
        lambda: inbox.put(envelope("s1-2")),
        inbox.claim,
        inbox.recover,
        lambda: inbox.prune(timedelta(0)),
        lambda: inbox.told("x.json"),
        lambda: inbox.bury("x.json", NEW, "no"),
    ):
        with pytest.raises(ConfigError, match=said):
            work()
    assert [path for path in outside.rglob("*") if not path.is_dir()] == []
    assert kept.exists()
    assert Inbox(tmp_path / "other", SEAT).make().linked() is None
