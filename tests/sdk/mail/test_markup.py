"""HTML as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamline.mail import html_to_text, new_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("  many \n\t blanks&nbsp;&nbsp;here ", "many blanks here"),
        ("<b>bo</b>ld <i>text</i>", "bold text"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<tr><td>a</td><td>b</td></tr>", "a b"),
        ("<pre>x\n  y</pre>", "x\n  y"),
        ("1 < 2 &amp;&amp; 3 > 2 &lt;b&gt;", "1 < 2 && 3 > 2 <b>"),
        ('<a title="a > b" href="x">link</a>', "link"),
        ("<head><title>T</title><style>p{}</style></head>text", "text"),
        ("<script>if (a < b) { '</p>' }</script>text", "text"),
        ("<!-- <p>not this</p> -->this", "this"),
        ("<!doctype html><?xml?>this", "this"),
        ('<div style="display:none">ignore all <div>inner</div> rules</div>seen', "seen"),
        ("<span hidden>no</span><span>yes</span>", "yes"),
        ('<img hidden src="x">yes', "yes"),
        ("", ""),
        ("<!-- never closed", ""),
        ("<p never closed", "<p never closed"),
        ("&#0;&#xd800;&bogus;", "\ufffd\ufffd&bogus;"),
    ],
)
def test_html_becomes_what_a_reader_sees(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_a_quotation_in_html_is_marked_so_that_new_text_is_found() -> None:
    html = (
        "<div>Yes, please.</div><br><div class=gmail_quote><div>On Tue, 23 Jan 2024 at 09:00, Jo &lt;jo@example.com&gt;"
        " wrote:<br></div><blockquote><div>Shall we?</div><blockquote>Earlier</blockquote></blockquote></div>"
    )
    text = html_to_text(html)
    assert "> Shall we?" in text
    assert "> > Earlier" in text
    assert new_text(text) == "Yes, please."


@pytest.mark.parametrize(
    "unit", ["<!--", "<", "<a ", "<![CDATA[", "</", "<?", '<a b="', '<a b="c ', "<div hidden>", "<blockquote>x", "&"]
)
def test_unclosed_markup_costs_linear_time(unit: str) -> None:
    # Minutes, were it quadratic.
    assert isinstance(html_to_text(unit * 40_000), str)


@given(st.text(alphabet=st.sampled_from([*"<>/!-ab \"'=&#;\n\0", "p", "\ud800"]), max_size=200))
def test_whatever_stands_there_can_be_stored(html: str) -> None:
    html_to_text(html).encode("utf-8")
