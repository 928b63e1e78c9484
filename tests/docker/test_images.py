"""Real images, each with a model compiled in it.

They are built when MCOMPILE_TEST_BASE names an image with Python, pip and venv that buildah can
use. MCOMPILE_TEST_BUD holds further arguments of `buildah bud`, such as `--build-arg TORCH=...`,
`--volume` or `--secret id=pip,src=...`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcompile import graph

ROOT = Path(__file__).parents[2]
VERSION = version("mcompile")


def buildah(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["buildah", *words], capture_output=True, text=True, check=False)


def made(runtime: str, base: str) -> Iterator[tuple[str, str]]:
    """An image of that Dockerfile, and a container of it; both go again."""
    image = f"localhost/mcompile-test-{runtime}:{os.getpid()}"
    name = f"mcompile-test-{runtime}-{os.getpid()}"
    more = shlex.split(os.environ.get("MCOMPILE_TEST_BUD", ""))
    words = ["--isolation", "chroot", "--build-arg", f"BASE={base}", *more]
    try:
        done = buildah(
            "bud",
            *words,
            "-f",
            str(ROOT / "docker" / f"{runtime}.Dockerfile"),
            "-t",
            image,
            str(ROOT),
        )
        assert done.returncode == 0, done.stderr
        assert buildah("from", "--name", name, image).returncode == 0
        yield image, name
    finally:
        buildah("rm", name)
        buildah("rmi", image)


@pytest.fixture(scope="module")
def onnxruntime() -> Iterator[tuple[str, str]]:
    base = os.environ.get("MCOMPILE_TEST_BASE")
    if not shutil.which("buildah"):
        pytest.skip("buildah is missing")
    if not base or buildah("inspect", "--type", "image", base).returncode:
        pytest.skip("an image with Python is missing: MCOMPILE_TEST_BASE names none that is here")
    yield from made("onnxruntime", base)


@pytest.fixture(scope="module")
def openvino(onnxruntime: tuple[str, str]) -> Iterator[tuple[str, str]]:
    yield from made("openvino", onnxruntime[0])


def run(container: str, work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in the container, as its user, with a folder as its /work."""
    return buildah("run", "--isolation", "chroot", "-v", f"{work}:/work", container, "--", *words)


def model(work: Path) -> None:
    """A model.onnx in a folder that the container's user may write to."""
    w = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    text = """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,3,8,8] x) => (float[1,4,6,6] y) { c = Conv(x, w)  y = Relu(c) }"""
    graph.save(graph.parse(text, {"w": w}, "net"), work / "model.onnx")
    work.chmod(0o777)


def built(container: str, work: Path, words: str) -> tuple[str, dict[str, Any]]:
    """Where a build in the container leaves its artifact, and what the artifact says."""
    quick = "-q --runs 3 --seconds 1 --threads 1"
    done = run(container, work, "mcompile", "model.onnx", *words.split(), *quick.split())
    assert done.returncode == 0, done.stderr
    (file,) = work.glob("out/*/artifact.json")
    return f"out/{file.parent.name}", json.loads(file.read_text())


@pytest.mark.slow
def test_an_image_of_onnxruntime_compiles_a_model(
    onnxruntime: tuple[str, str], tmp_path: Path
) -> None:
    container = onnxruntime[1]
    model(tmp_path)
    assert run(container, tmp_path, "id", "-u").stdout == "1000\n"
    said = run(container, tmp_path, "mcompile", "--version")
    assert said.stdout == f"mcompile {VERSION}\n"
    out, found = built(container, tmp_path, "--target cpu-server")
    assert found["built"] == "fp32"
    assert run(container, tmp_path, "mcompile", "check", out, "-q").returncode == 0
    vendors = run(container, tmp_path, "test", "-e", "/tmp/.cache/Microsoft")
    assert vendors.returncode == 1, "ONNX Runtime kept a record of its use"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    ["--target intel-npu", "--target intel-igpu", "--target cpu-server --backend openvino"],
)
def test_an_image_of_openvino_compiles_a_model(
    openvino: tuple[str, str], tmp_path: Path, words: str
) -> None:
    container = openvino[1]
    model(tmp_path)
    assert run(container, tmp_path, "id", "-u").stdout == "1000\n"
    _, found = built(container, tmp_path, words)
    assert [each["path"] for each in found["artifact"]["files"]] == ["model.xml", "model.bin"]
    vendors = run(container, tmp_path, "test", "-e", "/tmp/intel")
    assert vendors.returncode == 1, "OpenVINO kept a record of its use"
