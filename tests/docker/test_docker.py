"""The images: what goes into one, and one for each runtime of a target."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mcompile import targets
from mcompile.targets import places

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
RUNTIMES = sorted(path.stem for path in DOCKER.glob("*.Dockerfile"))
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PACKAGE["project"]
VERSION = PROJECT["version"]
PLATFORMS = {"aarch64": "linux/arm64"}  # accelerators of Intel sit beside an x86-64 processor
PHONES = {"phone", "android-mid", "android-flagship"}  # run no containers: a desk builds for them
DESKS = PHONES | {name for name in places.shipped() if name.startswith("jetson-")}
ON_TOP = {"openvino": "openvino", "litert": "ai-edge-litert", "tensorrt": "tensorrt-rtx"}
"""The runtimes whose images are put on top of ONNX Runtime's, and the packages that they add."""
EXTRA = {"tensorrt": "tensorrt-rtx"}  # TensorRT's own packages are the device's


def images() -> dict[str, tuple[str, str]]:
    """Runtime and target of each image, which bears the target's name for its first runtime."""
    every = [targets.load(name) for name in sorted(places.shipped())]
    return {
        t.name if runtime == t.backend else f"{t.name}-{runtime}": (runtime, t.name)
        for t in every
        for runtime in (t.backend, *t.others)
        if runtime in RUNTIMES
    }


IMAGES = images()


def dockerfile(runtime: str) -> Path:
    return DOCKER / f"{runtime}.Dockerfile"


def lines(runtime: str) -> list[str]:
    """The instructions of a Dockerfile, each on one line, without comments."""
    text = re.sub(r"^#.*\n", "", dockerfile(runtime).read_text(encoding="utf-8"), flags=re.M)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def last(runtime: str) -> dict[str, str]:
    """The last instruction of each kind."""
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines(runtime)}


def given(runtime: str) -> dict[str, str]:
    """What a build may be given, with its defaults."""
    kept = [line.split(maxsplit=1)[1] for line in lines(runtime) if line[:4] == "ARG "]
    return dict(line.split("=", 1) for line in kept)


def bake(kind: str) -> dict[str, str]:
    """The body of each `target` or `group` of the bake file."""
    text = (DOCKER / "docker-bake.hcl").read_text(encoding="utf-8")
    return dict(re.findall(rf'^{kind} "([^"]+)" {{\n(.*?)^}}', text, re.M | re.S))


def value(body: str, key: str) -> str:
    """What `key = value` of a bake target says, to the line's or the list's end."""
    (found,) = re.findall(rf"^  {key} *= (\[.*?\]|.*?)$", body, re.M | re.S)
    return str(found)


def sent() -> tuple[set[str], list[str]]:
    """What .dockerignore takes back from `*`, and what it leaves out of that again."""
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    first, *rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert first == "*"
    return {r[1:] for r in rules if r[0] == "!"}, [r for r in rules if r[0] != "!"]


def test_every_runtime_of_a_target_has_an_image_and_no_other() -> None:
    assert {*bake("target")} == {*IMAGES, *(f"_{runtime}" for runtime in RUNTIMES)}
    default = value(bake("group")["default"], "targets")
    assert sorted(re.findall(r'"([^"]+)"', default)) == sorted(IMAGES)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_for_the_processor_of_its_target(name: str) -> None:
    body, (runtime, target) = bake("target")[name], IMAGES[name]
    own = "platforms" in body
    assert value(body, "inherits") == f'["_{runtime}"]'
    assert f'TARGET = "{target}" }}' in value(body, "args")
    assert value(body, "tags") == f'["mcompile:{name}"]'
    arch = "x86_64" if target in DESKS else targets.load(target).device.arch
    platform = PLATFORMS.get(arch, "linux/amd64")
    assert value(body if own else bake("target")[f"_{runtime}"], "platforms") == f'["{platform}"]'


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_bake_file_builds_from_the_dockerfile_at_the_root(runtime: str) -> None:
    body = bake("target")[f"_{runtime}"]
    assert value(body, "context") == '"."'
    assert ROOT / value(body, "dockerfile").strip('"') == dockerfile(runtime)


