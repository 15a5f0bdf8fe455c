"""The fast path of receivers checks the frames that the sampler says, no more and no fewer."""

from __future__ import annotations

from loadtest.contract.sampling import FIRST, RATE
from tests.bench.checker_cost import Path


def test_the_fast_path_samples_as_the_sampler_does() -> None:
    """All of the first messages are held against the contract, afterwards one in so many."""
    path = Path(checking=True)
    text = path.emit("message.created")
    for _ in range(FIRST + 3 * RATE):
        path.feed(text)
    checked = sum(
        value
        for (_, metric, name, _), value in path.books.collect(path.clock.now_ns()).counts.items()
        if (metric, name) == ("contract.checked", "message.created")
    )

    assert FIRST + 3 == checked
