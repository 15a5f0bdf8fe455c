"""State: ids, display ids per account, and what is shown of a conversation."""

from loadtest.clock import NS_PER_S
from loadtest.refserver.state import UNREAD_CAP, State
from tests.refserver.site import CONTACT, DIRECTORY, FOREIGN, MEMBER


class Wall:
    """A wall clock set by hand."""

    def __init__(self) -> None:
        self.now_s = 1000

    def __call__(self) -> int:
        return self.now_s * NS_PER_S


def made() -> tuple[State, Wall]:
    wall = Wall()
    return State(DIRECTORY, wall), wall


def test_conversations_of_the_directory_exist() -> None:
    """A conversation that the directory names exists from the start, with its contact."""
    state, _ = made()
    conversation = state.conversation(1, 3)

    assert conversation is not None
    assert conversation.contact == CONTACT


def test_display_ids_count_per_account() -> None:
    """New conversations take the next display id of their account, whatever other accounts have."""
    state, _ = made()
    ids = [state.create_conversation(contact).display_id for contact in (CONTACT, FOREIGN, CONTACT)]

    assert ids == [5, 4, 6]


def test_message_ids_count_over_all_accounts() -> None:
    """Message ids are unique in the installation."""
    state, _ = made()
    first, second = state.conversation(1, 3), state.conversation(2, 3)
    assert first is not None
    assert second is not None
    ids = [state.create_message(first, CONTACT, "a").id, state.create_message(second, FOREIGN, "b").id]

    assert ids == [1, 2]


def test_unread_counts_the_contacts_messages_up_to_the_cap() -> None:
    """Messages of the contact are unread until an agent reads; the count stops at upstream's ten."""
    state, _ = made()
    conversation = state.create_conversation(CONTACT)
    counts = [conversation.unread_count]
    state.create_message(conversation, MEMBER, "from an agent")
    for _ in range(UNREAD_CAP + 2):
        state.create_message(conversation, CONTACT, "hi")
        counts.append(conversation.unread_count)

    assert [*range(11), 10, 10] == counts


def test_reading_clears_the_count() -> None:
    """When an agent has read the conversation nothing is unread and the time is kept."""
    state, _ = made()
    conversation = state.create_conversation(CONTACT)
    state.create_message(conversation, CONTACT, "hi")
    conversation.read_by_agent(1234)

    assert (conversation.unread_count, conversation.agent_last_seen_s) == (0, 1234)


def test_a_private_note_is_activity_but_not_the_last_message() -> None:
    """A private note moves the last activity, and the last public message stays the one shown."""
    state, wall = made()
    conversation = state.create_conversation(CONTACT)
    public = state.create_message(conversation, CONTACT, "hi")
    wall.now_s = 1010
    state.create_message(conversation, MEMBER, "note", private=True)

    assert (public, 1010) == (conversation.last_message, conversation.last_activity_s)


def test_an_account_without_conversations_exists() -> None:
    """Accounts are known by their identities alone."""
    state, _ = made()

    assert [state.has_account(account_id) for account_id in (1, 2, 3)] == [True, True, False]
