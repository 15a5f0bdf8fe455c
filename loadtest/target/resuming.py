"""A journal to provision by: begun anew, or one to go on with, if it is one of the same wish."""

from __future__ import annotations

import secrets
from pathlib import Path

from loadtest.errors import UsageError
from loadtest.journal import Begin, Journal, new_tag, now
from loadtest.target.wanted import Wanted


def open_journal(path: Path, wanted: Wanted, url: str) -> Journal:
    """Begin a journal, or open the one that is there.

    Args:
        path: the file.
        wanted: what is to be made.
        url: base URL of the installation, without secrets.

    Raises:
        UsageError: the file is no journal of this wish and this installation, or was taken back.
    """
    if not path.exists():
        accounts = (wanted.account_id,) if wanted.account_id else ()
        nonce = secrets.token_hex(16)
        return Journal.create(path, Begin("provision", new_tag(), url, accounts, wanted.to_plain(), nonce, now()))
    journal = Journal.open(path)
    try:
        _check(journal, wanted, url)
    except BaseException:
        journal.close()
        raise
    return journal


def _check(journal: Journal, wanted: Wanted, url: str) -> None:
    begin, where = journal.begin, str(journal.path)
    if begin.maker != "provision":
        raise UsageError("this is the journal of a run", where=where, remedy="Give another --journal")
    if journal.is_ended:
        raise UsageError(
            "all that it lists was taken back", where=where, remedy="Remove it, or give another --journal to begin anew"
        )
    if journal.is_reduced:
        raise UsageError(
            "part of what it lists was taken back already",
            where=where,
            remedy=f"End that with --teardown {journal.path}, then begin anew with another --journal",
        )
    if begin.url != url:
        raise UsageError(
            f"the journal is one of {begin.url}, not of {url}",
            where=where,
            remedy="Give the same --host, or another --journal",
        )
    differing = [
        f"{name} was {begin.wanted.get(name)!r} and is {value!r} now"
        for name, value in wanted.to_plain().items()
        if begin.wanted.get(name) != value
    ]
    if differing:
        raise UsageError(
            f"the journal was begun for something else: {'; '.join(differing)}",
            where=where,
            remedy="Give the same numbers to go on, or another --journal and --identities for more",
        )
