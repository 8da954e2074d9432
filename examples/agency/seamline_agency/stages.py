"""The eight stages of a customer: who takes over, in which tone, and what the customer has been told by then."""

from __future__ import annotations

from datetime import timedelta

from seamline import StageRow

#: Stages in which an account is a client of ours: before them it is none yet, after them none any more.
CLIENT_STAGES = ("onboarding", "delivery")

STAGES = (
    StageRow(
        "awareness",
        to_seat="dash",
        tone="light; nobody has asked us anything yet",
        must_know=("who we are", "what we do for companies like theirs"),
    ),
    StageRow(
        "inquiry",
        to_seat="pepper",
        tone="personal and prompt: here the tone of everything after is set",
        must_know=("that a human reads what they wrote", "when they will hear from us"),
        patience=timedelta(minutes=5),
    ),
    StageRow(
        "proposal",
        to_seat="dirk",
        tone="clear and unhurried; never pressing",
        must_know=("what it costs", "what is included and what is not", "whom to ask"),
        required=("contact.email",),
    ),
    StageRow(
        "onboarding",
        to_seat="crystal",
        tone="welcoming and concrete: what happens next, and when",
        must_know=("that their contract is signed", "when the kickoff is", "who looks after them from here on"),
        required=("account.name", "contact.email"),
    ),
    StageRow(
        "delivery",
        to_seat="dash",
        tone="factual; figures before adjectives",
        must_know=("what is measured", "when they get their figures", "who their account manager is"),
        required=("account.name",),
    ),
    StageRow(
        "retention",
        to_seat="pulse",
        tone="calm and attentive; nothing is sold here",
        must_know=("what we have noticed", "what we do about it"),
    ),
    StageRow(
        "expansion",
        to_seat="dirk",
        tone="earned: only what the figures bear out",
        must_know=("how well it goes", "what more would cost and bring"),
        required=("contract.signed",),
    ),
    StageRow(
        "exit",
        to_seat="crystal",
        tone="as careful as the welcome",
        must_know=("what ends when", "that pixel, campaigns and invoices are settled", "what is theirs to keep"),
    ),
)
