"""JUnit XML of runs and comparisons."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from loadtest.analysis.compare import compare
from loadtest.report import junit
from tests.analysis.runs import summary as compared
from tests.report.synthetic import Story, summary


def cases(xml: str) -> dict[str, ElementTree.Element]:
    """The testcases by name."""
    return {str(case.get("name")): case for case in ElementTree.fromstring(xml).iter("testcase")}


@pytest.mark.parametrize("story", [Story(), Story(lost_share=0.05, leaked=1), Story(agents=0, contacts=0, emissions=0)])
def test_every_check_is_a_testcase(story: Story) -> None:
    """With the verdict as one more; the counts are those of the cases."""
    content = summary(story)
    xml = junit.of_run(content)
    root = ElementTree.fromstring(xml)

    assert {"verdict", *(check["name"] for check in content["verdict"]["checks"])} == set(cases(xml))
    assert int(root.get("tests", "")) == len(list(root.iter("testcase")))
    assert int(root.get("failures", "")) == len(list(root.iter("failure")))


@pytest.mark.parametrize(
    ("result", "element"), [("FAIL", "failure"), ("INVALID", "error"), ("INCONCLUSIVE", "skipped"), ("PASS", None)]
)
def test_each_result_has_its_element(result: str, element: str | None) -> None:
    """What every reader of JUnit XML knows."""
    content: dict[str, Any] = summary(Story())
    content["verdict"]["checks"][0] |= {"result": result, "note": "why it is so"}
    case = cases(junit.of_run(content))[content["verdict"]["checks"][0]["name"]]
    children = [child for child in case if child.tag != "system-out"]

    assert ([element] if element else []) == [child.tag for child in children]
    assert all(child.get("message") == f"{result}: why it is so" for child in children)


def test_a_limit_of_one_is_singular() -> None:
    """As in the report's own table."""
    text = cases(junit.of_run(summary(Story())))["connected"].findtext("system-out") or ""

    assert text.endswith("; at least 1 user")


def test_text_from_outside_stays_text() -> None:
    """Markup and control characters break no parser."""
    content: dict[str, Any] = summary(Story())
    content["verdict"]["checks"][0] |= {"result": "FAIL", "note": "<b>&\x00\x1b[31m ]]>"}
    name = content["verdict"]["checks"][0]["name"]
    (failure,) = cases(junit.of_run(content))[name]

    assert str(failure.get("message")).startswith("FAIL: <b>&")


def test_a_comparison_has_a_testcase_per_primary() -> None:
    """Metrics that do not decide are no tests."""
    content = compare([compared("a"), compared("b")], [compared("c", leaked=1), compared("d")]).as_dict()
    found = cases(junit.of_comparison(content))

    assert {"verdict", *(row["name"] for row in content["rows"] if row["primary"])} == set(found)
    assert "FAIL: Leaked in c: 1 of message.created." == found["verdict"][0].get("message")
