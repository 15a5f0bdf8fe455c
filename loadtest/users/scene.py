"""Where people act: a conversation with what is known of its state, and the scene that the steps of an act share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from loadtest.directory import Agent, Contact

State: TypeAlias = Literal["status", "assignee", "team"]


@dataclass(slots=True)
class Conversation:
    """A conversation of a contact simulated here, or of one that the run made.

    Attributes:
        contact: who it is held with.
        identity: the contact's number, or -1 when it is not simulated.
        number: its display id.
        under_way: actions in it that are not over yet.
        reserved: an act is changing its state, so nobody may write in it.
        state: what the run last made of it; what it never touched is not in here.
        in_doubt: what a call may have changed that has no answer, or none yet.
        moved: what the server may have changed by itself since ``state`` was told of it.
        answered: an agent of the run has answered publicly in it.
    """

    contact: Contact
    identity: int
    number: int
    under_way: int = 0
    reserved: bool = False
    state: dict[State, Any] = field(default_factory=dict)
    in_doubt: set[State] = field(default_factory=set)
    moved: set[State] = field(default_factory=set)
    answered: bool = False


@dataclass(slots=True)
class Scene:
    """What the steps of one act share.

    Attributes:
        conversation: where it takes place.
        agent: the agent who acts in it.
        message_id: the message that a later step answers.
        created: the contact that an earlier step made, with its conversation's number once it has one.
        opened: that number.
        under_way: steps that are not over yet.
        ending: the last step was taken up.
    """

    conversation: Conversation
    agent: Agent
    message_id: int | None = None
    created: Contact | None = None
    opened: int | None = None
    under_way: int = 0
    ending: bool = False

    def begin(self, *, last: bool) -> None:
        """A step is taken up; from the first one on nobody else acts in the conversation."""
        self.conversation.reserved = True
        self.under_way += 1
        self.ending |= last

    def end(self) -> None:
        """A step is over; after all of them, whatever their order, the conversation is free again."""
        self.under_way -= 1
        if self.ending and not self.under_way:
            self.conversation.reserved = False


@dataclass(frozen=True, slots=True)
class Moment:
    """When an act is done.

    Attributes:
        due_ns: when the plan made it due.
        dispatched_ns: when it was taken up.
    """

    due_ns: int
    dispatched_ns: int
