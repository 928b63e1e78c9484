"""Files are tried in another process, which may crash."""

from __future__ import annotations

import os
import sys

import pytest

from mcompile.backends.litert.apart import Apart, Told, tried
from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.errors import LoweringError

from .test_proof import crashing


def fine():
    draft = Draft()
    x, y = draft.tensor("x", (2,), "float32"), draft.tensor("y", (2,), "float32")
    draft.emit("NEG", [x], [y], "NegOptions")
    return packed(draft, Interface([("x", x)], [("y", y)], {}), "m")


@pytest.fixture
def apart():
    made = Apart()
    yield made
    made.close()


def test_one_process_serves_many_files_and_is_replaced_when_it_dies(apart):
    assert [apart.ask(fine(), False, True) for _ in range(2)] == [Told(), Told()]
    first = apart._child.pid
    assert first != os.getpid()
    assert apart.ask(b"no file", False, True).refusal
    assert apart._child.pid == first
    assert apart.ask(crashing()[1], False, True).crash.startswith("SIG")
    assert apart.ask(fine(), False, True) == Told()
    assert apart._child.pid != first


def test_one_that_was_ended_meanwhile_is_started_again(apart):
    apart.ask(fine(), False, True)
    apart._child.kill()
    apart._child.wait()
    assert apart.ask(fine(), False, True) == Told()


def test_closing_ends_the_process():
    apart = Apart()
    apart.ask(fine(), False, True)
    child = apart._child
    apart.close()
    assert child.returncode == 0


@pytest.mark.parametrize("interpreter", ["/nowhere/python", sys.executable])
def test_a_process_that_cannot_be_had_is_said(apart, monkeypatch, interpreter):
    monkeypatch.setattr(sys, "executable", interpreter)
    monkeypatch.setattr(sys, "path", [])  # so that the other finds no numpy
    with pytest.raises(LoweringError, match="in a process of its own"):
        apart.ask(fine(), False, True)


def test_the_same_is_asked_by_all():
    assert tried(fine(), free=False, run=True) == Told()
