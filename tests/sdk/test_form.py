"""Forms: their values are read, and shown nowhere else."""

from __future__ import annotations

import pytest

from seamline.form import parse_form

PART = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\ndana@example.com\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"email=dana%40example.com", "application/x-www-form-urlencoded"),
        (PART, "multipart/form-data; boundary=x"),
    ],
)
def test_no_value_of_a_form_can_be_read_in_its_repr(body: bytes, content_type: str) -> None:
    form = parse_form(body, content_type)
    assert form["email"] == "dana@example.com"
    assert "dana" not in repr(form)
