"""What a run means: percentiles with intervals, the delivery balance, and the verdict; numpy and scipy, no I/O."""

from loadtest.analysis.bootstrap import required_n
from loadtest.analysis.model import EXIT_CODES, Check, Estimate, RunData, Summary, Verdict, plain
from loadtest.analysis.slo import Limit, Slo, load_slo
from loadtest.analysis.summary import summarise

__all__ = [
    "EXIT_CODES",
    "Check",
    "Estimate",
    "Limit",
    "RunData",
    "Slo",
    "Summary",
    "Verdict",
    "load_slo",
    "plain",
    "required_n",
    "summarise",
]
