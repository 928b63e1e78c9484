"""One pass over the data: what it remembers, what it refuses."""

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.oracle import Oracle
from mcompile.quantize import observe
from mcompile.types import Sample, Samples

from .nets import residual, samples


def test_ranges_are_those_of_the_reference_run():
    program = residual()
    data = samples(program, 3)
    found = observe(program, data)
    oracle = Oracle(program, ["s"])
    held = np.concatenate([oracle.run(s.feeds)["s"].ravel() for s in data])
    assert (found["s"].low, found["s"].high) == (held.min(), held.max())
    assert found["s"].counts.sum() == held.size


def test_inputs_are_observed_and_weights_are_not():
    program = residual()
    found = observe(program, samples(program, 2))
    assert "x" in found
    assert "y" in found
    assert not {"w1", "b1"} & set(found)


def test_no_samples_are_refused():
    with pytest.raises(SamplesError, match="no calibration samples"):
        observe(residual(), Samples("nothing", lambda: iter(())))


def test_a_sample_that_overflows_inside_the_net_is_named():
    program = residual()
    bad = Sample({"x": np.full((1, 3, 16, 16), 3e38, np.float32)}, name="glare.png")
    with pytest.raises(SamplesError, match=r"not finite on calibration sample glare\.png"):
        observe(program, Samples("photos", lambda: iter([bad])))
