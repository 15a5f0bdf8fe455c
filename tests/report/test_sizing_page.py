"""sizing.html."""

from __future__ import annotations

import json

import pytest

from loadtest.analysis.scaling import scaling
from loadtest.analysis.sizing import Asked, size
from loadtest.errors import UsageError
from loadtest.report.sizing_page import of_scaling, of_sizing, write
from tests.report.searches import content


@pytest.mark.parametrize("rate", [17.5, 34.0, 90.0])
def test_every_answer_has_a_page(rate):
    """Whole, without anything that only a run has, and asking nobody for anything."""
    page = of_sizing(size(Asked(100, 50, rate), [content()]), [content()], ["one"])

    assert page.rstrip().endswith("</html>")
    assert "<script" not in page
    assert 'src="http' not in page
    assert 'id="moments"' not in page
    assert 'id="checks"' not in page
    assert "· run" not in page


def test_the_word_is_how_full_it_is():
    """And where nothing is told, that."""
    told, outside = (of_sizing(size(Asked(100, 50, r), [content()]), [content()], ["one"]) for r in (17.5, 90.0))

    assert "48.8 % FULL" in told
    assert "NOT TOLD" in outside


def test_growth_has_a_page():
    """With the command that makes it again."""
    answers = [content(), content("generator")]
    page = of_scaling(scaling([1, 2], answers), answers, ["a folder", "two"], "1,2")

    assert "at least 100" in page
    assert "loadtest sizing &#39;a folder&#39; two --scaling 1,2 --out DIR" in page


def test_names_from_strangers_are_escaped():
    """Neither a folder nor a target can bring markup."""
    made = content()
    made["run"]["target"] = {"url": "http://x/<b>"}

    assert "<b>" not in of_sizing(size(Asked(100, 50, 17.5), [made]), [made], ["<b>"])


def test_it_is_written_beside_its_values(tmp_path):
    """Into a folder that is made; one that cannot be is named."""
    page, values = "page", {"share": 0.5}
    write(tmp_path / "new", values, page)

    assert json.loads((tmp_path / "new" / "sizing.json").read_text(encoding="utf-8")) == values
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError):
        write(tmp_path / "file", values, page)
