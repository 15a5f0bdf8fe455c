"""The regression gate's verdict over all metrics."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from loadtest.analysis.compare import compare
from tests.analysis.runs import summary

SEED = 20261123


def arms(pairs=8, effect=0.0, noise=0.02, seed=SEED, **candidate):
    """Runs of two builds whose latencies vary by ``noise``; the candidate's are longer by ``effect``."""
    rng = np.random.default_rng(seed)

    def run(arm, n, factor, **more):
        p99, connect = factor * 40 * math.exp(rng.normal(0, noise)), 30 * math.exp(rng.normal(0, noise))
        p_a = 0.98 + rng.normal(0, 0.001)
        return summary(f"{arm}-{n}", p99=p99, connect=connect, p_a=p_a, **more)

    return (
        [run("base", n, 1.0) for n in range(pairs)],
        [run("cand", n, 1.0 + effect, **candidate) for n in range(pairs)],
    )


def test_equal_builds_pass():
    """Eight quiet pairs of the same build."""
    found = compare(*arms())

    assert ("PASS", 0, [], 8) == (found.result, found.exit_code, found.reasons, found.pairs)


def test_a_slower_build_fails_by_the_metric_that_is_slower():
    """30 % more latency to both roles; nothing else is blamed."""
    found = compare(*arms(effect=0.3))

    assert ("FAIL", 1) == (found.result, found.exit_code)
    assert ["agent", "contact"] == [reason.split(".")[3] for reason in found.reasons]
    assert all("against a margin of 5%" in reason for reason in found.reasons)


def test_a_faster_build_passes():
    """Better is good enough."""
    assert "PASS" == compare(*arms(effect=-0.3)).result


def test_noise_is_inconclusive_and_says_how_many_pairs_it_takes():
    """Five pairs on a loud machine decide nothing, and ask for more."""
    found = compare(*arms(pairs=5, noise=0.15))

    assert ("INCONCLUSIVE", 3) == (found.result, found.exit_code)
    assert found.more_pairs is not None
    assert found.more_pairs > 5


def test_a_lost_promille_fails_by_delivery():
    """About one delivery in a thousand is lost in every run of the candidate, none before."""
    base, _ = arms()
    rng = np.random.default_rng(SEED)
    lossy = [
        summary(f"c{n}", p99=run["fanout"]["message.created"]["agent"]["p99_ms"], lost=int(rng.poisson(20)))
        for n, run in enumerate(base)
    ]
    found = compare(base, lossy)
    (row,) = [row for row in found.rows if row.name == "delivery.lost"]

    assert ("FAIL", "FAIL") == (found.result, row.result)
    assert any(reason.startswith("delivery.lost") for reason in found.reasons)


def test_a_target_that_loses_as_much_as_before_passes():
    """Losses in both arms at the same rate are no regression."""
    rng = np.random.default_rng(SEED)
    base, cand = arms(pairs=10)
    for run in (*base, *cand):
        run["delivery"]["message.created"]["lost"] = int(rng.poisson(20))

    assert "PASS" == compare(base, cand).result


def test_one_leak_fails_at_once():
    """Whatever else holds; it is named with its run and event."""
    base, cand = arms(pairs=2)
    cand[1]["delivery"]["message.created"]["leaked"] = 1
    found = compare(base, cand)

    assert ("FAIL", "Leaked in cand-1: 1 of message.created.") == (found.result, found.reasons[0])


def test_a_frame_in_the_wrong_hands_fails_although_the_baseline_has_one():
    """No margin is meant for it: nine thousand are no more excused by one than by none."""
    base, cand = arms()
    for run, n in ((base[0], 1), (cand[0], 9_000)):
        run["contract"] = {
            "violations": {"private_to_contact": n},
            "leaks": [{"kind": "private_to_contact", "role": "contact", "n": n, "events": {}}],
        }
    found = compare(base, cand)

    assert ("FAIL", "Frames in the wrong hands in cand-0: private_to_contact (9,000).") == (
        found.result, found.reasons[0],
    )  # fmt: skip


