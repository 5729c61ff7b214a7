"""The notebook for the lecture: it runs without torch, its tables and charts have the figures of the reference run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT

NOTEBOOK = ROOT / "docs/lecture.ipynb"
CHECKS = """
assert "torch" not in {name.partition(".")[0] for name in sys.modules if sys.modules[name] is not None}
summary = json.loads((here / "results/reference/summary.json").read_text(encoding="utf-8"))
records = {record["architecture"]: record for record in summary["records"]}
assert len(table) == 10
for name in chosen.index:
    macs = records[name]["readings"]["macs"]["value"]
    assert table.loc[display_name(name), "MACs, G"] == round(macs / 1e9, 2)
for chart, marks in ((latency, len(records)), (accuracy, len(points))):
    made = chart.to_dict()
    (rows,) = made["datasets"].values()
    assert len(rows) == marks
assert {row["network"] for row in rows} == {display_name(name) for name in points["architecture"]}
print("checked")
"""


def cells() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def test_outputs_are_stripped() -> None:
    code = [cell for cell in cells() if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.slow
def test_the_notebook_runs_without_torch(tmp_path: Path) -> None:
    """All its cells in a process of their own, in which importing torch fails."""
    pytest.importorskip("altair")
    code = ["".join(map(str, cell["source"])) for cell in cells() if cell["cell_type"] == "code"]  # type: ignore[call-overload]
    script = tmp_path / "notebook.py"
    opening = "import json\nimport sys\n\nsys.modules['torch'] = None\n"
    script.write_text("\n\n".join([opening, *code, CHECKS]), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT / "docs", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "checked"
