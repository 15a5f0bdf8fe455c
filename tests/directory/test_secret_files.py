"""Files of secrets: whom they may be open to, and that one process has them to itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.directory.secret_files import FileLock, read_secret
from loadtest.errors import UsageError

OTHER_PROCESS = """
import sys
from loadtest.directory.secret_files import FileLock
lock = FileLock(sys.argv[1])
print("locked", flush=True)
sys.stdin.read()
"""


def secret_file(folder: Path, mode: int, text: str = "s3cret\n") -> Path:
    """A file with a mode."""
    path = folder / "token"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o660])
def test_a_file_for_its_owner_or_a_group_is_read(tmp_path: Path, mode: int) -> None:
    """A group may read it, as Kubernetes mounts secrets for a pod's fsGroup."""
    actual = read_secret(secret_file(tmp_path, mode))

    assert actual == "s3cret"


@pytest.mark.parametrize("mode", [0o644, 0o444, 0o602, 0o606, 0o604])
def test_a_file_for_everybody_is_refused_with_the_chmod_to_run(tmp_path: Path, mode: int) -> None:
    """The command in the error makes the file acceptable."""
    path = secret_file(tmp_path, mode)
    with pytest.raises(UsageError) as caught:
        read_secret(path)
    command = caught.value.remedy.removeprefix("Run: ").partition(" (")[0]
    subprocess.run(command, shell=True, check=True)

    assert read_secret(path) == "s3cret"


def test_a_link_is_judged_by_the_file_it_leads_to(tmp_path: Path) -> None:
    """Links have mode 0777 themselves; Kubernetes mounts each secret as a link through ``..data``."""
    secret_file(tmp_path, 0o440)
    (tmp_path / "..data").symlink_to(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "..data" / "token")

    assert read_secret(link) == "s3cret"


@pytest.mark.parametrize("text", ["", "\n", "two\nlines\n", "bell\x07"])
def test_a_file_that_is_no_single_line_is_refused(tmp_path: Path, text: str) -> None:
    """An empty file and a whole configuration are no secrets, and are not quoted."""
    with pytest.raises(UsageError, match="no line, or more than one") as caught:
        read_secret(secret_file(tmp_path, 0o600, text))

    assert "two" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A secret that is not there is a usage error."""
    with pytest.raises(UsageError, match="cannot be read") as caught:
        read_secret(tmp_path / "none")

    assert caught.value.where == str(tmp_path / "none")


def test_a_second_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """While a run holds its identities another one does not start; afterwards it does."""
    path = secret_file(tmp_path, 0o600)
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UsageError, match="another run uses this file") as caught:
            FileLock(path)
        assert other.stdin is not None
        other.stdin.close()
        other.wait()
        FileLock(path).release()

    assert str(other.pid) in caught.value.what or not Path("/proc/locks").exists()


def test_a_released_lock_is_free(tmp_path: Path) -> None:
    """The same process can take it again."""
    path = secret_file(tmp_path, 0o400)
    FileLock(path).release()
    lock = FileLock(path)
    lock.release()
    lock.release()

    assert path.read_text() == "s3cret\n"


def test_a_file_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    """The error names it, and no descriptor is left open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(UsageError, match="cannot be locked"):
        FileLock(tmp_path / "none")

    assert before == len(list(Path("/proc/self/fd").iterdir()))
