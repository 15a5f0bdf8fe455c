"""Where emissions' time goes, stage by stage."""

from __future__ import annotations

from typing import Any

from loadtest.analysis.emissions import Emissions
from loadtest.analysis.service import STAGES, service
from loadtest.analysis.windows import timeline
from tests.analysis.builders import RunBuilder

EVENT = "message.created"


def _stages(run: RunBuilder) -> dict[str, Any]:
    data = run.build()
    return service(Emissions.of(data), timeline(data).full())


def _run(count: int = 40, **changes: Any) -> RunBuilder:
    """Emissions 1 ms late, 2 in the pool, answered after 4, seen by agents from 15 to 20, by the contact at 31."""
    run = RunBuilder(hold=count).users()
    for window in run.held:
        own = {"emitted": 1, "lateness_us": 1_000, "rest_wait_us": 2_000, "response_us": 4_000}
        values = {"expected": 3, "delivered": 3, "first_us": 15_000, "last_us": 20_000} | changes
        run.closing(window, f"m{window}", EVENT, "agent", **own | values)
        run.closing(window, f"m{window}", EVENT, "contact", expected=1, delivered=1, first_us=31_000, last_us=31_000)
    return run


def _ms(row: dict[str, Any], label: str = "p50") -> dict[str, float | None]:
    return {stage: None if (v := row[f"{stage}_{label}_ms"]) is None else round(v) for stage in STAGES}


def test_each_stage_has_its_own_time() -> None:
    """From due to dispatched, written, answered, first and last receiver, over all roles."""
    row = _stages(_run())[EVENT]

    assert {"lateness": 1, "wait": 2, "answer": 4, "first": 8, "spread": 16, "sent_first": 12} == _ms(row)
    assert (40, 40, 0.0) == (row["n"], row["spread_n"], row["before_answer_share"])


def test_a_frame_before_the_answer_takes_no_time_after_it() -> None:
    """The stage is empty then, and how often that was is told."""
    row = _stages(_run(first_us=5_000))[EVENT]

    assert (0, 2, 1.0) == (_ms(row)["first"], _ms(row)["sent_first"], row["before_answer_share"])


def test_an_emission_that_somebody_lost_has_no_spread() -> None:
    """Its first receiver is known, its last is not."""
    row = _stages(_run(delivered=2, lost=1))[EVENT]

    assert (40, 0, None) == (row["n"], row["spread_n"], _ms(row)["spread"])


def test_emissions_without_an_answer_are_left_out() -> None:
    """What is not known is not made up."""
    assert {} == _stages(_run(status="uncertain"))


def test_few_emissions_give_no_percentile() -> None:
    """A p99 of forty samples would be their maximum."""
    assert set(_ms(_stages(_run())[EVENT], "p99").values()) == {None}


def test_a_run_without_records_has_no_stages() -> None:
    """Nor does one whose emissions lie outside the hold."""
    assert {} == _stages(RunBuilder(hold=20).users())
