"""Nothing is reported to anyone while a model runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import numpy as np
from mcompile import graph
from mcompile.oracle import Oracle
text = '<ir_version: 9, opset_import: ["": 17]> n (float[1] x) => (float[1] y) { y = Neg(x) }'
Oracle(graph.parse(text)).run({"x": np.ones(1, np.float32)})
"""


def test_the_runtime_keeps_no_usage_records(tmp_path: Path) -> None:
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", CODE], check=True, env=places)
    assert not list(tmp_path.rglob("*")), "the runtime wrote something into the home folder"


def test_looking_for_backends_writes_nothing_and_reports_to_nobody(tmp_path: Path) -> None:
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = "from mcompile import registry; registry.backends()"
    subprocess.run([sys.executable, "-c", code], check=True, env=places)
    assert not list(tmp_path.rglob("*")), "a runtime wrote something into the home folder"


def test_a_word_of_the_user_stays() -> None:
    code = "import mcompile, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        env={"ORT_DISABLE_TELEMETRY": "0"},
    )  # fmt: skip
    assert done.stdout.strip() == "0"
