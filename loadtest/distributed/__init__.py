"""The run over several processes: messages, identity shards, and the keeper of the run's data."""

from loadtest.distributed.keeper import RunKeeper

__all__ = ["RunKeeper"]
