"""What was made on an installation, written down before it is used, so that it can be gone on with and taken back.

``book`` is the file, ``entries`` its lines, ``tag`` how what is made bears its tag. Provisioning writes one, and so
does every run on a target that outlives it.
"""

from loadtest.journal.book import Journal
from loadtest.journal.entries import Begin, Done, Doubt, Ended, Entry, Gone, Intend, Kind, Made, now
from loadtest.journal.tag import DOMAIN, Tag, new_tag

__all__ = [
    "DOMAIN",
    "Begin",
    "Done",
    "Doubt",
    "Ended",
    "Entry",
    "Gone",
    "Intend",
    "Journal",
    "Kind",
    "Made",
    "Tag",
    "new_tag",
    "now",
]
