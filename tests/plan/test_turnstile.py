"""A ramp's bursts are spread over their seconds."""

from collections import Counter

import pytest

from loadtest.plan import Turnstile


def bins(turnstiles, rate, seconds):
    """Connects in each 100 ms, when each second's users come in one burst, dealt to the turnstiles in turn."""
    found = Counter()
    for second in range(seconds):
        for user in range(rate):
            found[int((second + turnstiles[user % len(turnstiles)].wait_s(float(second)) + 1e-9) * 10)] += 1
    return [found[number] for number in range(10 * seconds)]


@pytest.mark.parametrize("rate", [10, 50, 100, 1000])
def test_a_burst_a_second_is_spread_over_the_second(rate):
    """Each 100 ms has a tenth of it, to within one; without the turnstile the first has all."""
    assert all(abs(n - rate / 10) <= 1 for n in bins([Turnstile(rate)], rate, 5))
    assert [rate, *[0] * 9] == bins([Turnstile(0)], rate, 1)


@pytest.mark.parametrize("shares", [2, 3, 5])
def test_workers_alternate(shares):
    """Together they let in what one process would, as evenly."""
    turnstiles = [Turnstile(60, share, shares) for share in range(shares)]

    assert all(abs(n - 6) <= 1 for n in bins(turnstiles, 60, 4))


def test_a_faster_ramp_queues_up():
    """More than the rate waits, and comes at the rate."""
    turnstile = Turnstile(10)
    waits = [turnstile.wait_s(0.0) for _ in range(30)]

    assert waits == pytest.approx([number / 10 for number in range(30)])


def test_who_comes_alone_need_not_wait():
    """A turn that nobody took is not kept."""
    turnstile = Turnstile(10)

    assert [0.0, 0.0] == [turnstile.wait_s(5.0), turnstile.wait_s(9.0)]
