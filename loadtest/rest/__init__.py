"""OneChat's REST calls sent from a run."""

from loadtest.rest.client import Reply, RestClient

__all__ = ["Reply", "RestClient"]
