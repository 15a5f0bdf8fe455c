"""OneChat's REST calls as values, used by users, provisioning and the reference server alike."""

from loadtest.api.calls import (
    AGENT_SEND_MESSAGE,
    AGENT_TOGGLE_TYPING,
    CONTACT_CREATE_CONVERSATION,
    CONTACT_SEND_MESSAGE,
    CONTACT_TOGGLE_TYPING,
    ENDPOINTS,
    Call,
    Created,
    Endpoint,
    agent_send_message,
    agent_toggle_typing,
    contact_create_conversation,
    contact_send_message,
    contact_toggle_typing,
    parse_created,
)

__all__ = [
    "AGENT_SEND_MESSAGE",
    "AGENT_TOGGLE_TYPING",
    "CONTACT_CREATE_CONVERSATION",
    "CONTACT_SEND_MESSAGE",
    "CONTACT_TOGGLE_TYPING",
    "ENDPOINTS",
    "Call",
    "Created",
    "Endpoint",
    "agent_send_message",
    "agent_toggle_typing",
    "contact_create_conversation",
    "contact_send_message",
    "contact_toggle_typing",
    "parse_created",
]