def test_a_candidate_that_keeps_users_out_fails():
    """Nothing is lost to who was never subscribed, and nobody waits for it."""
    base, cand = arms()
    rng = np.random.default_rng(SEED)
    for run in (*base, *cand):
        share = 1.0 if run in base else 0.7 + rng.normal(0, 0.01)
        run["users"] = {"agent": {"connected_time_share": share}, "contact": {"connected_time_share": 1.0}}
    found = compare(base, cand)

    assert ("FAIL", ["users.agent.connected_time_share"]) == (
        found.result, [reason.split(":")[0] for reason in found.reasons],
    )  # fmt: skip


@pytest.mark.parametrize(("before", "result"), [({}, "FAIL"), ({"wrong_type": 4}, "PASS")])
def test_only_new_violations_of_the_contract_fail(before, result):
    """A kind that the baseline has, too, is no regression."""
    base, cand = arms()
    base[0]["contract"]["violations"] = before
    cand[0]["contract"]["violations"] = {"wrong_type": 2}

    assert result == compare(base, cand).result


def infinite(runs):
    """Let agents lose more than one percent in these runs."""
    for run in runs:
        run["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = "inf"


def p99_of_agents(found):
    """The row of the agents' p99 with its losses."""
    return next(row for row in found.rows if row.name == 'fanout."message.created".agent.p99_incl_lost_ms')


def test_more_than_a_percent_lost_fails_the_percentile():
    """Infinite p99s of the candidate alone are no numbers to average, but a failure."""
    base, cand = arms()
    infinite(cand)
    found = compare(base, cand)

    assert ("FAIL", "FAIL") == (found.result, p99_of_agents(found).result)
    assert p99_of_agents(found).why == "more than 1 % lost in 8 runs of the candidate, 0 before"


def test_a_single_infinite_percentile_is_neither_passed_over_nor_a_failure():
    """One run of eight may be chance, and is never a PASS."""
    base, cand = arms()
    infinite(cand[:1])
    found = compare(base, cand)

    assert ("INCONCLUSIVE", "INCONCLUSIVE") == (found.result, p99_of_agents(found).result)


@pytest.mark.parametrize("loss", [0.008, 0.01])
def test_a_target_that_loses_about_a_percent_hardly_ever_fails_against_itself(loss):
    """Whether a run loses more than the percent that its p99 bears is a coin's toss then: at most 2 % FAIL."""
    rng = np.random.default_rng(SEED)
    failed = 0
    for _ in range(100):
        arms_of_one = shared_machine(rng, 8)
        for run in (*arms_of_one[0], *arms_of_one[1]):
            lost = run["delivery"]["message.created"]["lost"] = int(rng.poisson(20_000 * loss * rng.lognormal(0, 0.1)))
            if lost > 200:
                infinite([run])
        failed += compare(*arms_of_one).result == "FAIL"

    assert failed <= 2, (SEED, failed)


def test_invalid_runs_are_left_out_with_their_pair():
    """Their numbers are the generator's; the reader is told."""
    base, cand = arms()
    base[0]["verdict"]["result"] = "INVALID"
    found = compare(base, cand)

    assert (7, "1 of 16 runs are INVALID and left out: base-0.") == (found.pairs, found.warnings[0])


def test_what_to_do_about_invalid_runs_is_said_once():
    """The first one's reason is whole, the others' are their first sentences."""
    base, cand = arms()
    for run in base[:2]:
        run["verdict"] |= {"result": "INVALID", "reasons": ["generator valid: 9.5 % marked. Take another machine."]}
    found = compare(base, cand)

    told = "base-0 (generator valid: 9.5 % marked. Take another machine), base-1 (generator valid: 9.5 % marked)."
    assert f"2 of 16 runs are INVALID and left out: {told}" == found.warnings[0]


def test_nothing_valid_is_inconclusive():
    """When all pairs fell out, nothing passes."""
    base, cand = arms(pairs=2)
    for run in cand:
        run["verdict"]["result"] = "INVALID"

    assert ("INCONCLUSIVE", 0) == (compare(base, cand).result, compare(base, cand).pairs)


@pytest.mark.parametrize("pairs", [1, 2])
def test_few_pairs_never_pass_on_equal_numbers(pairs):
    """One pair, or pairs without any variance, show no noise."""
    runs = [summary(f"r{n}") for n in range(pairs)]

    assert "INCONCLUSIVE" == compare(runs, runs).result


def test_too_few_deliveries_do_not_bound_a_loss():
    """No loss in 400 deliveries says little: the metric asks for the number that would do."""
    base, cand = arms(expected=50)
    found = compare(base, cand)
    (row,) = [row for row in found.rows if row.name == "delivery.lost"]

    assert ("INCONCLUSIVE", True) == (row.result, "5,990 would do" in row.why)


def test_percentiles_without_enough_samples_decide_nothing():
    """None in place of a percentile is no pair."""
    base, cand = arms()
    for run in cand:
        run["fanout"]["message.created"]["contact"]["p99_incl_lost_ms"] = None

    assert "INCONCLUSIVE" == compare(base, cand).result


def test_holm_guards_against_many_primaries():
    """Equal builds on a loud machine hardly ever fail although nine metrics are looked at."""
    failed = sum(compare(*arms(noise=0.06, seed=seed)).result == "FAIL" for seed in range(100))

    assert failed <= 1


def shared_machine(rng, pairs, **effects):
    """Runs on a shared machine: each metric varies by 4 % from run to run and drifts by 2 %; in ABBA order."""
    runs = 2 * pairs
    noise = rng.normal(0, 0.04, (3, runs)) + rng.normal(0, 0.02, (3, runs)).cumsum(axis=1)
    presence, lost, errors = rng.normal(0.98, 0.002, runs), rng.poisson(2, runs), rng.poisson(0.3, runs)
    found = ([], [])
    for n in range(runs):
        arm = (0, 1, 1, 0)[n % 4]
        effect = effects if arm else {}
        agent, contact, connect = np.exp(noise[:, n])
        run = summary(
            f"{'ab'[arm]}{n}",
            p99=40 * agent * (1 + effect.get("p99", 0)),
            connect=30 * connect,
            p_a=float(presence[n]),
            lost=int(lost[n] + rng.poisson(effect.get("lost", 0) * 20_000)),
            errors=int(errors[n]),
        )
        slower = {"p50_ms": 5.0 * contact, "p99_incl_lost_ms": 44 * contact * (1 + effect.get("p99", 0))}
        run["fanout"]["message.created"]["contact"] = slower
        found[arm].append(run)
    return found


def shares(pairs, repeats=300, looks=1, **effects):
    """How often each verdict came over all primaries, as shares."""
    rng = np.random.default_rng(SEED)
    found = [compare(*shared_machine(rng, pairs, **effects), looks=looks).result for _ in range(repeats)]
    return {result: found.count(result) / repeats for result in ("PASS", "FAIL", "INCONCLUSIVE")}


@pytest.mark.parametrize("pairs", [5, 8])
def test_the_whole_gate_hardly_ever_fails_a_build_against_itself(pairs):
    """Nine primaries on a shared machine: at most 1 % FAIL."""
    found = shares(pairs)

    assert found["FAIL"] <= 0.01, (SEED, found)


def test_the_whole_gate_finds_a_large_regression():
    """20 % more latency, 8 pairs, a margin of 5 %: found at least 90 % of the time after Holm, and never passed."""
    found = shares(8, p99=0.20)

    assert found["FAIL"] >= 0.90, (SEED, found)
    assert found["PASS"] == 0, (SEED, found)


def test_the_whole_gate_finds_a_promille_lost():
    """0.1 % of 20,000 deliveries a run, 8 pairs, a margin of 0.05 points: found at least 90 % of the time."""
    found = shares(8, lost=0.001)

    assert found["FAIL"] >= 0.90, (SEED, found)
    assert found["PASS"] == 0, (SEED, found)


def test_two_declared_looks_fail_no_more_often_than_one():
    """Look at 5 pairs, and at 10 if that decided nothing: still at most 1 % FAIL against itself."""
    rng = np.random.default_rng(SEED)
    failed = 0
    for _ in range(200):
        base, cand = shared_machine(rng, 10)
        first = compare(base[:5], cand[:5], looks=2).result
        failed += "FAIL" == (compare(base, cand, looks=2).result if first == "INCONCLUSIVE" else first)

    assert failed / 200 <= 0.01, SEED


def test_a_percentile_that_was_never_measured_cannot_pass():
    """Too few emissions in all runs of both arms: the latency is unknown, whatever else is fine."""
    base, cand = arms()
    for run in (*base, *cand):
        run["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = None
    found = compare(base, cand)

    assert ("INCONCLUSIVE", True) == (found.result, "too few emissions" in found.reasons[0])


def test_a_connect_time_that_was_never_measured_is_told():
    """A small population has no p99 of connects; the rest decides."""
    base, cand = arms()
    for run in (*base, *cand):
        run["cable"]["connect_p99_ms"] = None
    found = compare(base, cand)

    assert ("PASS", True) == (found.result, "cable.connect_p99_ms was measured in no run" in found.warnings[0])


@pytest.mark.parametrize("name", ["p_a", "p99"])
def test_nan_is_no_value(name):
    """It is neither compared nor passed over in silence."""
    base, cand = arms(pairs=4)
    for run in cand:
        if name == "p_a":
            run["presence"]["agent"]["p_a"] = math.nan
        else:
            run["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = math.nan

    assert "INCONCLUSIVE" == compare(base, cand).result


def test_a_lost_target_fails():
    """A candidate whose server died during a run, where the baseline's never did."""
    base, cand = arms()
    cand[2]["run"]["target_lost"] = True

    assert ("FAIL", "The target was lost during cand-2, and in no run of the baseline.") == (
        compare(base, cand).result, compare(base, cand).reasons[0],
    )  # fmt: skip


def test_what_remains_of_many_invalid_pairs_cannot_pass():
    """More than a quarter left out is a selection."""
    base, cand = arms()
    for run in cand[:3]:
        run["verdict"]["result"] = "INVALID"
    found = compare(base, cand)

    assert ("INCONCLUSIVE", True) == (found.result, found.reasons[0].startswith("3 of 8 are left out"))


def test_pairs_without_a_value_are_told():
    """However the rest of them decides."""
    base, cand = arms()
    cand[0]["fanout"]["message.created"]["agent"]["p99_incl_lost_ms"] = None
    (row,) = [one for one in compare(base, cand).rows if one.name.endswith("agent.p99_incl_lost_ms")]

    assert "1 of 8 pairs have no value" in row.why


def test_metrics_that_do_not_decide_have_q_values():
    """Benjamini and Hochberg's; those that decide have Holm's."""
    rows = compare(*arms(effect=0.3)).rows

    assert all((row.q is None) == row.primary for row in rows if row.p_worse is not None)


def test_runs_apart_are_compared_with_a_warning():
    """Different numbers of runs, not interleaved."""
    base, cand = arms(pairs=9, effect=0.5)
    found = compare(base[:5], cand, paired=False)

    assert ("FAIL", True) == (found.result, "not interleaved" in found.warnings[0])


@pytest.mark.parametrize("runs", [([], []), ([summary()], []), ([summary()], [summary(), summary()])])
def test_what_is_no_pair_is_refused(runs):
    """Empty or uneven arms are the caller's mistake."""
    with pytest.raises(ValueError, match="run"):
        compare(*runs)


def test_the_result_is_plain_json():
    """Infinite values are strings; nothing needs a special parser."""
    base, cand = arms()
    infinite(cand)
    text = json.dumps(compare(base, cand).as_dict(), allow_nan=False)

    assert '"inf"' in text
