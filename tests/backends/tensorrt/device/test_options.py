"""The command line."""

from __future__ import annotations

import os

import pytest

from mcompile.backends.tensorrt.device.options import options


def test_where_things_go(tmp_path):
    chosen = options(["--kit", str(tmp_path)])
    assert chosen.out == str(tmp_path / "model.engine")
    assert chosen.measured == str(tmp_path / "measured.json")
    chosen = options(["--out", str(tmp_path / "o" / "e.plan")])
    assert chosen.measured == str(tmp_path / "o" / "measured.json")
    assert options(["--engine", "e.plan"]).measured == os.path.abspath("measured.json")


@pytest.mark.parametrize(
    "words",
    [["--workspace", "0"], ["--workspace", "nan"], ["--workspace", "-4"], ["--runs", "0"],
     ["--runs", "many"], ["--engine", "a", "--out", "b"], ["--engine", "a", "--build-only"],
     ["--unknown"]],
)  # fmt: skip
def test_what_makes_no_sense(words, capsys):
    with pytest.raises(SystemExit) as caught:
        options(words)
    assert caught.value.code == 2
    assert "build_engine.py: error:" in capsys.readouterr().err
