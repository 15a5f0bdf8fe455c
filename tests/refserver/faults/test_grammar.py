"""Specifications: what they mean, and how precisely a wrong one is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.refserver.faults.amounts import Law
from loadtest.refserver.faults.grammar import Growth, Service, When, parse_faults
from loadtest.refserver.faults.kinds import KINDS


@pytest.mark.parametrize("text", ["", "  ", "none"])
def test_nothing_is_no_fault(text: str) -> None:
    """An empty specification and ``none`` are no terms."""
    assert parse_faults(text) == ()


def test_terms_are_read_in_their_order_with_blanks() -> None:
    """Kind, value, events, roles and time of each term."""
    loss, delay, stall = parse_faults(
        "loss[message.created, contact]=2% , delay=normal(100ms,20ms)@5s..1min,stall=5s@20s/1min"
    )

    assert (loss.kind.name, loss.share, loss.events, loss.roles, loss.when) == (
        "loss",
        0.02,
        {"message.created"},
        {"contact"},
        When(),
    )
    assert (delay.law, delay.when) == (Law("normal", 0.1, 0.02), When(5.0, 60.0))
    assert (stall.time_s, stall.when) == (5.0, When(20.0, math.inf, 60.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service=2ms", Service(0.002)),
        ("service=2ms*4", Service(0.002, 4)),
        ("service=cpu(2ms)", Service(0.002, burns=True)),
        ("memory-leak=1kB/connection", Growth(1000, "connection")),
        ("deaf@20s", 1.0),
        ("late-expiry=10s", 10.0),
    ],
)
def test_values_of_each_sort_are_read(text: str, expected: object) -> None:
    """Services, growths, default shares and times."""
    assert expected == parse_faults(text)[0].value


def test_calls_are_told_from_events() -> None:
    """A REST kind is narrowed by calls and callers' roles."""
    (term,) = parse_faults("rest-delay[agent.send_message,agent]=2s")

    assert ({"agent.send_message"}, frozenset(), {"agent"}) == (term.calls, term.events, term.roles)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lss=2%", ["term 1, 'lss=2%', at character 1", "no fault 'lss'", "Did you mean loss?"]),
        ("dup=1%, loss=200%", ["term 2, 'loss=200%', at character 9", "'200%' is no share", "2% or 0.02"]),
        ("loss", ["loss needs a value", "loss[message.created,contact]=2%"]),
        ("loss=1%,,dup=1%", ["term 2, '', at character 9", "between two commas"]),
        ("loss[mesage.created]=1%", ["no event or role 'mesage.created'", "Did you mean message.created?"]),
        ("ping-loss[message.created]=1%", ["no role 'message.created'", "Known: agent, contact"]),
        ("rest-delay[agent.sendmessage]=1s", ["no call or role", "Did you mean agent.send_message?"]),
        ("restart[agent]=1s@3s", ["restart cannot be narrowed", "restart=5s@30s"]),
        ("delay=5", ["'5' is no time", "normal(MEAN,DEVIATION)"]),
        ("delay=normal(1s)", ["normal takes 2 parameters", "normal(MEAN,DEVIATION,CAP)"]),
        ("stall=5s", ["stall must say when", "@20s/60s"]),
        ("stall=0s@1s", ["0s is no time to wait"]),
        ("stall=5s@3s/2s", ["it comes again before it is over"]),
        ("deaf@20s..10s", ["ends at 10s, before it begins"]),
        ("loss=1%@20", ["after @, '20' is no time", "@20s..40s"]),
        ("cut=10%@20s..30s", ["after @", "@20s/60s"]),
        ("loss=1%,loss[agent]=5%", ["term 2", "never reached", "'loss=1%' before it"]),
        ("service=2ms*0", ["'0' is no number of workers"]),
        ("memory-leak=1kB", ["with what memory grows", "broadcast, delivery, connection"]),
        ("loss[agent=1%", ["cannot be read", "KIND[NARROWED]=VALUE@WHEN"]),
    ],
)
def test_a_wrong_term_is_refused_precisely(text: str, said: list[str]) -> None:
    """The error names the term, its place, what is wrong, what is allowed, and the nearest known name, in one line."""
    with pytest.raises(UsageError) as caught:
        parse_faults(text)

    assert [part for part in said if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "loss[agent]=5%,loss=1%",
        "loss=1%@0s..10s,loss=2%@10s..20s",
        "loss[message.created]=1%,loss[agent]=2%",
        "loss=1%,loss[presence.update]=2%",
        "leak[agent]=1%,leak[contact]=1%,leak=1%",
        "stall=1s@5s,stall=1s@10s",
    ],
)
def test_terms_of_a_kind_that_can_all_be_reached_are_taken(text: str) -> None:
    """Narrower terms before wider ones, terms at other times, and kinds whose terms add up."""
    assert len(parse_faults(text)) == text.count("=")


@given(st.text(alphabet="losdupdelay%=@.[](),0123456789ms /*", max_size=40))
def test_no_text_is_a_crash(text: str) -> None:
    """Whatever is given is read or refused with our own error."""
    try:
        terms = parse_faults(text)
    except UsageError:
        return

    assert all(term.kind.name in KINDS for term in terms)


@pytest.mark.parametrize(
    ("text", "event", "expected"),
    [
        ("loss=1%", "message.created", True),
        ("loss=1%", "presence.update", False),
        ("loss[presence.update]=1%", "presence.update", True),
        ("loss[presence.update]=1%", "message.created", False),
        ("stall=1s@1s", "presence.update", True),
        ("deaf", "presence.update", True),
    ],
)
def test_presence_is_meant_only_where_it_is_named_or_everything_stands_still(
    text: str, event: str, expected: bool
) -> None:
    """Answers to beats are no deliveries of the ledger's."""
    assert expected is parse_faults(text)[0].fits_event(event)


@pytest.mark.parametrize(
    ("text", "at_s", "expected"),
    [
        ("stall=5s@20s", 19.9, None),
        ("stall=5s@20s", 20.0, 25.0),
        ("stall=5s@20s", 24.9, 25.0),
        ("stall=5s@20s", 25.0, None),
        ("stall=5s@20s/60s", 82.0, 85.0),
        ("stall=5s@20s/60s", 86.0, None),
    ],
)
def test_a_stall_ends(text: str, at_s: float, expected: float | None) -> None:
    """What falls in a stall leaves at its end, also when it has come again."""
    (term,) = parse_faults(text)

    assert expected == term.when.stall_end_s(at_s, term.time_s)


def test_what_lasts_from_the_beginning_holds_before_the_first_subscription() -> None:
    """The time before counts as the first moment."""
    (always,) = parse_faults("loss=1%")
    (later,) = parse_faults("loss=1%@5s..10s")

    assert (True, False, True, False) == (
        always.when.holds(-1),
        later.when.holds(-1),
        later.when.holds(5),
        later.when.holds(10),
    )
