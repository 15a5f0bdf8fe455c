"""A soak in a terminal and as Markdown."""

import pytest

from loadtest.analysis.budget import parse_budget
from loadtest.analysis.soak import judge
from loadtest.report.soak_text import markdown, terminal
from tests.analysis.soaks import Story, data

MEMORY = '[target]\nrss_bytes = "1 MB/h"\n'


@pytest.mark.parametrize(
    ("story", "text", "word"),
    [
        (Story(leak=3e6), MEMORY, "FAIL"),
        (Story(), MEMORY, "PASS"),
        (Story(hours=1.0), '[target]\nrss_bytes = "10 kB/h"', "INCONCLUSIVE"),
        (Story(), None, "NOT JUDGED"),
    ],
)
def test_the_first_word_is_the_verdict(story, text, word):
    """Terminal and Markdown begin with it."""
    soak = judge(data(story), parse_budget(text) if text else None)

    assert terminal(soak, "run").startswith(f"{word}  soak of run")
    assert f"{word}: soak run" in markdown(soak, "run").splitlines()[0]


def test_strangers_names_do_no_harm():
    """Control characters reach no terminal, markup no page."""
    soak = judge(data(Story(source="a\x1b[31m|b")), parse_budget(MEMORY))

    assert "\x1b" not in terminal(soak, "x\x1b[0m")
    assert "\\|b" in markdown(soak, "run")


def test_markdown_has_a_row_a_level():
    """Growth, interval and budget stand in one row."""
    text = markdown(judge(data(Story(leak=3e6)), parse_budget(MEMORY)), "run")

    assert "| rss\\_bytes of the target (It grew faster than allowed, and still did in the last half.) |" in text
    assert "| 1 MB/h | FAIL |" in text
