"""What an author writes, under mypy --strict with nothing but our py.typed: no plugin, no stubs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.house import ROOT, blocks


def _mypy(folder: Path) -> str:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(folder / ".cache"), "."]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    return ran.stdout + ran.stderr


def test_the_first_adapter_and_the_first_seat_with_their_tests_are_typed(tmp_path: Path) -> None:
    for block in blocks(ROOT / "README.md", "python"):
        (tmp_path / str(block.title)).write_text(block.text, "utf-8")
    assert "Success: no issues found in 4 source files" in _mypy(tmp_path)


EVIDENCE = """
from typing import assert_type
from seamline import Event
from seamline.events import BuyingSignalDetected, ProposalViewed

def signal(event: Event) -> None:
    made = BuyingSignalDetected(proposal_id="p1", signal="third view", evidence=[event.id])
    assert_type(made.evidence, tuple[str, ...])
    BuyingSignalDetected(proposal_id="p1", signal="third view", evidence=("e1",))
    BuyingSignalDetected(proposal_id="p1", signal="third view")
    BuyingSignalDetected(proposal_id="p1", signal="third view", evidence=[1])
"""


def test_evidence_is_given_as_ids_or_text_and_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "evidence.py").write_text(EVIDENCE.lstrip("\n"), "utf-8")
    told = _mypy(tmp_path)
    assert "evidence.py:10: error: List item 0 has incompatible type" in told
    assert "Found 1 error" in told


STACKED = """
from typing import assert_type
from seamline import Seat, SyncContext
from seamline.events import ProposalAccepted, ProposalDeclined

dirk = Seat("dirk", owns=["proposal.*"])

@dirk.on(ProposalAccepted)
@dirk.on(ProposalDeclined)
def ended(event: ProposalAccepted | ProposalDeclined, ctx: SyncContext) -> str:
    return event.proposal_id

def ask(event: ProposalAccepted, ctx: SyncContext) -> None:
    assert_type(ended(event, ctx), str)
    ended(event, 1)
"""


def test_one_handler_of_several_types_keeps_its_own_type(tmp_path: Path) -> None:
    (tmp_path / "stacked.py").write_text(STACKED.lstrip("\n"), "utf-8")
    told = _mypy(tmp_path)
    assert 'stacked.py:14: error: Argument 2 to "ended" has incompatible type "int"' in told
    assert "Found 1 error" in told
