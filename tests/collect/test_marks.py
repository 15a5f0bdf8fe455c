"""Marks are fixed-width, survive JSON, and cannot be forged by a customer's text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.collect import emission_key, read_mark, run_tag, write_mark
from loadtest.collect.marks import MARK_WIDTH


@given(st.integers(0, 1295), st.integers(0, 36**6 - 1), st.integers(0, 10**16 - 1), st.booleans(), st.text())
def test_a_mark_is_read_back_from_the_start_of_a_text(emitter, sequence, due_us, private, rest):
    """Whatever follows it, a mark reads back as it was written."""
    key = emission_key(emitter, sequence)
    mark = read_mark(write_mark("abc123", key, due_us, private=private) + rest)

    assert (mark.private, mark.run, mark.key, mark.due_us) == (private, "abc123", key, due_us)


def test_a_mark_has_a_fixed_width():
    """A receiver slices marks, so all are equally wide."""
    assert len(write_mark("abc123", emission_key(0, 0), 0)) == MARK_WIDTH


@given(st.text(max_size=20))
def test_a_mark_inside_a_text_is_none(before):
    """Only the very start of a text can be a mark."""
    text = "x" + before + write_mark("abc123", emission_key(1, 1), 1)

    assert read_mark(text) is None


def test_a_customers_text_cannot_forge_the_needle():
    """Quotes inside a text arrive escaped, so the byte search for a content that starts with a mark finds nothing."""
    text = '","content":"' + write_mark("abc123", emission_key(1, 1), 1)
    frame = json.dumps({"event": "message.created", "data": {"content": text}}, separators=(",", ":"))

    assert '"content":"lt:abc123:' not in frame


@pytest.mark.parametrize(("emitter", "sequence"), [(-1, 0), (1296, 0), (0, 36**6)])
def test_a_number_that_does_not_fit_is_an_error(emitter, sequence):
    """A key that would be wider than its field is refused."""
    with pytest.raises(ValueError, match="does not fit"):
        emission_key(emitter, sequence)


def test_run_tags_differ_with_their_parts():
    """Two runs have two tags of six characters."""
    tags = {run_tag("run", n) for n in range(1000)}

    assert (len(tags), {len(tag) for tag in tags}) == (1000, {6})
