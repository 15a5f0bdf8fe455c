"""A point of a sweep, read off a run's summary."""

from loadtest.analysis.presence_sweep import point


def summary(**presence):
    """As much of a summary as a point needs."""
    return {
        "presence": {"agent": presence} if presence else {},
        "delivery": {"presence.update": {"bytes": 9000, "received": 30}},
        "run": {"id": "heartbeat-30s", "hold_s": 60.0},
        "verdict": {"result": "PASS"},
    }


def test_a_point_holds_accuracy_times_and_cost():
    """Accuracy is of agents over all observers; cost is a second."""
    found = point(30.0, summary(p_a=0.66, detection_time_s={"p50": 22.0, "max": "inf", "censored": 3}), 0.12)

    assert (found.p_a, found.detection_p50_s, found.detection_max_s, found.cut_short) == (0.66, 22.0, float("inf"), 3)
    assert (found.bytes_per_s, found.frames_per_s, found.server_cpu_share) == (150.0, 0.5, 0.12)


def test_a_run_without_presence_is_a_point_without_numbers():
    """What was not measured is None."""
    found = point(10.0, summary(), None)

    assert (found.p_a, found.detection_p50_s, found.cut_short, found.verdict) == (None, None, 0, "PASS")
