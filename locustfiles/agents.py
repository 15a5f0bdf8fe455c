"""A support team under load: many agents, a few contacts who write to them.

locust -f locustfiles/agents.py --headless                      a minute on the embedded server
locust -f locustfiles/agents.py --headless --host https://chat.example.com --identities identities.jsonl
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.users import AgentUser, ContactUser


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """One contact per ten agents is their other side; the command line overrides all of it."""
    parser.set_defaults(agents=50, contacts=5, members=10, emit_rate=10.0, run_time="60s", spawn_rate=25)


class Agent(AgentUser):
    """Reads every message of its inboxes and answers its share of them."""


class Contact(ContactUser):
    """Writes, and waits for an answer."""
