"""Load and soak testing for OneChat ``/cable`` deployments.

Importing this package starts nothing and patches nothing: analysis, store and reports work in a plain notebook.
Only ``transport.gevent_ws``, ``rest``, ``users``, ``distributed`` and ``plugin`` import Locust or gevent.
"""

__version__ = "0.1.0"
