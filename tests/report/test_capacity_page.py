"""capacity.html."""

from __future__ import annotations

import pytest

from loadtest.report.capacity_page import page, view
from loadtest.report.figures_capacity import draw
from tests.report.searches import content


@pytest.mark.parametrize("ending", ["found", "generator", "unfinished", "empty", "watched"])
def test_every_ending_has_a_page(ending):
    """Whatever is known, the page is whole and asks nobody for anything."""
    made = content(ending)

    text = page(made, draw(made))

    assert text.rstrip().endswith("</html>")
    assert "<script" not in text
    assert 'src="http' not in text


def test_the_word_is_the_ending():
    """A generator's limit is no finding."""
    assert (view(content()).word, view(content()).tone) == ("FOUND", "good")
    assert (view(content("generator")).word, view(content("generator")).tone) == ("GENERATOR", "void")


def test_every_step_is_on_the_time_line():
    """In order, with what came out."""
    moments = view(content()).moments

    assert len(moments) == 9
    assert moments[2].tone == "bad"


def test_names_from_strangers_are_escaped():
    """A target's name cannot bring markup."""
    made = content()
    made["run"]["target"]["url"] = "http://x/<b>"

    assert "<b>" not in page(made, {})


def test_margins_have_units_and_terms_stand_above_their_meaning():
    """A limit and what was measured read alike, and each term of the legend is one cell."""
    made = content()
    text = page(made, draw(made))

    assert ">at most 200 ms<" in text
    assert ">900 ms<" in text
    assert "<div><dt>Last pass, first failure</dt>" in text
    assert "Presence accuracy and ceiling" not in text
