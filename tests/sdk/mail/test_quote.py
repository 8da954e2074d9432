"""What a reply says that is new."""

from __future__ import annotations

import pytest

from seamline.mail import new_text


@pytest.mark.parametrize(
    ("text", "new"),
    [
        (
            "Works for me.\n\nOn Tue, 23 Jan 2024 at 09:00, Jo <jo@example.com> wrote:\n> Hello\n> there\n",
            "Works for me.",
        ),
        ("Ok\n\nOn Tue, 23 Jan 2024 at 09:00, Jo Doe\n<jo@example.com> wrote:\n\n> Hello\n", "Ok"),
        ("Passt.\n\nAm Di., 23. Jan. 2024 um 09:00 Uhr schrieb Jo <jo@example.com>:\n> Hallo\n", "Passt."),
        ("D'accord.\n\nLe mar. 23 janv. 2024 à 09:00, Jo <jo@example.com> a écrit :\n> Salut\n", "D'accord."),
        ("Sí.\n\nEl mar, 23 ene 2024 a las 9:00, Jo (<jo@example.com>) escribió:\n> Hola\n", "Sí."),
        ("Sim.\n\nEm ter., 23 de jan. de 2024 às 09:00, Jo <jo@example.com> escreveu:\n> Oi\n", "Sim."),
        ("Greit.\n\ntir. 23. jan. 2024 kl. 09:00 skrev Jo <jo@example.com>:\n> Hei\n", "Greit."),
        ("Good\n\nFrom: Jo <jo@example.com>\nSent: Tuesday\nTo: Us\nSubject: Offer\n\nHello\n", "Good"),
        (
            "Gut\n\n____________________\nVon: Jo\nGesendet: Dienstag\nAn: Uns\nBetreff: Angebot\n\nHallo",
            "Gut",
        ),
        ("Fine\n\n-----Original Message-----\nFrom: Jo\n\nHello\n", "Fine"),
        ("Fine\r\n\r\n> Hello\r\n", "Fine"),
    ],
)
def test_the_quotation_is_left_out_in_many_languages(text: str, new: str) -> None:
    assert new_text(text) == new


def test_answers_between_quoted_lines_are_kept() -> None:
    text = "See below.\n\nOn 23 Jan 2024 09:00, Jo <jo@example.com> wrote:\n> Price?\n1,000\n> When?\nMonday\n"
    assert new_text(text) == "See below.\n\n1,000\nMonday"


def test_an_answer_below_the_quotation_is_kept() -> None:
    assert new_text("On 23 Jan 2024 09:00, Jo <jo@example.com> wrote:\n> Shall we?\n\nYes.\n") == "Yes."


@pytest.mark.parametrize(
    "text",
    [
        "Two things:\n- one\n- two\n\nbye",
        "Hi,\nOn Monday I wrote:\nthe offer stands",
        "To do:\nData: enclosed\nFrom: April\n\nmore to come",
        "Best regards,\nJo\n-- \nJo Doe, +1 555 0100",
        "plain",
        "",
    ],
)
def test_the_senders_own_words_are_never_taken_for_a_quotation(text: str) -> None:
    assert new_text(text) == text.strip()


def test_where_nothing_is_new_everything_is_given() -> None:
    assert new_text("> Hello\n> there\n") == "> Hello\n> there"


def test_a_forwarded_mail_is_kept_whole() -> None:
    text = "FYI\n\n---------- Forwarded message ---------\nFrom: Jo\nDate: Tuesday\nSubject: Lead\nTo: us\n\nCall me\n"
    assert new_text(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["\n" * 200_000, "On " * 60_000, "From: " + "\n " * 60_000, ("On a wrote " * 20 + "\n") * 1000, ">" * 99_999],
)
def test_text_made_to_hold_the_patterns_up_is_read_all_the_same(text: str) -> None:
    assert isinstance(new_text(text), str)


def test_marked_lines_of_a_mail_that_answers_nothing_are_its_own() -> None:
    text = "Kim asks:\n> How much is it?\nCall me"
    assert new_text(text, answers=False) == text
    assert new_text(text) == "Kim asks:\nCall me"
    quoted = "Fine.\n\nOn 23 Jan 2024 at 09:00, Jo <jo@example.com> wrote:\n> Shall we?\n"
    assert new_text(quoted, answers=False) == "Fine."
