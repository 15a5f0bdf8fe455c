"""summary.md."""

import re

import pytest

from loadtest.report.markdown import escaped, markdown
from tests.report.synthetic import Story, meta, summary


def _markdown(story: Story, **values: object) -> str:
    return markdown(summary(story, **values), meta(story, **values))


def test_the_verdict_is_the_heading() -> None:
    """A reviewer sees it first."""
    actual = _markdown(Story(lost_share=0.02)).splitlines()[0]

    assert actual == "## ❌ FAIL: load test made-up"


@pytest.mark.parametrize("story", [Story(), Story(lost_share=0.02, leaked=1), Story(emissions=0), Story(hold=0)])
def test_every_table_is_whole(story: Story) -> None:
    """Rows have as many cells as their heading, whatever is in them."""
    cells: list[set[int]] = []
    for line in _markdown(story).splitlines():
        if not line.startswith("|"):
            cells.append(set())
        else:
            cells = cells or [set()]
            cells[-1].add(len(re.findall(r"(?<!\\)\|", line)))

    actual = max(map(len, cells))

    assert actual == 1


def test_details_are_folded_and_closed() -> None:
    """A comment on a pull request stays short."""
    text = _markdown(Story())

    actual = (text.count("<details>"), text.count("</details>"), text.index("<details>") > text.index("p99"))

    assert (2, 2, True) == actual


def test_it_fits_a_comment() -> None:
    """GitHub takes 65,536 characters."""
    actual = len(_markdown(Story(lost_share=0.02, breached=tuple(range(30)))))

    assert actual < 65_536


@pytest.mark.parametrize("text", ["<img src=x>", "a|b", "@team", "[x](y)", "`x`", "*b*", "# h"])
def test_no_markup_comes_through(text: str) -> None:
    """Every character that Markdown acts on is escaped."""
    actual = re.sub(r"\\.", "", escaped(text))

    assert not set(actual) & set("<>|@[]`*#")


def test_a_hostile_server_name_is_text() -> None:
    """The server's name is not in sight as HTML."""
    actual = "<script>" in _markdown(Story(), embedded=False)

    assert not actual


def test_an_empty_summary_is_said() -> None:
    """No deliveries, no events: sentences in place of tables."""
    text = markdown({}, {})

    actual = ("INVALID" in text, "No event was expected or seen." in text)

    assert (True, True) == actual


def test_the_events_driven_are_in_sight() -> None:
    """A reviewer sees what the run did not do before opening anything."""
    text = _markdown(Story())

    actual = 0 < text.find("Events driven: 2 of 13; not driven: ") < text.index("<details>")

    assert actual
