"""Result types and their way into JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from loadtest.analysis.model import EXIT_CODES, Check, Estimate, Summary, Verdict, plain


def test_infinite_is_the_string_inf():
    """JSON has no infinity, so it is written as a string."""
    assert plain([math.inf, -math.inf]) == ["inf", "-inf"]


def test_nan_is_null():
    """A bare NaN never leaves."""
    assert plain(math.nan) is None


def test_numpy_values_become_pythons_own():
    """Scalars and arrays of numpy can be serialised."""
    text = json.dumps(plain({"a": np.int64(3), "b": np.array([1.5, np.inf]), "c": np.bool_(True)}), allow_nan=False)

    assert text == '{"a": 3, "b": [1.5, "inf"], "c": true}'


def test_a_value_without_json_form_is_refused():
    """An object that JSON cannot hold is an error that names its type."""
    with pytest.raises(TypeError, match="object"):
        plain(object())


def test_an_estimate_changes_unit_with_its_interval():
    """Scaling reaches value and interval, and rounds only what is finite."""
    scaled = Estimate(1_234_567.0, (1_000_000.0, math.inf), 300).scaled(1e-3, 1)

    assert Estimate(1234.6, (1000.0, math.inf), 300) == scaled


def test_exit_codes_are_those_of_the_design():
    """2 is wrong usage and belongs to no verdict."""
    assert EXIT_CODES == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "INVALID": 4}


def test_a_summary_is_plain_json():
    """A check's infinite value and its interval survive as JSON."""
    check = Check("p99", math.inf, 500, "max", "ms", "FAIL", (400.0, math.inf))
    content = Summary({"run": {}}, Verdict("FAIL", (check,))).as_dict()

    assert [
        content["verdict"]["checks"][0]["value"],
        content["verdict"]["checks"][0]["interval"],
        content["verdict"]["exit_code"],
    ] == ["inf", [400.0, "inf"], 1]
