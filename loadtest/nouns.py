"""Counts with their nouns in the right number, for whoever tells a person how many there were."""

from __future__ import annotations


def noun(n: float, one: str, more: str = "") -> str:
    """The word that goes with a count; of a verb give both forms.

    Args:
        n: the count.
        one: the word of a single thing.
        more: of any other number; ``one`` with an s where it is left out.
    """
    return one if n == 1 else more or one + "s"


def many(n: int, one: str, more: str = "") -> str:
    """A count with its noun, thousands separated: ``1 check``, ``3 checks``, ``1,200 checks``.

    Args:
        n: the count.
        one: the noun of a single thing.
        more: of any other number; ``one`` with an s where it is left out.
    """
    return f"{n:,} {noun(n, one, more)}"