@pytest.mark.parametrize("runtime", ON_TOP)
def test_a_further_runtime_is_put_on_top_of_the_image_that_has_the_rest(runtime: str) -> None:
    (base,) = [line for line in lines(runtime) if line.startswith("FROM ")]
    assert base == "FROM ${BASE}"
    below = given(runtime)["BASE"].removeprefix("mcompile:")
    assert IMAGES[below][0] == "onnxruntime"
    common = bake("target")[f"_{runtime}"]
    assert value(common, "contexts") == f'{{ onnxruntime = "target:{below}" }}'
    for name in [n for n, (own, _) in IMAGES.items() if own == runtime]:
        body = bake("target")[name]
        assert 'BASE = "onnxruntime",' in value(body, "args")
        context = value(body if "contexts" in body else common, "contexts")
        (under,) = re.findall(r'"target:(.*)"', context)
        platform = value(body if "platforms" in body else common, "platforms")
        assert value(bake("target")[under], "platforms") == platform
    # What the image below has set is not said again, apart from the user, who had to be root.
    assert {*last(runtime)} == {"ARG", "FROM", "RUN", "LABEL", "USER"}
    assert last(runtime)["USER"] == last("onnxruntime")["USER"]


@pytest.mark.parametrize("runtime", ON_TOP)
def test_a_further_runtime_comes_from_the_packages_own_extra(runtime: str) -> None:
    (step,) = [line for line in lines(runtime) if "pip install" in line]
    extra = EXTRA.get(runtime, runtime)
    assert re.findall(r'"mcompile\[([\w-]+)\]"', step) == [extra]
    needs = PROJECT["optional-dependencies"][extra]
    assert [need.partition(">")[0] for need in needs] == [ON_TOP[runtime]]
    told = "pip uninstall --quiet --yes openvino-telemetry" in step
    assert told is (runtime == "openvino")


@pytest.mark.parametrize(
    ("runtime", "name", "built"),
    [
        ("onnxruntime", "cpu-server", True),
        ("onnxruntime", "intel-npu", False),
        ("onnxruntime", "cpu-sever", False),
        ("openvino", "intel-npu", True),
        ("openvino", "cpu-server", True),
        ("openvino", "raspberry-pi-4", False),
        ("openvino", "intel-nqu", False),
        ("litert", "phone", True),
        ("litert", "raspberry-pi-5", True),
        ("litert", "cpu-server", False),
        ("tensorrt", "jetson-nano", True),
        ("tensorrt", "a10", True),
        ("tensorrt", "phone", False),
    ],
)
def test_a_target_of_another_runtime_or_none_fails_the_build(
    runtime: str, name: str, built: bool
) -> None:
    (step,) = [line[4:] for line in lines(runtime) if line.startswith("RUN mcompile targets ")]
    found = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", step],
        env={**os.environ, "PATH": found, "TARGET": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is built
    assert (f"{name} is not a target of {runtime}" in done.stderr) is not built


def test_the_images_name_no_registry() -> None:
    files = [*map(dockerfile, RUNTIMES), DOCKER / "docker-bake.hcl", ROOT / ".dockerignore"]
    for path in files:
        text = path.read_text(encoding="utf-8")
        hosts = r"://|index-url|find-links|\b[\w-]+\.(?:io|org|com|net|dev)\b(?!\.)"
        assert not re.search(hosts, text), path.name


def test_the_image_runs_mcompile_and_not_as_root() -> None:
    said = last("onnxruntime")
    assert json.loads(said["ENTRYPOINT"]) == ["mcompile"]
    assert said["WORKDIR"] == "/work"
    assert int(said["USER"].split(":")[0]) > 0
    assert "ORT_DISABLE_TELEMETRY=1" in said["ENV"]


def test_what_a_build_may_be_given_has_a_default() -> None:
    (torch,) = [need for need in PROJECT["dependencies"] if need.startswith("torch")]
    assert given("onnxruntime") == {
        "BASE": "python:3.12-slim", "TORCH": f'"{torch}"', "TARGET": "cpu-server",
    }  # fmt: skip
    assert given("openvino") == {
        "BASE": "mcompile:cpu-server", "DRIVER": '""', "TARGET": "intel-npu",
    }  # fmt: skip
    assert given("litert") == {"BASE": "mcompile:cpu-server", "TARGET": "phone"}
    assert given("tensorrt") == {"BASE": "mcompile:cpu-server", "TARGET": "jetson-orin-nano"}


def test_the_label_says_the_version_that_is_installed() -> None:
    (label,) = [line for line in lines("onnxruntime") if line.startswith("LABEL ")]
    assert f'org.opencontainers.image.version="{VERSION}"' in label


def test_only_what_is_installed_goes_to_the_builder() -> None:
    kept, left_out = sent()
    rooms = PACKAGE["tool"]["setuptools"]["package-dir"].values()
    assert kept == {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *rooms}
    assert not kept & {".venv", "out", "build", ".git"}
    assert "**/__pycache__" in left_out
