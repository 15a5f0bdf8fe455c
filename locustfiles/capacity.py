"""How much does it carry? Raises agents, contacts or the message rate until the limits of --slo are broken.

locust -f locustfiles/capacity.py --headless --slo slo.toml          on the embedded server
locust -f locustfiles/capacity.py --headless --slo slo.toml --host URL --identities FILE --max-emit-rate 50

`loadtest capacity` does the same with fewer words.
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.plugin.capacity import CapacityShape
from loadtest.users import AgentUser, ContactUser


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """Where the search begins; the command line overrides all of it."""
    parser.set_defaults(agents=20, contacts=20, members=20, emit_rate=2.0, typing=0.0, canary=0.0, spawn_rate=20)


class Search(CapacityShape):
    """All steps of the search, one after the other, in one run."""


class Agent(AgentUser):
    """Answers the contacts of its inboxes."""


class Contact(ContactUser):
    """Asks."""
