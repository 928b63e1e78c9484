"""What is written for people: how to build by hand, in a container, or with one command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

from packaging.version import Version

from mcompile.backends.tensorrt.kit import ENGINE, MODEL, REAL, Kit
from mcompile.backends.tensorrt.pins import admits, floor, told
from mcompile.types import Precision

_TEXTS = Path(__file__).with_name("texts")
ELEVEN = Version("11.0")

# Where trtexec's options differ: the releases, those that limit the workspace, and those for what
# the graph computes in. Source: NVIDIA/TensorRT, `samples/common/sampleOptions.cpp` of the releases
# 8.0, 8.2, 8.4, 8.5, 8.6, 9.3, 10.0, 10.16, 11.0 and 11.1: --memPoolSize came with 8.4 and
# --workspace went with 10.0, as --buildOnly did, which is --skipInference since 8.6; --fp16 and
# --calib went with 11, where --stronglyTyped has nothing left to say.
_MAJORS = (
    ("8.0 to 8.3", Version("8.0"), "8.4", "--workspace={mb} --buildOnly", False),
    ("8.4 to 8.5", Version("8.4"), "8.6", "--memPoolSize=workspace:{mb} --buildOnly", False),
    ("8.6 to 9", Version("8.6"), "10.0", "--memPoolSize=workspace:{mb} --skipInference", False),
    ("10", Version("10.0"), "11.0", "--memPoolSize=workspace:{mb} --skipInference", True),
    ("11", ELEVEN, "", "--memPoolSize=workspace:{mb} --skipInference", False),
)
_FLAGS = {Precision.FP32: "--noTF32", Precision.FP16: "--fp16", Precision.INT8: "--int8 --fp16"}


def written(kit: Kit, because: str, *, implicit: bool) -> dict[str, str]:
    """TRTEXEC.md, README.md and Dockerfile by name; `because` is what rules older releases out."""
    image = _image(kit)
    facts = {
        "name": kit.program.name,
        "target": kit.target.name,
        "title": kit.target.title,
        "precision": kit.target.precision.value,
        "versions": told(kit.versions),
        "because": f" ({because})" if because else "",
        "gpu": kit.target.device.compute_capability or "any, for the profile names none",
        "memory_mb": f"{kit.needs.memory_mb:.0f}",
        "workspace_mb": f"{kit.needs.workspace_mb:.0f}",
        "disk_mb": f"{kit.needs.disk_mb:.0f}",
        "sizes": _sizes(kit),
        "commands": "\n".join(_commands(kit)),
        "implicit": _implicit(kit) if implicit else "",
        "image": f"={image}" if image else "",
        "base": image or "an image with this TensorRT",
        "pick": "" if image else "--build-arg IMAGE=NAME:TAG ",
    }
    return {
        name: Template((_TEXTS / name).read_text(encoding="utf-8")).substitute(facts)
        for name in ("README.md", "TRTEXEC.md", "Dockerfile")
    }


def _image(kit: Kit) -> str:
    """The profile's image, unless its tag names a TensorRT that does not read this graph."""
    image = kit.target.runtime.image
    tag = re.search(r":r(\d+(?:\.\d+)+)", image)
    return "" if tag is not None and not kit.versions.contains(tag.group(1)) else image


def _commands(kit: Kit) -> Iterator[str]:
    """A heading and the lines of each major version that the kit is for."""
    precision = kit.target.precision
    for title, first, until, options, typed in _MAJORS:
        if not admits(kit.versions, first) or (until and Version(until) <= floor(kit.versions)):
            continue
        words = [options.format(mb=f"{kit.needs.workspace_mb:.0f}"), *_shapes(kit)]
        if typed:
            words.insert(0, "--stronglyTyped")
        if first < Version("10.0"):
            words.append(_FLAGS[precision])
        elif precision is Precision.FP32:
            words.append("--noTF32")
        line = f"trtexec --onnx={MODEL} --saveEngine={ENGINE} --timingCacheFile=timing.cache"
        yield f"## TensorRT {title}\n\n    {line} \\\n        {' '.join(words)}\n"


def _shapes(kit: Kit) -> Iterator[str]:
    for end in ("min", "opt", "max"):
        if kit.profiles:
            shapes = (f"{n}:{'x'.join(map(str, b[end]))}" for n, b in kit.profiles.items())
            yield f"--{end}Shapes={','.join(shapes)}"


def _sizes(kit: Kit) -> str:
    if not kit.profiles:
        return ""
    ends = ", ".join(
        f"{name} {bounds['min'][0]} to {bounds['max'][0]} (tuned for {bounds['opt'][0]})"
        for name, bounds in kit.profiles.items()
    )
    return f"Free leading sizes: {ends}; `profiles` in kit.json holds them.\n"


def _implicit(kit: Kit) -> str:
    text = Template((_TEXTS / "IMPLICIT.md").read_text(encoding="utf-8"))
    return text.substitute(
        real=REAL, engine=ENGINE, precision=" ".join((_FLAGS[kit.target.precision], *_shapes(kit)))
    )
