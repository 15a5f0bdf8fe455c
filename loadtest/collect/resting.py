"""When a subject may be used for another emission of its event, beside what its own entry says.

With several workers a subject rests until all of them have closed its books: what arrives before its next emission was
announced must not fall into the books of the one before. A subject whose entry was not finished is retired, since a
late copy could not be told from the next emission's first; not for ever, or a run of days ends with all of its subjects
retired.
"""

from __future__ import annotations

from typing import Final

ANNOUNCED_NS: Final = 2_000_000_000
"""So much longer than its deadline a subject rests: an announcement takes up to a second."""

RETIRED_NS: Final = 600_000_000_000
"""A subject is retired for so long: no server holds anything back for longer."""


class Resting:
    """The subjects that are not to be used yet.

    Args:
        deadline_ns: how long a delivery may take from the moment its request was written.
    """

    def __init__(self, deadline_ns: int) -> None:
        self._deadline_ns = deadline_ns
        self._rests: dict[bytes, int] = {}  # subject -> when it may be used again
        self._retired: dict[bytes, int] = {}  # the same, of those that are retired

    @property
    def retired(self) -> int:
        """How many are retired."""
        return len(self._retired)

    def is_free(self, key: bytes, now_ns: int) -> bool:
        """Whether a subject neither rests nor is retired."""
        return self._retired.get(key, now_ns) <= now_ns and self._rests.get(key, now_ns) <= now_ns

    def rest(self, key: bytes, written_ns: int) -> None:
        """It rests until all workers have closed the books of what was written then."""
        self._rests[key] = written_ns + self._deadline_ns + ANNOUNCED_NS

    def retire(self, key: bytes, now_ns: int) -> None:
        """Its entry was not finished."""
        self._retired[key] = now_ns + RETIRED_NS

    def wake(self, now_ns: int) -> list[bytes]:
        """Forget what is over by now.

        Returns:
            The subjects that were retired and are no more.
        """
        self._rests = {key: until_ns for key, until_ns in self._rests.items() if until_ns > now_ns}
        woken = []
        while self._retired and next(iter(self._retired.values())) <= now_ns:  # ascending, but for a moment
            key = next(iter(self._retired))
            del self._retired[key]
            woken.append(key)
        return woken
