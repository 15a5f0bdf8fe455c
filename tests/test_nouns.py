"""Counts with their nouns."""

import pytest

from loadtest.nouns import many, noun


@pytest.mark.parametrize(("n", "told"), [(0, "0 windows"), (1, "1 window"), (2, "2 windows"), (1_200, "1,200 windows")])
def test_a_noun_has_the_number_of_its_count(n, told):
    """One is singular, none and many are plural."""
    assert told == many(n, "window")


@pytest.mark.parametrize(("n", "word"), [(1, "is"), (2, "are")])
def test_a_word_that_takes_no_s_has_both_forms_given(n, word):
    """A verb, or an irregular noun."""
    assert word == noun(n, "is", "are")
