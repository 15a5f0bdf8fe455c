"""What is measured: mergeable histograms, and the batches of deltas that travel from collectors to the store."""

from loadtest.metrics.batch import Batch, Closing, Doubt, Gauge, Key, Note
from loadtest.metrics.histogram import Histogram

__all__ = ["Batch", "Closing", "Doubt", "Gauge", "Histogram", "Key", "Note"]
