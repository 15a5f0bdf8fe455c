"""Names of emissions: the same in every run of a plan, different for different emissions."""

from loadtest.refserver.faults.emissions import Emission, Emissions, receiver_name
from loadtest.refserver.rooms import Broadcast, Subscription
from tests.refserver.faults.scene import DUE_US, RUN, key, text
from tests.refserver.site import CONTACT, MEMBER
from tests.refserver.test_rooms import Tape


def test_a_marked_emission_is_called_by_its_key() -> None:
    """Run tag and due time, which no other run shares, are known but no part of the name."""
    broadcast = Broadcast("message.created", b"", 1, 3, 5, text(7))

    assert Emission("message.created", key(7), key(7), RUN, DUE_US * 1000) == Emissions().name(broadcast, [])


def test_unmarked_emissions_are_counted_by_place_and_actor() -> None:
    """The ordinal counts one actor's event in one conversation, so that others do not move it."""
    emissions = Emissions()

    def name(event: str, conversation_id: int, actor: str) -> str:
        return emissions.name(Broadcast(event, b"", 1, conversation_id, actor=actor), []).name

    assert ["1/3/agent:2/0", "1/3/contact:10/0", "1/4/agent:2/0", "1/3/agent:2/0", "1/3/agent:2/1", "1/3/server/0"] == [
        name("conversation.typing_on", 3, "agent:2"),
        name("conversation.typing_on", 3, "contact:10"),
        name("conversation.typing_on", 4, "agent:2"),
        name("conversation.typing_off", 3, "agent:2"),
        name("conversation.typing_on", 3, "agent:2"),
        name("conversation.typing_on", 3, ""),
    ]


def test_text_without_a_mark_is_no_mark() -> None:
    """What people write is named by its place."""
    broadcast = Broadcast("message.created", b"", 1, 3, text="hello lt:", actor="contact:10")

    assert Emissions().name(broadcast, []).mark == ""


def test_answers_to_beats_are_counted_by_who_is_told() -> None:
    """The presence.update of two identities have names of their own, although they share their bytes."""
    emissions, broadcast = Emissions(), Broadcast("presence.update", b"", 1)
    told = [[Subscription("i", who, 1, Tape())] for who in (MEMBER, CONTACT, MEMBER)]

    assert ["1/agent:2/0", "1/contact:10/0", "1/agent:2/1"] == [emissions.name(broadcast, to).name for to in told]


def test_receivers_are_called_by_role_and_id() -> None:
    """A user and a contact of one number are two receivers."""
    assert receiver_name(Subscription("i", MEMBER, 1, Tape())) == "agent:2"
    assert receiver_name(Subscription("i", CONTACT, 1, Tape())) == "contact:10"
