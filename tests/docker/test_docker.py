"""The images: what goes into one, one for each onnxruntime target, and a real one.

The last is built when MCOMPILE_TEST_BASE names an image with Python, pip and venv that buildah can
use. MCOMPILE_TEST_BUD holds further arguments of `buildah bud`, such as `--build-arg TORCH=...`,
`--volume` or `--secret id=pip,src=...`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mcompile import graph, targets
from mcompile.targets import places

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "onnxruntime.Dockerfile"
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PACKAGE["project"]
VERSION = PROJECT["version"]
PLATFORMS = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}
BUILT = [name for name in sorted(places.shipped()) if targets.load(name).backend == "onnxruntime"]


def lines() -> list[str]:
    """The instructions of the Dockerfile, each on one line, without comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.M)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def bake(kind: str) -> dict[str, str]:
    """The body of each `target` or `group` of the bake file."""
    text = (ROOT / "docker" / "docker-bake.hcl").read_text(encoding="utf-8")
    return dict(re.findall(rf'^{kind} "([^"]+)" {{\n(.*?)^}}', text, re.M | re.S))


def value(body: str, key: str) -> str:
    """What a line `key = value` of a bake target says."""
    (found,) = re.findall(rf"^  {key} *= (.*)$", body, re.M)
    return str(found)


def sent() -> tuple[set[str], list[str]]:
    """What .dockerignore takes back from `*`, and what it leaves out of that again."""
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    first, *rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert first == "*"
    return {r[1:] for r in rules if r[0] == "!"}, [r for r in rules if r[0] != "!"]


def test_every_onnxruntime_target_has_an_image_and_no_other() -> None:
    assert {*bake("target")} == {"_onnxruntime", *BUILT}
    default = value(bake("group")["default"], "targets")
    assert sorted(re.findall(r'"([^"]+)"', default)) == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_an_image_is_for_the_processor_of_its_target(name: str) -> None:
    body = bake("target")[name]
    assert value(body, "inherits") == '["_onnxruntime"]'
    assert value(body, "args") == f'{{ TARGET = "{name}" }}'
    assert value(body, "tags") == f'["mcompile:{name}"]'
    assert value(body, "platforms") == f'["{PLATFORMS[targets.load(name).device.arch]}"]'


def test_the_bake_file_builds_from_the_dockerfile_at_the_root() -> None:
    body = bake("target")["_onnxruntime"]
    assert value(body, "context") == '"."'
    assert ROOT / value(body, "dockerfile").strip('"') == DOCKERFILE


@pytest.mark.parametrize(
    ("name", "built"), [("cpu-server", True), ("jetson-nano", False), ("cpu-sever", False)]
)
def test_a_target_of_another_runtime_or_none_fails_the_build(name: str, built: bool) -> None:
    (step,) = [line[4:] for line in lines() if line.startswith("RUN mcompile targets ")]
    found = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", step],
        env={**os.environ, "PATH": found, "TARGET": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is built
    assert (f"{name} is not a target of onnxruntime" in done.stderr) is not built


def test_the_images_name_no_registry() -> None:
    for path in (DOCKERFILE, ROOT / "docker" / "docker-bake.hcl", ROOT / ".dockerignore"):
        text = path.read_text(encoding="utf-8")
        hosts = r"://|index-url|find-links|\b[\w-]+\.(?:io|org|com|net|dev)\b(?!\.)"
        assert not re.search(hosts, text), path.name


def test_the_image_runs_mcompile_and_not_as_root() -> None:
    last = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines()}
    assert json.loads(last["ENTRYPOINT"]) == ["mcompile"]
    assert last["WORKDIR"] == "/work"
    assert int(last["USER"].split(":")[0]) > 0
    assert "ORT_DISABLE_TELEMETRY=1" in last["ENV"]


def test_what_a_build_may_be_given_has_a_default() -> None:
    given = dict(line.split(maxsplit=1)[1].split("=", 1) for line in lines() if line[:4] == "ARG ")
    (torch,) = [need for need in PROJECT["dependencies"] if need.startswith("torch")]
    assert given == {
        "BASE": "python:3.12-slim", "TORCH": f'"{torch}"', "TARGET": "cpu-server",
    }  # fmt: skip


def test_the_label_says_the_version_that_is_installed() -> None:
    (label,) = [line for line in lines() if line.startswith("LABEL ")]
    assert f'org.opencontainers.image.version="{VERSION}"' in label


def test_only_what_is_installed_goes_to_the_builder() -> None:
    kept, left_out = sent()
    rooms = PACKAGE["tool"]["setuptools"]["package-dir"].values()
    assert kept == {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *rooms}
    assert not kept & {".venv", "out", "build", ".git"}
    assert "**/__pycache__" in left_out


def buildah(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["buildah", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container of an image that was built here and goes again."""
    base = os.environ.get("MCOMPILE_TEST_BASE")
    if not shutil.which("buildah"):
        pytest.skip("buildah is missing")
    if not base or buildah("inspect", "--type", "image", base).returncode:
        pytest.skip("an image with Python is missing: MCOMPILE_TEST_BASE names none that is here")
    more = shlex.split(os.environ.get("MCOMPILE_TEST_BUD", ""))
    image, name = f"localhost/mcompile-test:{os.getpid()}", f"mcompile-test-{os.getpid()}"
    words = ["--isolation", "chroot", "--build-arg", f"BASE={base}", *more, "-f", str(DOCKERFILE)]
    try:
        made = buildah("bud", *words, "-t", image, str(ROOT))
        assert made.returncode == 0, made.stderr
        assert buildah("from", "--name", name, image).returncode == 0
        yield name
    finally:
        buildah("rm", name)
        buildah("rmi", image)


def run(container: str, work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in the container, as its user, with a folder as its /work."""
    return buildah("run", "--isolation", "chroot", "-v", f"{work}:/work", container, "--", *words)


@pytest.mark.slow
def test_a_built_image_compiles_a_model(container: str, tmp_path: Path) -> None:
    w = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    text = """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,3,8,8] x) => (float[1,4,6,6] y) { c = Conv(x, w)  y = Relu(c) }"""
    graph.save(graph.parse(text, {"w": w}, "net"), tmp_path / "model.onnx")
    tmp_path.chmod(0o777)

    assert run(container, tmp_path, "id", "-u").stdout == "1000\n"
    said = run(container, tmp_path, "mcompile", "--version")
    assert said.stdout == f"mcompile {VERSION}\n"
    words = "mcompile model.onnx --target cpu-server -q --runs 3 --seconds 1 --threads 1"
    built = run(container, tmp_path, *words.split())
    assert built.returncode == 0, built.stderr
    out = tmp_path / "out" / "model-cpu-server-fp32"
    assert json.loads((out / "artifact.json").read_text())["built"] == "fp32"
    assert run(container, tmp_path, "mcompile", "check", f"out/{out.name}", "-q").returncode == 0
    vendors = run(container, tmp_path, "test", "-e", "/tmp/.cache/Microsoft")
    assert vendors.returncode == 1, "ONNX Runtime kept a record of its use"
