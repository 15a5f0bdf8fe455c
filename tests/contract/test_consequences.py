"""What follows from which action."""

from __future__ import annotations

import pytest

from loadtest.contract import CAUSES, EVENTS, DialectName, consequences, events_not_driven, events_of, not_driven
from loadtest.contract.consequences import CAPABILITIES
from loadtest.contract.versions import DIALECTS


def by_event(cause: str, dialect: DialectName, choice: str = "") -> dict[str, str]:
    """Certainty by event."""
    return {one.event: one.certainty for one in consequences(cause, dialect, choice=choice)}


def test_a_contacts_message_is_three_events_today() -> None:
    """message.created and contact.updated follow always, conversation.updated where the contact begins to wait."""
    found = by_event("contact.send_message", "current")

    assert ("always", "perhaps", "always") == (
        found["message.created"],
        found["conversation.updated"],
        found["contact.updated"],
    )


def test_the_documents_version_has_only_its_own_events() -> None:
    """In the seed's dialect no event follows that the document does not know."""
    unknown = {one.event for cause in CAUSES for one in consequences(cause, "seed")} - set(EVENTS)

    assert not unknown


def test_what_follows_in_some_versions_only_follows_perhaps() -> None:
    """Of a server of unknown version, conversation.updated after an assignment is not demanded."""
    event = "conversation.updated"

    assert ("always", "perhaps", None) == (
        by_event("agent.assign_agent", "current")[event],
        by_event("agent.assign_agent", "auto")[event],
        by_event("agent.assign_agent", "seed").get(event),
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("on", {"conversation.typing_on": "always"}),
        ("off", {"conversation.typing_off": "always"}),
        ("", {"conversation.typing_on": "perhaps", "conversation.typing_off": "perhaps"}),
    ],
)
def test_a_variant_decides_which_event_follows(choice: str, expected: dict[str, str]) -> None:
    """Starting to type causes one event, stopping the other; where that is unknown either may come."""
    assert expected == by_event("contact.toggle_typing", "seed", choice)


def test_a_merge_tells_each_conversation() -> None:
    """contact_changed comes once for each conversation of the contact that goes."""
    one = next(c for c in consequences("agent.merge_contacts", "seed") if c.event == "conversation.contact_changed")

    assert ("conversation of the contact that goes", 1, 1) == (one.per, one.least, one.most)


def test_to_whom_is_the_dialects() -> None:
    """A consequence carries the event's audience in the dialect."""
    told = [consequences("contact.create_conversation", dialect)[0].spec for dialect in ("seed", "current")]

    assert [False, True] == [spec.to_contacts for spec in told if spec is not None]


@pytest.mark.parametrize(("dialect", "expected"), [("seed", False), ("current", True), ("auto", True)])
def test_the_state_is_read_again_in_newer_versions(dialect: DialectName, expected: bool) -> None:
    """conversation.read carries the newest state today."""
    assert expected == consequences("contact.update_last_seen", dialect)[0].reread


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("cause", CAUSES)
def test_counts_agree_with_certainty(cause: str, dialect: DialectName) -> None:
    """What follows always follows at least once, what follows perhaps may not; at most is never less."""
    wrong = [
        one
        for one in consequences(cause, dialect)
        if (one.least > 0) != (one.certainty == "always") or (one.most is not None and one.most < max(one.least, 1))
    ]

    assert not wrong


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("cause", CAUSES)
def test_each_event_follows_once_and_is_the_dialects(cause: str, dialect: DialectName) -> None:
    """An action's consequences name each event once, and none that the dialect lacks."""
    names = [one.event for one in consequences(cause, dialect)]

    assert len(set(names)) == len(names)
    assert set(names) <= set(events_of(dialect))


def test_every_documented_event_has_a_cause() -> None:
    """With all capabilities each of the 13 events can be caused for sure."""
    sure = {
        one.event
        for name, cause in CAUSES.items()
        for choice in cause.choices or ("",)
        for one in consequences(name, "seed", choice=choice)
        if one.certainty == "always"
    }

    assert set(EVENTS) == sure
    assert {} == events_not_driven(list(CAPABILITIES), "seed")


def test_what_a_target_cannot_do_is_not_driven() -> None:
    """On an API inbox of the document's time a contact can neither type nor read; it says what is missing."""
    found = {one.cause: one.missing for one in not_driven(["api_inbox", "agents", "teams", "two_contacts"])}

    assert {"contact.toggle_typing", "contact.update_last_seen"} == set(found)
    assert all("website inbox" in missing for missing in found.values())


def test_an_event_with_another_cause_is_driven() -> None:
    """Typing is driven by agents where contacts cannot; reading has no other cause."""
    found = events_not_driven(["api_inbox", "agents", "teams", "two_contacts"], "seed")

    assert ["conversation.read"] == list(found)


def test_an_unknown_capability_is_an_error() -> None:
    """A name that is no capability is refused, with the names there are."""
    with pytest.raises(ValueError, match="api_inbox"):
        not_driven(["flying"])  # type: ignore[list-item]


def test_an_unknown_variant_is_an_error() -> None:
    """A variant that the action does not have is refused."""
    with pytest.raises(ValueError, match="on, off"):
        consequences("agent.toggle_typing", "seed", choice="loud")
