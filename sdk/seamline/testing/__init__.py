"""The contract kit: what proves an adapter, and what tests a seat."""

from seamline.testing.contract import adapter_contract, check_suite
from seamline.testing.story import ABSENT, ContractError, Respond, Sample, Story, story
from seamline.testing.suite import Suite, load_suite, suite_names

__all__ = [
    "ABSENT",
    "ContractError",
    "Respond",
    "Sample",
    "Story",
    "Suite",
    "adapter_contract",
    "check_suite",
    "load_suite",
    "story",
    "suite_names",
]
