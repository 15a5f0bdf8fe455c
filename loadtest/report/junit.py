"""JUnit XML, which every CI system shows: a run or a comparison as a suite, a testcase per check.

The format has no standard; these are the elements that Jenkins, GitHub's and GitLab's readers agree on. A check that
broke its limit is a ``failure``, one that could not be measured an ``error``, one without enough data ``skipped``: the
exit code, not this file, says that nothing undecided has passed.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.nouns import many
from loadtest.report.wording import number, plain, unit_of

_ELEMENTS = {"FAIL": "failure", "INVALID": "error", "INCONCLUSIVE": "skipped"}


@dataclass(frozen=True, slots=True)
class Case:
    """One testcase.

    Attributes:
        name: what is judged.
        result: PASS, FAIL, INCONCLUSIVE or INVALID.
        message: why it is not PASS, in a line.
        text: the numbers.
    """

    name: str
    result: str
    message: str = ""
    text: str = ""


def of_run(summary: Mapping[str, Any]) -> str:
    """A run as JUnit XML: a testcase per check of its verdict, and one for the verdict.

    Args:
        summary: summary.json's content.
    """
    verdict, run = summary["verdict"], summary["run"]
    cases = [Case("verdict", verdict["result"], " ".join(verdict["reasons"]))]
    cases += [
        Case(check["name"], check["result"], check["note"] or _measured(check), _measured(check))
        for check in verdict["checks"]
    ]
    return _xml("loadtest", str(run.get("id") or ""), cases, number(run.get("duration_s")), run.get("started_at"))


def of_comparison(content: Mapping[str, Any]) -> str:
    """A comparison as JUnit XML: a testcase per primary metric, and one for the verdict.

    Args:
        content: compare.json's content.
    """
    from loadtest.report.comparison import changed, judged

    cases = [Case("verdict", content["result"], " ".join(content["reasons"]))]
    cases += [
        Case(row["name"], row["result"], row["why"] or changed(row), judged(row))
        for row in content["rows"]
        if row["primary"]
    ]
    return _xml("loadtest.compare", many(content["pairs"], "pair"), cases, None, None)


def _measured(check: Mapping[str, Any]) -> str:
    value = "not measured" if check["value"] is None else _with_unit(check["value"], check["unit"])
    limit = f"{'at most' if check['bound'] == 'max' else 'at least'} {_with_unit(check['limit'], check['unit'])}"
    interval = f", 95 % interval {check['interval'][0]} to {check['interval'][1]}" if check["interval"] else ""
    return f"{value}{interval}; {limit}"


def _with_unit(value: Any, unit: str) -> str:
    return f"{value} {unit_of(value, unit)}".rstrip()


def _xml(suite: str, name: str, cases: list[Case], duration_s: float | None, started_at: Any) -> str:
    counts = {kind: sum(_ELEMENTS.get(case.result) == kind for case in cases) for kind in _ELEMENTS.values()}
    numbers = {
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{duration_s or 0.0:.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": suite, **numbers})
    about = {"timestamp": str(started_at)} if started_at else {}
    element = ElementTree.SubElement(root, "testsuite", {"name": plain(f"{suite} {name}".strip()), **numbers, **about})
    for case in cases:
        at = ElementTree.SubElement(element, "testcase", {"classname": suite, "name": plain(case.name), "time": "0"})
        if case.result in _ELEMENTS:
            message = plain(f"{case.result}: {case.message}" if case.message else case.result)
            told = ElementTree.SubElement(at, _ELEMENTS[case.result], {"message": message, "type": case.result})
            told.text = plain(case.text)
        elif case.text:
            ElementTree.SubElement(at, "system-out").text = plain(case.text)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
