# mcompile, ONNX Runtime and OpenVINO, for one target: on top of an image of onnxruntime.Dockerfile.
#
#   docker build -f docker/onnxruntime.Dockerfile -t mcompile:cpu-server .
#   docker build -f docker/openvino.Dockerfile --build-arg TARGET=intel-npu -t mcompile:intel-npu .
#   docker run --rm -v "$PWD:/work" mcompile:intel-npu model.onnx --target intel-npu
#
# BASE is any image of that Dockerfile, whatever its target. DRIVER is for a GPU: the packages of
# its OpenCL driver, which runs in the program and so is part of the image. docs/docker.md says what
# else the host must give. The secret `pip` is a pip configuration for the build alone.
ARG BASE=mcompile:cpu-server

FROM ${BASE}
USER root
# At every import OpenVINO would else report its use to its vendor; it goes without that package.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    /opt/mcompile/bin/pip install --quiet "mcompile[openvino]" \
    && /opt/mcompile/bin/pip uninstall --quiet --yes openvino-telemetry

ARG DRIVER=""
RUN test -z "$DRIVER" \
    || { apt-get update && apt-get install --yes --no-install-recommends $DRIVER \
         && rm -rf /var/lib/apt/lists/*; }

ARG TARGET=intel-npu
RUN mcompile targets "$TARGET" --json | grep -q '"openvino"' \
    || { echo "$TARGET is not a target of openvino" >&2; exit 1; }
LABEL mcompile.target="$TARGET"

USER 1000:1000
