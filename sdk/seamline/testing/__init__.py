"""The contract kit: what proves an adapter, and what tests a seat."""

from seamline.testing.clock import FakeClock
from seamline.testing.contract import adapter_contract, check_names, check_suite
from seamline.testing.handling import ACCOUNT, MemoryCompany, MemoryReader, place, run_handler, run_timer
from seamline.testing.play import Feed, play, run_calls
from seamline.testing.scaffold import Scaffold, new_adapter
from seamline.testing.signer import Signer
from seamline.testing.simulator import Posted, Simulator
from seamline.testing.story import ABSENT, ContractError, Look, Respond, Sample, Sending, Story, story
from seamline.testing.suite import Suite, load_suite, suite_names

__all__ = [  # noqa: RUF022  (grouped by what they are for)
    # the contract of an adapter
    "adapter_contract",
    "check_names",
    "check_suite",
    "ContractError",
    # what proves it
    "Suite",
    "load_suite",
    "suite_names",
    "Story",
    "story",
    "Sample",
    "Respond",
    "Sending",
    "Look",
    "ABSENT",
    # without the contract
    "play",
    "run_calls",
    "Feed",
    # a provider
    "Signer",
    "Simulator",
    "Posted",
    # a seat
    "run_handler",
    "run_timer",
    "MemoryReader",
    "MemoryCompany",
    "place",
    "ACCOUNT",
    # time
    "FakeClock",
    # a new adapter
    "new_adapter",
    "Scaffold",
]
