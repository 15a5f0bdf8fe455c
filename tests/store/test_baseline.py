"""Packed baselines: whole round trips, and everything else refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.store.baseline import MOST_BYTES, SCHEMA_VERSION, is_baseline, pack, unpack
from tests.analysis.runs import summary

RUNS = [summary("a"), summary("b", p99="inf", p_a=0.5)]


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Two runs in a file."""
    path = tmp_path / "main.baseline"
    pack(RUNS, path)
    return path


def rewritten(path: Path, **parts: bytes) -> Path:
    """The file with other contents of some of its parts."""
    with zipfile.ZipFile(path) as archive:
        before = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**before, **{f"{name}.json": data for name, data in parts.items()}}.items():
            archive.writestr(name, data)
    return path


def header_of(path: Path) -> dict[str, object]:
    """What the file says of itself."""
    with zipfile.ZipFile(path) as archive:
        return dict(json.loads(archive.read("baseline.json")))


def test_what_was_packed_is_read(packed: Path) -> None:
    """Runs come back as they went in, infinite values included."""
    assert unpack(packed) == RUNS


def test_the_same_runs_give_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    """A repository sees no change where there is none."""
    pack(RUNS, tmp_path / "again")

    assert (tmp_path / "again").read_bytes() == packed.read_bytes()


def test_a_baseline_is_told_from_a_run(packed: Path, tmp_path: Path) -> None:
    """By its first bytes; a missing file is none."""
    (tmp_path / "run.sqlite").write_bytes(b"SQLite format 3\0")

    assert (is_baseline(packed), is_baseline(tmp_path / "run.sqlite"), is_baseline(tmp_path / "none")) == (
        True, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_off_file_is_refused(packed: Path, share: float) -> None:
    """Wherever it was cut."""
    data = packed.read_bytes()
    packed.write_bytes(data[: int(share * len(data))])

    with pytest.raises(UsageError, match="cut off or damaged"):
        unpack(packed)


def test_changed_content_is_refused(packed: Path) -> None:
    """A number changed by hand does not match the hash."""
    runs = json.loads(json.dumps(RUNS))
    runs[0]["cable"]["connect_p99_ms"] = 99.0

    with pytest.raises(UsageError, match="SHA-256"):
        unpack(rewritten(packed, runs=json.dumps(runs).encode()))


@pytest.mark.parametrize(("step", "age"), [(-1, "an older"), (1, "a newer")])
def test_another_layout_is_refused(packed: Path, step: int, age: str) -> None:
    """With what to do about it."""
    header = {**header_of(packed), "schema_version": SCHEMA_VERSION + step}

    with pytest.raises(UsageError, match=f"{age} release packed this baseline.*Pack it again"):
        unpack(rewritten(packed, baseline=json.dumps(header).encode()))


@pytest.mark.parametrize(
    "parts",
    [
        {"baseline": b'{"kind": "something", "schema_version": 1}'},
        {"baseline": b"[]"},
        {"baseline": b"{"},
        {"more": b"{}"},
    ],
    ids=["kind", "list", "half", "more"],
)
def test_another_archive_is_refused(packed: Path, parts: dict[str, bytes]) -> None:
    """A zip file that is none of ours."""
    with pytest.raises(UsageError, match=r"no baseline|damaged"):
        unpack(rewritten(packed, **parts))


def test_nan_is_refused(packed: Path) -> None:
    """Even with the right hash: NaN is no JSON, and no number to compare."""
    import hashlib

    content = json.dumps([{"x": float("nan")}]).encode()
    header = {**header_of(packed), "sha256": hashlib.sha256(content).hexdigest()}

    with pytest.raises(UsageError, match="NaN is no JSON"):
        unpack(rewritten(packed, baseline=json.dumps(header).encode(), runs=content))
    with pytest.raises(ValueError, match="JSON"):
        pack([{"run": {"id": "x"}, "y": float("nan")}], packed)


def test_a_bomb_is_refused(packed: Path) -> None:
    """What would unpack to more than any baseline is not unpacked."""
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("baseline.json", "{}")
        archive.writestr("runs.json", bytes(MOST_BYTES + 1))

    with pytest.raises(UsageError, match="would unpack to"):
        unpack(packed)


def test_missing_and_unwritable_files_are_told(tmp_path: Path) -> None:
    """One line with the path."""
    with pytest.raises(UsageError, match="cannot be read"):
        unpack(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot be written"):
        pack(RUNS, tmp_path / "no" / "folder")


def test_nothing_is_no_baseline(tmp_path: Path) -> None:
    """At least one run."""
    with pytest.raises(ValueError, match="needs a run"):
        pack([], tmp_path / "x")
