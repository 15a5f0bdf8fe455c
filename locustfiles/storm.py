"""A drill: sockets dropped in bulk, and how the target bears the herd that comes back.

locust -f locustfiles/storm.py --headless                                a minute on the embedded server, all at 20 s
locust -f locustfiles/storm.py --headless --storm 30%@5s:clean,100%@30s  three in ten with a close frame, then all
locust -f locustfiles/storm.py --headless --reconnect immediate          the hardest herd; also no-jitter
locust -f locustfiles/storm.py --headless -t 10m --storm wait            drops nothing: redeploy, and it measures
"""

import locust

import loadtest.plugin  # noqa: F401 - registers options, collectors, report and verdict
from loadtest.users import AgentUser, ContactUser


@locust.events.init_command_line_parser.add_listener
def defaults(parser, **_):
    """Messages go on meanwhile, so that what is missed shows; the command line overrides all of it."""
    parser.set_defaults(
        agents=100,
        contacts=100,
        members=10,
        emit_rate=5.0,
        storm="100%@20s",
        run_time="60s",
        spawn_rate=50,
    )


class Agent(AgentUser):
    """Is cut off, and comes back as its client does."""


class Contact(ContactUser):
    """Is cut off, and comes back as its client does."""
