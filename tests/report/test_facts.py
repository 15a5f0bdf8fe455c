"""What was tested, and the key numbers."""

from loadtest.report import facts
from tests.report.synthetic import Story, meta, summary


def _tested(story: Story, **values: object) -> dict[str, str]:
    return {fact.label: fact.value for fact in facts.tested(summary(story, **values), meta(story, **values))}


def test_the_embedded_server_is_said_clearly() -> None:
    """Nobody takes the reference server's numbers for an installation's."""
    actual = _tested(Story())["server"]

    assert actual == "embedded reference server (loadtest reference server 0.1.0)"


def test_plan_population_and_presence_are_phrases() -> None:
    """They read like a sentence, with units."""
    told = _tested(Story(agents=1, contacts=2))

    actual = (told["population"], told["plan"], told["presence"])

    assert (
        "1 agent, 2 contacts in 1 account, 20 members an inbox",
        "10 messages/s over the whole fleet, poisson arrivals, answers after 3 s, typing, official client",
        "beat every 30 s; the server expires agents after 60 s, contacts after 60 s",
    ) == actual


def test_a_run_that_tells_nothing_about_itself_has_facts_all_the_same() -> None:
    """Every missing value is said to be missing."""
    actual = {fact.label: fact.value for fact in facts.tested({}, {})}["target"]

    assert actual == "n/a"


def test_the_headline_is_message_created_to_agents() -> None:
    """Even where another event was seen more often."""
    content = {"fanout": {"a": {"agent": {"n": 900}}, "message.created": {"agent": {"n": 9}, "contact": {"n": 99}}}}

    actual = facts.main_fanout(content)

    assert ("message.created to agents", {"n": 9}) == actual


def test_without_it_the_most_seen_event_leads() -> None:
    """A run of typing alone has a headline too."""
    actual = facts.main_fanout({"fanout": {"a": {"agent": {"n": 9}}, "b": {"contact": {"n": 90}}}})

    assert ("b to contacts", {"n": 90}) == actual


def test_an_empty_run_claims_nothing() -> None:
    """No deliveries: no "0 lost" in green."""
    actual = [fact.label for fact in facts.numbers({})]

    assert [] == actual


def test_key_numbers_say_losses_and_leaks() -> None:
    """Both in red, with what they are out of."""
    found = {fact.label: fact for fact in facts.numbers(summary(Story(lost_share=0.01, leaked=2)))}

    actual = (found["lost"].tone, found["leaked"].value, "of 18,900 expected deliveries" in found["lost"].hint)

    assert ("bad", "2", True) == actual


def test_presence_beats_are_not_in_the_totals() -> None:
    """A beat is on a timer: its balance is in the table, not in the headline."""
    content = {
        "delivery": {"presence.update": {"expected": 100, "lost": 7, "leaked": 1}, "a": {"expected": 5, "lost": 1}}
    }
    found = facts.totals(content)

    actual = (found["expected"], found["lost"], found["leaked"])

    assert (5, 1, 1) == actual


def test_an_embedded_server_that_says_so_itself_is_not_told_twice() -> None:
    """Its name is the whole answer."""
    told = facts.tested({"run": {"target": {"embedded": True, "server": "embedded reference server 0.1.0"}}}, {})

    actual = {fact.label: fact.value for fact in told}["server"]

    assert actual == "embedded reference server 0.1.0"


def test_leaks_by_content_are_in_sight() -> None:
    """A zero of the ledger does not hide what the checker found."""
    content = {"contract": {"leaks": [{"kind": "wrong_audience", "role": "agent", "n": 25, "events": {}}]}}
    told = next(fact for fact in facts.numbers(content) if fact.label == "leaked")

    actual = (told.value, told.hint, told.tone)

    assert ("25", "or more: 0 told by their marks, 25 by their content", "bad") == actual
