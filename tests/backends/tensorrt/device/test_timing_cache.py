"""The timing cache: kept by content, used by the next build, no reason to fail."""

from __future__ import annotations

from mcompile.backends.tensorrt.device.kit import read_kit
from mcompile.backends.tensorrt.device.timing_cache import keep_timing, timing_path

from .desk import lay


def test_the_next_build_uses_it(tmp_path):
    desk = lay(tmp_path, "fp32")
    assert "with its timing cache" not in desk.run("--build-only").stdout
    assert "with its timing cache" in desk.run("--build-only").stdout
    kept = [path.read_bytes() for path in desk.kit.glob("timing-*.cache")]
    assert kept == [b"timed:2"]
    for path in desk.kit.glob("timing-*.cache"):
        path.write_bytes(b"damaged")
    assert desk.run("--build-only").returncode == 0
    assert path.read_bytes() == b"timed:1"


def test_it_is_of_one_model_release_and_gpu(tmp_path):
    desk = lay(tmp_path, "fp32")
    paths = {timing_path(read_kit(str(desk.kit)), version) for version in ("8.5.2", "8.5.3")}
    desk.facts(compute_capability="7.2")
    paths.add(timing_path(read_kit(str(desk.kit)), "8.5.2"))
    desk.facts(sha256="0" * 64)
    paths.add(timing_path(read_kit(str(desk.kit)), "8.5.2"))
    assert len(paths) == 4


def test_a_place_that_cannot_be_written(tmp_path):
    assert not keep_timing(str(tmp_path / "no" / "such" / "file"), b"x")
