"""What a probe has found: a line for each question, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "note", "warning", "fail", "untested"]
Result = Literal["PASS", "FAIL", "INCONCLUSIVE"]

EXIT_CODES: Mapping[Result, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}

DECISIVE = "delivery"
"""The question without whose answer a probe proves little: does what REST causes reach sockets."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    Attributes:
        name: the question, in a word or two; stable.
        state: ``ok`` as it should be, ``note`` worth knowing, ``warning`` in the way of a load test, ``fail`` broken,
            ``untested`` not asked.
        value: what was seen.
        meaning: what that means for a run; may be empty.
        remedy: what to do about it, as an instruction; empty where nothing is to be done.
        data: the same for programs.
    """

    name: str
    state: State
    value: str
    meaning: str = ""
    remedy: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "state": self.state,
            "value": self.value,
            "meaning": self.meaning,
            "remedy": self.remedy,
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Everything a probe has found.

    Attributes:
        url: the installation, without secrets.
        started_at: ISO 8601, UTC.
        took_s: how long it took.
        findings: in the order they are shown.
    """

    url: str
    started_at: str
    took_s: float
    findings: tuple[Finding, ...]

    @property
    def result(self) -> Result:
        """FAIL where something is broken, INCONCLUSIVE where delivery was not tested, else PASS."""
        if any(finding.state == "fail" for finding in self.findings):
            return "FAIL"
        tested = any(finding.name == DECISIVE and finding.state != "untested" for finding in self.findings)
        return "PASS" if tested else "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """The verdict's."""
        return EXIT_CODES[self.result]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "schema": 1,
            "url": self.url,
            "started_at": self.started_at,
            "took_s": round(self.took_s, 3),
            "result": self.result,
            "exit_code": self.exit_code,
            "findings": [finding.as_dict() for finding in self.findings],
        }
