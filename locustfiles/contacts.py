"""A busy website: many contacts who come and go, a few agents who answer them.

locust -f locustfiles/contacts.py --headless                    a minute on the embedded server
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.users import AgentUser, ContactUser


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """One agent per ten contacts is their other side; the command line overrides all of it."""
    parser.set_defaults(agents=10, contacts=100, members=5, emit_rate=10.0, session=60.0, run_time="60s", spawn_rate=40)


class Contact(ContactUser):
    """Comes, asks, reads the answer, leaves, comes back."""


class Agent(AgentUser):
    """Answers."""
