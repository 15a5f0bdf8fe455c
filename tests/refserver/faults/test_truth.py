"""The truth file: whole when the server ends, readable at any time, and never silently incomplete."""

import json
import threading
import time
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.refserver.faults.truth import TruthLine, TruthLog, line, read_truth

NOW_NS = 1_795_352_667_123_456_789


def written(path: Path, lines: list[TruthLine], *, unsent: int = 0) -> None:
    log = TruthLog(str(path))
    log.open(NOW_NS, "loss=2%", 7)
    for entry in lines:
        log.add(entry)
    log.close(NOW_NS, unsent)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Header, lines in their order, and the end."""
    lines = [line(NOW_NS + n, "cut", receiver=f"agent:{n}", role="agent", account=1) for n in range(3000)]
    written(tmp_path / "t", lines, unsent=2)
    truth = read_truth(tmp_path / "t")

    assert ("loss=2%", 7, True, 2, tuple(lines)) == (truth.faults, truth.seed, truth.whole, truth.unsent, truth.lines)


def test_a_line_always_has_its_six_keys(tmp_path: Path) -> None:
    """What every line answers is there even where it is empty; the rest only where it says something."""
    written(tmp_path / "t", [line(NOW_NS, "ping-delay", held_us=5, sockets=3)])
    second = json.loads((tmp_path / "t").read_text().splitlines()[1])

    assert second == {
        "t": 1795352667.123456,
        "kind": "ping-delay",
        "event": "",
        "mark": "",
        "receiver": "",
        "held_us": 5,
        "sockets": 3,
    }


def test_lines_are_there_before_the_end(tmp_path: Path) -> None:
    """A running server's truth can be read; it says that it is not whole."""
    log = TruthLog(str(tmp_path / "t"))
    log.open(NOW_NS, "", 0)
    log.add(line(NOW_NS, "cut"))
    deadline_s = time.monotonic() + 30
    while (tmp_path / "t").read_bytes().count(b"\n") < 2 and time.monotonic() < deadline_s:
        threading.Event().wait(0.01)
    truth = read_truth(tmp_path / "t")
    log.close(NOW_NS)

    assert (1, False) == (len(truth.lines), truth.whole)


def test_a_file_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    """Half a line at the end is ignored, and the file is known not to be whole."""
    written(tmp_path / "t", [line(NOW_NS, "cut"), line(NOW_NS, "cut")])
    data = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(data[: data.rfind(b'{"t"') - 10])
    truth = read_truth(tmp_path / "t")

    assert (1, False) == (len(truth.lines), truth.whole)


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    """The last line knows how many there were."""
    written(tmp_path / "t", [line(NOW_NS, "cut"), line(NOW_NS, "cut")])
    lines = (tmp_path / "t").read_bytes().splitlines(keepends=True)
    (tmp_path / "t").write_bytes(b"".join([lines[0], *lines[2:]]))

    assert read_truth(tmp_path / "t").whole is False


@pytest.mark.parametrize("data", [b"", b"{}\n", b'{"a":1}\n', b"hello\n"])
def test_another_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """What is no truth file is refused with its place."""
    (tmp_path / "t").write_bytes(data)

    with pytest.raises(UsageError, match="t"):
        read_truth(tmp_path / "t")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path without a file is a usage error."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_truth(tmp_path / "none")


def test_a_file_that_cannot_be_made_is_refused_at_once(tmp_path: Path) -> None:
    """The error comes before anything is served."""
    with pytest.raises(UsageError, match="cannot be written"):
        TruthLog(str(tmp_path / "none" / "t")).open(NOW_NS, "", 0)


def test_a_full_disk_is_told_at_once_and_at_the_end() -> None:
    """A truth that cannot be kept ends in an error, with a call as soon as it is known."""
    failed = threading.Event()
    log = TruthLog("/dev/full")
    log.on_failure = failed.set
    log.open(NOW_NS, "", 0)
    log.add(line(NOW_NS, "cut"))

    assert failed.wait(30)
    with pytest.raises(UsageError, match="No space left"):
        log.check()
    with pytest.raises(UsageError, match="No space left"):
        log.close(NOW_NS)


def test_without_a_path_nothing_is_kept() -> None:
    """No file, no thread, and nothing to close."""
    log = TruthLog(None)
    log.open(NOW_NS, "", 0)
    log.add(line(NOW_NS, "cut"))
    log.close(NOW_NS)

    assert log.is_kept is False
