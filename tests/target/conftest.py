"""An installation to provision on, started once a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rest.conftest import certificates, server
from tests.target.installation import Installation, serving

__all__ = ["certificates", "installation", "server"]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A served installation, shared: what a test makes there it makes under a tag of its own, or takes back."""
    with serving(tmp_path_factory.mktemp("installation"), contact_expiry_s=0.001, rate_limit=None) as served:
        yield served
