"""Scenes: a conversation is reserved from an act's first step until all of its steps are over."""

from loadtest.directory import Contact
from loadtest.users.scene import Conversation, Scene

CONTACT = Contact(1, 1, 10, "s1", "contact-1", "inbox-10", conversation_ids=(100,))


def test_a_conversation_is_free_once_the_last_step_is_over():
    """Between the steps nobody else acts there."""
    conversation = Conversation(CONTACT, 0, 100)
    scene = Scene(conversation, None)
    told = []
    for last in (False, True):
        scene.begin(last=last)
        told.append(conversation.reserved)
        scene.end()
        told.append(conversation.reserved)

    assert [True, True, True, False] == told


def test_a_step_that_outlasts_the_last_one_keeps_it_reserved():
    """A slow answer to the first step may come after the last step's."""
    conversation = Conversation(CONTACT, 0, 100)
    scene = Scene(conversation, None)
    scene.begin(last=False)
    scene.begin(last=True)
    scene.end()
    before = conversation.reserved
    scene.end()

    assert (True, False) == (before, conversation.reserved)
