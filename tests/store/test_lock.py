"""One writer a run."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.store.lock import FolderLock

HOLDER = """
import sys
from pathlib import Path
from loadtest.store.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    """It is told what to do; releasing twice does nothing."""
    first = FolderLock(tmp_path)
    with pytest.raises(UsageError, match="another process still writes to this run"):
        FolderLock(tmp_path)
    first.release()
    first.release()
    second = FolderLock(tmp_path)
    second.release()

    assert [] == list(tmp_path.iterdir())


def test_the_refusal_names_what_is_written(tmp_path: Path) -> None:
    """In the words of whoever asked for it."""
    first = FolderLock(tmp_path)
    with pytest.raises(UsageError, match=r"to this proof.*then start it again"):
        FolderLock(tmp_path, "proof", "start it again")
    first.release()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """However it ends, its lock ends with it."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        with pytest.raises(UsageError):
            FolderLock(tmp_path)
        holder.kill()
        holder.wait()
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_locked_is_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems know no locks."""

    def unknown(*_: int) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", unknown)

    FolderLock(tmp_path).release()
