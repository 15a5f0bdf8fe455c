"""A packed baseline: what comparisons need of some runs, in one small file fit for a repository or a CI cache.

A zip archive of two JSON documents: ``baseline.json`` says what it is, which layout it has, and the SHA-256 of the
other; ``runs.json`` holds the runs' summaries. The same runs give the same bytes, so that a repository sees no change
where there is none. Reading it needs no trust in who carried it: anything but what was packed is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from loadtest.errors import UsageError

KIND: Final = "onechat-loadtest baseline"
SCHEMA_VERSION: Final = 1
"""Raised when the layout changes, or the meaning of a summary's key that comparisons read."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""A file that unpacks to more is none of ours."""

_HEADER: Final = "baseline.json"
_RUNS: Final = "runs.json"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MAGIC: Final = b"PK\x03\x04"


def is_baseline(path: Path) -> bool:
    """Whether a path is a zip archive rather than a run; what is in it shows when it is read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def pack(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a baseline; the file appears whole or not at all, and replaces one that is there.

    Args:
        runs: contents of summary.json, at least one.
        path: where to.

    Raises:
        UsageError: it cannot be written.
        ValueError: there is no run, or a value has no JSON form.
    """
    if not runs:
        raise ValueError("a baseline needs a run")
    content = json.dumps(list(runs), allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
    header = {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "runs": [run["run"]["id"] for run in runs],
    }
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, data in ((_HEADER, json.dumps(header, indent=2).encode()), (_RUNS, content)):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data, compresslevel=9)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise UsageError(
            f"the baseline cannot be written ({error.strerror or error})",
            where=str(path),
            remedy="Name a file in a folder you may write to",
        ) from error


def unpack(path: Path) -> list[dict[str, Any]]:
    """The runs of a baseline, as they were packed.

    Raises:
        UsageError: it cannot be read, is no baseline, is damaged, or was packed by a release with another layout.
    """
    header, content = _read(path)
    version = header.get("schema_version")
    if header.get("kind") != KIND or not isinstance(version, int):
        raise UsageError("this is no baseline", where=str(path), remedy="Name what `loadtest baseline pack` wrote")
    if version != SCHEMA_VERSION:
        age = "an older" if version < SCHEMA_VERSION else "a newer"
        raise UsageError(
            f"{age} release packed this baseline (layout {version}, this one reads {SCHEMA_VERSION})",
            where=str(path),
            remedy="Pack it again from its run folders with this release, or use the release that packed it",
        )
    if hashlib.sha256(content).hexdigest() != header.get("sha256"):
        raise _damaged(path, "its content is not what was packed, by its SHA-256")
    runs = _parsed(path, content)
    if not isinstance(runs, list) or not runs or not all(isinstance(run, dict) for run in runs):
        raise _damaged(path, "it holds no runs")
    return runs


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {entry.filename: entry.file_size for entry in archive.infolist()}
            if set(names) != {_HEADER, _RUNS}:
                raise UsageError(
                    "this is no baseline", where=str(path), remedy="Name what `loadtest baseline pack` wrote"
                )
            if sum(names.values()) > MOST_BYTES:
                raise _damaged(path, f"it would unpack to {sum(names.values()):,} bytes")
            header = _parsed(path, archive.read(_HEADER))
            content = archive.read(_RUNS)
    except OSError as error:
        raise UsageError(
            f"the baseline cannot be read ({error.strerror or error})",
            where=str(path),
            remedy="Check the path and its rights",
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(header, dict):
        raise _damaged(path, f"{_HEADER} is no object")
    return header, content


def _parsed(path: Path, text: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(
        f"the baseline is cut off or damaged ({why})", where=str(path), remedy="Copy it again, or pack it again"
    )
