"""Rules with spans of versions, and dialects as ranges of them."""

from __future__ import annotations

import pytest

from loadtest.contract.versions import DIALECTS, EVER, DialectName, Span, written


@pytest.mark.parametrize(
    ("span", "dialect", "throughout", "somewhere"),
    [
        (EVER, "seed", True, True),
        (EVER, "current", True, True),
        (EVER, "auto", True, True),
        (Span(since=(2, 3)), "seed", False, False),
        (Span(since=(2, 3)), "current", True, True),
        (Span(since=(2, 3)), "auto", False, True),
        (Span(until=(2, 0)), "seed", True, True),
        (Span(until=(2, 0)), "current", False, False),
        (Span(until=(2, 0)), "auto", False, True),
        (Span(since=(4, 13)), "current", False, False),
        (Span(since=(4, 13)), "auto", False, True),
    ],
)
def test_a_dialect_demands_what_holds_throughout_and_allows_what_holds_somewhere(
    span: Span, dialect: DialectName, throughout: bool, somewhere: bool
) -> None:
    """A rule is demanded where all versions of the dialect have it, allowed where one has it."""
    range_ = DIALECTS[dialect]

    assert (throughout, somewhere) == (range_.throughout(span), range_.somewhere(span))


def test_the_first_version_without_a_rule_ends_it() -> None:
    """``until`` is the first version in which the rule no longer holds."""
    ended = Span(until=(1, 18))

    assert not DIALECTS["seed"].somewhere(ended)


def test_versions_are_written_with_dots() -> None:
    """A version is written as people do."""
    assert ["1.18", "4.0.2", ""] == [written((1, 18)), written((4, 0, 2)), written(())]
