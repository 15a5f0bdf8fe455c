"""A help desk: agents and contacts in its usual proportion, chatting, typing, coming and going.

locust -f locustfiles/mixed.py --headless                       a minute on the embedded server
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.users import AgentUser, ContactUser

#: acts per exchange of question and answer: together they drive all 13 events of the document, and show leaked notes
EVERYTHING = (
    "read=0.5,status=0.2,assign=0.2,team=0.1,email=0.1,"
    "contact_update=0.1,contact_create=0.05,merge=0.05,conversation=0.05,note=0.1"
)


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """Five contacts online per agent; the command line overrides all of it."""
    parser.set_defaults(
        mix=EVERYTHING,
        agents=20,
        contacts=100,
        members=10,
        emit_rate=10.0,
        session=120.0,
        run_time="60s",
        spawn_rate=40,
    )


class Agent(AgentUser):
    """Answers the contacts of its inboxes."""


class Contact(ContactUser):
    """Asks, reads the answer, leaves, comes back."""
