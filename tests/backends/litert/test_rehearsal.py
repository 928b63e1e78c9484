"""What the process apart does with a file."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mcompile.backends.litert import rehearsal
from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.flatbuffer import Interface, packed

from .test_apart import fine

FREE = 7919


def gather(size):
    """A table of which an entry is read, by an index that is fed: 0 is one, whatever its size."""
    draft = Draft(FREE)
    x, y = draft.tensor("x", (FREE,), "int32"), draft.tensor("y", (FREE, size), "float32")
    table = draft.constant("t", np.ones((1, 3), np.float32))
    draft.emit("GATHER", [table, x], [y], "GatherOptions", axis=0)
    return packed(draft, Interface([("x", x)], [("y", y)], {}), "m")


@pytest.mark.parametrize("run", [False, True])
def test_a_good_file_is_taken(run):
    assert rehearsal.rehearsed(fine(), free=False, run=run) == ""
    assert rehearsal.rehearsed(gather(3), free=True, run=run) == ""


def test_a_bad_one_is_refused_in_the_words_of_the_runtime():
    assert rehearsal.rehearsed(b"nothing", free=False, run=True)


def test_it_answers_each_file_with_a_line_and_ends_with_its_input():
    head = rehearsal.HEAD
    asked = b"".join(head.pack(len(d), False, True) + d for d in (fine(), b"nothing"))
    done = subprocess.run(
        [sys.executable, rehearsal.__file__], input=asked, capture_output=True, check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    taken, refused = map(json.loads, io.BytesIO(done.stdout))
    assert taken == ""
    assert refused
