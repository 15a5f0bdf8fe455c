"""Spawn messages that do not stall a worker.

For every option of a spawn message Locust (2.47, ``WorkerRunner.handle_message``) builds a parser of all its own
options, to see whether the option is one of them: with some sixty options of ours that is most of a second of a core
for each second of the ramp, in which a worker neither reads nor beats, and on a busy machine it goes missing. What is
asked for never changes, so it is worked out once.
"""

from __future__ import annotations

import functools

from locust import argument_parser


def remember_defaults() -> None:
    """Have this process work Locust's own options out once, not once an option; idempotent."""
    work_out = argument_parser.default_args_dict
    if not hasattr(work_out, "cache_info"):
        argument_parser.default_args_dict = functools.cache(work_out)
