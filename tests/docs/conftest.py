"""The app as the host indexes it."""

import pytest

from local.host.index import FunctionIndex, load_index
from local.processes import ROOT


@pytest.fixture(scope="session")
def index() -> FunctionIndex:
    """Every function of the app."""
    return load_index(ROOT, {"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
