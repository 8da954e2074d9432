"""The contract kit: what proves an adapter, and what tests a seat."""

from seamline.testing.contract import adapter_contract, check_names, check_suite
from seamline.testing.play import Feed, play, run_calls
from seamline.testing.story import ABSENT, ContractError, Respond, Sample, Story, story
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
    "ABSENT",
    # without the contract
    "play",
    "run_calls",
    "Feed",
]
