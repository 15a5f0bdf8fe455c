"""Listening to a search; the search itself is in e2e."""

from __future__ import annotations

from loadtest.drive.capacity import Listener
from loadtest.drive.locustfile import SEARCH, write_locustfile


def test_lines_of_the_search_are_handed_on_as_they_come(tmp_path):
    """Whole ones, once each, and nothing that others said."""
    said = []
    path = tmp_path / "x.err"
    listener = Listener(path, said.append)
    listener.listen()
    path.write_text("noise\nloadtest: search: step 1\nloadtest: sea", encoding="utf-8")
    listener.listen()
    with path.open("a", encoding="utf-8") as file:
        file.write("rch: step 2\nloadtest: other\n")
    listener.listen()
    listener.listen()

    assert said == ["step 1", "step 2"]


def test_what_an_earlier_part_said_is_not_said_again(tmp_path):
    """A search that is gone on with writes behind what is there."""
    said = []
    path = tmp_path / "x.err"
    path.write_text("loadtest: search: long ago\n", encoding="utf-8")

    Listener(path, said.append).listen()

    assert said == []


def test_its_locustfile_comes_with_the_package(tmp_path):
    """The wheel alone is enough."""
    text = write_locustfile(tmp_path, SEARCH).read_text(encoding="utf-8")

    assert "CapacityShape" in text
