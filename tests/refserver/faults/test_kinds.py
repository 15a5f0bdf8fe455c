"""The table of faults describes itself rightly."""

from loadtest.refserver.faults.grammar import parse_faults
from loadtest.refserver.faults.kinds import GRAMMAR, KINDS, described


def test_every_example_is_a_term_of_its_kind() -> None:
    """What the help shows can be given as it stands."""
    kinds = [parse_faults(kind.example)[0].kind.name for kind in KINDS.values()]

    assert list(KINDS) == kinds


def test_all_examples_together_are_a_specification() -> None:
    """Kinds do not exclude each other."""
    together = parse_faults(",".join(kind.example for kind in KINDS.values()))

    assert len(KINDS) == len(together)


def test_the_help_shows_every_kind() -> None:
    """The terminal's text holds the grammar, and each kind's example with what it does."""
    text = described()

    assert text.startswith(GRAMMAR[:20])
    assert [kind.name for kind in KINDS.values() if kind.example not in text or kind.text not in text] == []
