"""Options of verbs that compare builds."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from loadtest.cli.gate_options import add_gate_options, gate_of, read_margins
from loadtest.errors import UsageError


def parsed(*words: str) -> argparse.Namespace:
    """The options as parsed."""
    parser = argparse.ArgumentParser()
    add_gate_options(parser)
    return parser.parse_args(words)


def test_margins_are_percent_or_shares() -> None:
    """By group or metric; a metric's name may hold an equals sign's neighbours."""
    texts = ["latency=5%", 'fanout."message.created".agent.p99_incl_lost_ms=0.1', "lost=0.05%"]

    assert {"latency": 0.05, 'fanout."message.created".agent.p99_incl_lost_ms': 0.1, "lost": pytest.approx(0.0005)} == (
        read_margins(texts)
    )


@pytest.mark.parametrize("text", ["latency", "=5%", "latency=", "latency=x", "latency=0", "latency=-1%", "latency=nan"])
def test_what_is_no_margin_is_refused(text: str) -> None:
    """A margin of zero would let nothing pass."""
    with pytest.raises(UsageError, match="no margin"):
        read_margins([text])


def test_a_gate_holds_what_was_given() -> None:
    """Margins, noise, what may differ, warm-up."""
    gate = gate_of(parsed("--margin", "lost=1%", "--noise", "n.json", "--allow-unlike", "cores", "--warm-up", "3"))

    assert ({"lost": 0.01}, Path("n.json"), ("cores",), 3.0) == (
        gate.margins, gate.noise, gate.allow_unlike, gate.warm_up_s,
    )  # fmt: skip


def test_a_warm_up_out_of_bounds_is_refused() -> None:
    """Negative, or not a number."""
    for text in ("-1", "nan"):
        with pytest.raises(UsageError, match="--warm-up"):
            gate_of(parsed("--warm-up", text))
