"""Files of lines that a process keeps for itself, and what is wrong usage of them."""

import msgspec
import pytest

from loadtest.collect.delivery_log import read_deliveries
from loadtest.collect.line_log import LineLog, read_lines
from loadtest.collect.presence_log import read_log
from loadtest.errors import UsageError


def test_what_was_written_is_read(tmp_path):
    """In its order; the folder is made, and what the file held before is gone."""
    for numbers in ([1], [2, 3]):
        log = LineLog(tmp_path / "new" / "log")
        for n in numbers:
            log.write(b"%d\n" % n)
        log.close()

    assert [2, 3] == read_lines(tmp_path / "new" / "log", msgspec.json.Decoder(int).decode, "numbers")


def test_a_place_that_cannot_be_written_is_wrong_usage(tmp_path):
    """A file where a folder must be."""
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="cannot be written"):
        LineLog(tmp_path / "file" / "log")


@pytest.mark.parametrize(
    ("read", "what"),
    [(lambda path: read_deliveries([path]), "deliveries"), (read_log, "presence")],
    ids=["deliveries", "presence"],
)
@pytest.mark.parametrize("text", [None, "{}", "nothing"])
def test_what_is_no_log_is_wrong_usage(tmp_path, read, what, text):
    """A missing file, one of something else, and one of no JSON: each by its name."""
    path = tmp_path / "log"
    if text is not None:
        path.write_text(text)

    with pytest.raises(UsageError, match="cannot be read" if text is None else f"no log of {what}") as told:
        read(path)
    assert str(path) == told.value.where
