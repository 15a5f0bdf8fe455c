"""Files that hold secrets: who may read them, and that one run has them to itself.

What counts is the file that is opened, so a symbolic link is as good as what it leads to, and a file that a group may
read is fine: Kubernetes mounts secrets as links to files of mode 0440. What everybody may read is refused.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import stat
from pathlib import Path
from typing import IO

from loadtest.errors import UsageError

_LOCKS = Path("/proc/locks")


def refuse_world_readable(handle: IO[bytes], path: str | os.PathLike[str]) -> None:
    """Refuse an open file of secrets that everybody on this machine may read or write.

    Args:
        handle: the open file.
        path: how the user named it, for the error.

    Raises:
        UsageError: the file's mode gives others a right to it; says which chmod takes it away.
    """
    status = os.fstat(handle.fileno())
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        raise UsageError(
            f"the file holds secrets, and its mode {mode:04o} lets everybody on this machine at them",
            where=str(path),
            remedy=f"Run: chmod o-rwx {shlex.quote(str(Path(path).resolve()))} "
            "(for a Kubernetes secret: defaultMode: 0440 and an fsGroup)",
        )


def read_secret(path: str | os.PathLike[str]) -> str:
    """The one secret that a file holds, without the line break at its end.

    Raises:
        UsageError: the file cannot be read, everybody may read it, or it holds no line or more than one.
    """
    try:
        with Path(path).open("rb") as handle:
            refuse_world_readable(handle, path)
            text = handle.read().decode()
    except OSError as error:
        raise UsageError(
            f"the file of a secret cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="Give a file that this user may read",
        ) from error
    except UnicodeDecodeError:
        raise UsageError("the secret is not text", where=str(path), remedy="Write it as UTF-8") from None
    secret = text.strip()
    if not secret or not secret.isprintable():
        raise UsageError(
            "the file of a secret holds no line, or more than one", where=str(path), remedy="Write one line into it"
        )
    return secret


class FileLock:
    """An exclusive lock on a file, held until :meth:`release` or the end of the process.

    Args:
        path: the file; it is read only and not changed.

    Raises:
        UsageError: another process holds it, or the file cannot be opened or locked.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._descriptor = -1
        try:
            # A file that was replaced by a rename while we waited for nobody is not the one of that name any more.
            while not self._is_current():
                self.release()
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(self._descriptor)
            self.release()
            raise UsageError(
                f"another run uses this file{f' (process {holder})' if holder else ''}: two would be the same people",
                where=str(path),
                remedy="Wait for its end, or use identities of your own: `loadtest provision` makes more",
            ) from None
        except OSError as error:
            self.release()
            raise UsageError(
                f"the file cannot be locked: {error.strerror or error}",
                where=str(path),
                remedy="Copy it to a local file system that knows locks",
            ) from error

    def _is_current(self) -> bool:
        return self._descriptor >= 0 and os.path.samestat(os.fstat(self._descriptor), self._path.stat())

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(descriptor: int) -> str:
    """The process that holds a lock on an open file, as the kernel lists it; empty where that cannot be told."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    for line in lines:  # 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
            return fields[4]
    return ""
