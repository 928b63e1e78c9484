"""What is written for people: each option of `trtexec` exists in the release it is given for."""

import re
from dataclasses import replace

import pytest

from mcompile.backends.tensorrt.kit import Kit
from mcompile.backends.tensorrt.needs import Needs
from mcompile.backends.tensorrt.pins import plain
from mcompile.backends.tensorrt.words import written
from mcompile.types import Precision

from .written import net, target

# NVIDIA/TensorRT, samples/common/sampleOptions.cpp of each release: of the options used here, those
# that are read there. What 8.4 has is read by 8.5, what 8.6 has by 9.3.
ALWAYS = "--onnx --saveEngine --timingCacheFile --noTF32 --minShapes --optShapes --maxShapes"
READ = {
    "8.0 to 8.3": f"{ALWAYS} --workspace --buildOnly --fp16 --int8",
    "8.4 to 8.5": f"{ALWAYS} --workspace --memPoolSize --buildOnly --fp16 --int8",
    "8.6 to 9": f"{ALWAYS} --workspace --memPoolSize --buildOnly --skipInference --fp16 --int8",
    "10": f"{ALWAYS} --memPoolSize --skipInference --fp16 --int8 --stronglyTyped",
    "11": f"{ALWAYS} --memPoolSize --skipInference",
}
BOUNDS = {"x": {"min": [1, 3, 8], "opt": [1, 3, 8], "max": [16, 3, 8]}}


def texts(versions, precision=Precision.INT8, bounds=None, *, implicit=False, because="", image=""):
    there = target(versions, precision)
    there = replace(there, runtime=replace(there.runtime, image=image))
    needs = Needs(1, 2, 128, 700, 21)
    return written(
        Kit(net(), there, plain(versions), needs, bounds or {}), because, implicit=implicit
    )


def lines(text):
    """The command of each major version, by its heading."""
    found = re.findall(r"## TensorRT (.+?)\n\n(.+?)\n\n", text, re.DOTALL)
    return {title: command.replace("\\\n", " ").split() for title, command in found}


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.FP16, Precision.INT8])
def test_every_option_is_one_that_the_release_reads(precision):
    found = lines(texts("", precision, BOUNDS)["TRTEXEC.md"])
    assert [*found] == [*READ]
    for title, words in found.items():
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= {*READ[title].split()}
        assert "--maxShapes=x:16x3x8" in words


@pytest.mark.parametrize(
    ("versions", "titles"),
    [
        ("==8.2.1", ["8.0 to 8.3"]),
        (">=8.5,<11", ["8.4 to 8.5", "8.6 to 9", "10"]),
        (">=10", ["10", "11"]),
        (">=11.4", ["11"]),
    ],
)
def test_only_releases_of_the_kit_are_told(versions, titles):
    assert [*lines(texts(versions)["TRTEXEC.md"])] == titles


@pytest.mark.parametrize(
    ("precision", "old", "new"),
    [
        (Precision.INT8, {"--int8", "--fp16"}, {"--stronglyTyped"}),
        (Precision.FP16, {"--fp16"}, {"--stronglyTyped"}),
        (Precision.FP32, {"--noTF32"}, {"--stronglyTyped", "--noTF32"}),
    ],
)
def test_what_the_graph_computes_in(precision, old, new):
    found = lines(texts("", precision)["TRTEXEC.md"])
    types = {"--int8", "--fp16", "--noTF32", "--stronglyTyped"}
    assert types & {*found["8.0 to 8.3"]} == old
    assert types & {*found["10"]} == new
    assert types & {*found["11"]} == new - {"--stronglyTyped"}


def test_the_workspace_and_the_reason_are_told():
    found = texts(">=8.6", because="before 8.6 it reads no Foo")
    assert "--memPoolSize=workspace:128" in found["TRTEXEC.md"]
    assert ">=8.6 (before 8.6 it reads no Foo)" in found["README.md"]
    assert "700 MB of memory" in found["README.md"]


def test_int8_without_pairs_is_told_where_there_is_a_table():
    assert "calibration.cache" not in texts(">=11")["TRTEXEC.md"]
    found = texts(">=8.5", bounds=BOUNDS, implicit=True)["TRTEXEC.md"]
    assert "(echo TRT-8502-EntropyCalibration2; cat calibration.txt) > calibration.cache" in found
    assert "--onnx=model-float.onnx" in found
    assert found.count("--minShapes=x:1x3x8") == 5  # four majors, and this way


def test_free_sizes_are_told():
    assert "x 1 to 16 (tuned for 1)" in texts("", bounds=BOUNDS)["README.md"]


def test_the_image_is_the_profile_s():
    assert "ARG IMAGE=vendor/thing:1\n" in texts("", image="vendor/thing:1")["Dockerfile"]
    bare = texts("")["Dockerfile"]
    assert "ARG IMAGE\n" in bare
    assert "FROM ${REGISTRY}${IMAGE}\n" in bare
    assert "--build-arg IMAGE=NAME:TAG" in texts("")["README.md"]


def test_an_image_whose_tensorrt_does_not_read_the_graph_is_not_offered():
    image = "vendor/l4t-tensorrt:r8.5.2-runtime"
    assert f"ARG IMAGE={image}\n" in texts(">=8.5", image=image)["Dockerfile"]
    assert "ARG IMAGE\n" in texts(">=8.6", image=image)["Dockerfile"]
