from __future__ import annotations

from functools import partial

import pytest

from mcompile.errors import Broken, ContractError
from mcompile.measure.memory import peak

MODULE = """
import os, sys, time
import numpy as np

class Hungry:
    def __init__(self, mb): self.mb = mb
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def run(self, feeds):
        print("runtimes print to stdout")
        held = np.ones(self.mb * 1_000_000, np.uint8)
        return {"y": held[:1]}

def hungry(mb): return Hungry(mb)
def dies(): os._exit(3)
def fails(): raise RuntimeError("no such kernel")
def hangs(): time.sleep(600)
"""


@pytest.fixture
def openers(tmp_path, monkeypatch):
    """A module that only the parent's import path leads to."""
    (tmp_path / "mcompile_test_openers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import mcompile_test_openers

    return mcompile_test_openers


def test_what_running_allocates_is_seen_and_the_process_is_larger(openers):
    inner, whole = peak(partial(openers.hungry, 80), {}, runs=2)
    assert (inner.name, whole.name) == ("memory_peak_mb", "memory_process_mb")
    assert 75 < inner.value < 120
    assert whole.value > inner.value + 5


def test_the_parents_memory_is_not_the_childs(openers):
    ballast = bytearray(b"x") * 300_000_000
    _, whole = peak(partial(openers.hungry, 1), {}, runs=1)
    assert whole.value < 250
    del ballast


def test_the_child_does_not_run_the_callers_main_script(openers, tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    import __main__

    monkeypatch.setattr(__main__, "__file__", str(script), raising=False)
    peak(partial(openers.hungry, 1), {}, runs=1)
    assert not (tmp_path / "ran").exists()


def test_a_file_in_the_working_directory_shadows_nothing(openers, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "psutil.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(folder)
    assert peak(partial(openers.hungry, 1), {}, runs=1)


def test_a_child_that_dies_is_a_typed_error(openers):
    with pytest.raises(ContractError, match="fresh process") as caught:
        peak(openers.dies, {})
    assert "exit status 3" in caught.value.where


def test_a_runtime_that_fails_says_why(openers):
    with pytest.raises(ContractError) as caught:
        peak(openers.fails, {})
    assert "RuntimeError: no such kernel" in caught.value.where


def test_a_child_that_hangs_is_stopped(openers):
    with pytest.raises(ContractError) as caught:
        peak(openers.hangs, {}, seconds=2.0)
    assert "no answer in 2 s" in caught.value.where


def test_an_opener_that_cannot_travel_is_our_bug():
    with pytest.raises(Broken, match="cannot be sent"):
        peak(lambda: None, {})
