# mcompile, ONNX Runtime and TensorRT-RTX, for one target of TensorRT: on top of an image of
# onnxruntime.Dockerfile. It needs no GPU: the engine kit that it writes is finished on the device.
#
#   docker build -f docker/onnxruntime.Dockerfile -t mcompile:cpu-server .
#   docker build -f docker/tensorrt.Dockerfile -t mcompile:jetson-orin-nano .
#   docker run --rm -v "$PWD:/work" mcompile:jetson-orin-nano model.onnx --target jetson-orin-nano
#
# BASE is any image of that Dockerfile for x86-64. TensorRT-RTX is under NVIDIA's licence. The secret
# `pip` is a pip configuration for the build alone.
ARG BASE=mcompile:cpu-server

FROM ${BASE}
USER root
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    /opt/mcompile/bin/pip install --quiet "mcompile[tensorrt-rtx]"

ARG TARGET=jetson-orin-nano
RUN mcompile targets "$TARGET" --json | grep -q '"tensorrt"' \
    || { echo "$TARGET is not a target of tensorrt" >&2; exit 1; }
LABEL mcompile.target="$TARGET"

USER 1000:1000
