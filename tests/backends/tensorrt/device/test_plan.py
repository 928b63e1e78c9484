"""Headers of engines, read before TensorRT sees them."""

from __future__ import annotations

import pytest

from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.plan import check_plan, plan_version

from .desk import lay

HEADER = b"ftrt" + bytes(20) + bytes((8, 6, 1, 6)) + bytes(100)


def test_the_version_where_it_is_told():
    assert plan_version(HEADER) == (8, 6, 1, 6)
    # Before 8.6 there is none in its place; and other layouts may have it elsewhere.
    assert plan_version(b"ftrt" + bytes(40)) == ()
    assert plan_version(b"ftrt\x02" + HEADER[5:]) == ()


def test_engines_of_this_release():
    check_plan(HEADER, "8.6.1.2", "m.engine")
    check_plan(b"ftrt" + bytes(40), "8.5.2", "m.engine")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (HEADER[:20], "the engine is cut short: 20 bytes"),
        (b"vtrt" + HEADER[4:], "it is no TensorRT engine"),
        (HEADER, "the engine was built by TensorRT 8.6.1.6, and 10.3.0 is here"),
    ],
)
def test_others_are_refused(data, what):
    with pytest.raises(KitError, match=what) as caught:
        check_plan(data, "10.3.0", "m.engine")
    assert caught.value.code == 7


def test_an_engine_of_another_release_ends_the_script(tmp_path):
    desk = lay(tmp_path, "fp32")
    assert desk.run("--build-only", tensorrt="8.6.1.6").returncode == 0
    ran = desk.run("--engine", str(desk.kit / "model.engine"), tensorrt="10.0.0.6")
    assert ran.returncode == 7
    assert "the engine was built by TensorRT 8.6.1.6, and 10.0.0.6 is here" in ran.stderr
