"""What a run makes on an installation, written into a journal beside its store, to be taken back by.

Whoever makes something notes it (:func:`created`); notes travel with batches to the owner of the run, which takes them
out here, so that they are no part of the run's time line, and writes them once a second. The journal's first line is
on the disk before anything is made and says under which tag contacts are made: one that a kill kept from being listed
is found by it (:mod:`loadtest.target.unsettled`).
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from loadtest.journal import Begin, Journal, Kind, Made
from loadtest.metrics import Batch

NOTE = "created"
FILE = "journal.jsonl"


def created(kind: Kind, number: int, account_id: int, inbox_id: int, contact_id: int) -> dict[str, Any]:
    """Data of a note of kind :data:`NOTE`.

    Args:
        kind: what was made.
        number: its id; a conversation's display id.
        account_id: where.
        inbox_id: at which inbox.
        contact_id: whose conversation it is, or the contact itself.
    """
    return {
        "kind": kind,
        "id": number,
        "account_id": account_id,
        "inbox_id": inbox_id,
        "contact_id": contact_id,
    }


class Creations:
    """Takes creations out of batches, and writes them down where there is a journal.

    Args:
        folder: the run's folder.
        begin: the journal's first line; None for a run whose target goes with it.

    Raises:
        UsageError: the journal cannot be written.
    """

    def __init__(self, folder: Path, begin: Begin | None) -> None:
        path = folder / FILE
        for again in count(2):  # a run that is gone on with has a journal for each time
            if not path.exists():
                break
            path = folder / f"journal-{again}.jsonl"
        self._journal = None if begin is None else Journal.create(path, begin)
        self._pending: list[Made] = []

    def take_out(self, batch: Batch) -> None:
        """Take the creations out of a batch."""
        notes = [note for note in batch.notes if note.kind == NOTE]
        if not notes:
            return
        batch.notes[:] = [note for note in batch.notes if note.kind != NOTE]
        if self._journal is not None:
            self._pending += [Made(key=f"{note.data['account_id']}/{note.data['id']}", **note.data) for note in notes]

    @property
    def is_pending(self) -> bool:
        """Whether something has to be written."""
        return bool(self._pending)

    def write(self) -> None:
        """Write down what was taken out.

        Raises:
            GeneratorError: it could not be written; it is kept for the next time.
        """
        if self._journal is not None and self._pending:
            pending = list(self._pending)
            self._journal.append(*pending)
            del self._pending[: len(pending)]

    def close(self) -> None:
        """Write the rest, and let others have the journal."""
        try:
            self.write()
        finally:
            if self._journal is not None:
                self._journal.close()
