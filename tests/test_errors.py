"""The exceptions: whose fault, what their texts say, what callers count by."""

from __future__ import annotations

import pytest

from loadtest.errors import (
    CableProtocolError,
    ContractViolation,
    GeneratorError,
    LoadtestError,
    TransportError,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UsageError("no such file"), "no such file"),
        (UsageError("no such file", where="--slo"), "--slo: no such file"),
        (UsageError("no such file", where="--slo", remedy="Give a path"), "--slo: no such file. Give a path"),
        (UsageError("no such file", remedy="Give a path"), "no such file. Give a path"),
        (CableProtocolError("not_json"), "cable protocol: not_json"),
        (CableProtocolError("not_json", "byte 3"), "cable protocol: not_json (byte 3)"),
        (ContractViolation("wrong_audience", "message.created"), "contract: wrong_audience in message.created"),
        (
            ContractViolation("missing_key", "message.created", "data.id"),
            "contract: missing_key in message.created (data.id)",
        ),
        (TransportError("refused"), "refused"),
        (TransportError("refused", "127.0.0.1:3000"), "127.0.0.1:3000: refused"),
        (TransportError("refused", "127.0.0.1:3000", "errno 111"), "127.0.0.1:3000: refused (errno 111)"),
        (GeneratorError("a worker was lost"), "a worker was lost"),
        (GeneratorError("a worker was lost", remedy="Start it again"), "a worker was lost. Start it again"),
    ],
)
def test_text_says_what_where_and_what_to_do(error: LoadtestError, expected: str) -> None:
    """Each part that is known is in the text, and no separator stands where a part is not."""
    actual = str(error)

    assert expected == actual


@pytest.mark.parametrize("kind", [UsageError, CableProtocolError, ContractViolation, TransportError, GeneratorError])
def test_every_error_is_a_loadtest_error(kind: type[Exception]) -> None:
    """One ``except LoadtestError`` catches whatever the toolkit raises on purpose."""
    assert issubclass(kind, LoadtestError)


def test_no_fault_is_another_ones() -> None:
    """The kinds of fault exclude each other, so that catching one never hides another."""
    kinds = [UsageError, CableProtocolError, ContractViolation, TransportError, GeneratorError]

    overlaps = [(a, b) for a in kinds for b in kinds if a is not b and issubclass(a, b)]

    assert not overlaps


def test_callers_count_by_fields() -> None:
    """The data of an error stand in its fields, apart from its text."""
    error = TransportError("http_404", "example.test:443", "Not Found")

    actual = (error.kind, error.where, error.detail)

    expected = ("http_404", "example.test:443", "Not Found")
    assert expected == actual
