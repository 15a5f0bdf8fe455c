"""The notebooks run from top to bottom on the committed samples; they hold no logic, so nothing else is asserted."""

from __future__ import annotations

import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tests.plugin.locusts import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path, monkeypatch):
    """In order, in one name space, from the notebook's own folder."""
    monkeypatch.chdir(path.parent)
    mpl.use("Agg")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {"__name__": path.stem}
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]

    with plt.rc_context():
        for number, text in enumerate(code, 1):
            exec(compile(text, f"{path.name}, cell {number}", "exec"), names)
        plt.close("all")

    assert code
