"""A help desk over days: the load of an office, its lunch and its night; sessions that come and go; a steady canary.

locust -f locustfiles/soak.py --headless                                eight hours on the embedded server
locust -f locustfiles/soak.py --headless -t 60s --load-profile day=20s  a minute on the embedded server: three days
locust -f locustfiles/soak.py --headless -t 8h --load-profile flat      the same load all the time
locust -f locustfiles/soak.py --headless -t 3d --target target.toml     three days on an installation
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.users import AgentUser, ContactUser


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """Windows grow with the run, and a line a minute says how it stands; the command line overrides all of it."""
    parser.set_defaults(
        agents=40,
        contacts=100,
        members=10,
        emit_rate=4.0,
        load_profile="day",
        session=900.0,
        away=60.0,
        canary=30.0,
        progress=60.0,
        run_time="8h",
        spawn_rate=20,
    )


class Agent(AgentUser):
    """Has its shift, and answers the contacts of its inboxes."""


class Contact(ContactUser):
    """Asks, reads the answer, leaves, comes back; most of them by day."""
