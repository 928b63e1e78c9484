# mcompile, ONNX Runtime and LiteRT, for one target: on top of an image of onnxruntime.Dockerfile.
#
#   docker build -f docker/onnxruntime.Dockerfile -t mcompile:cpu-server .
#   docker build -f docker/litert.Dockerfile -t mcompile:phone .
#   docker run --rm -v "$PWD:/work" mcompile:phone model.onnx --target phone
#
# BASE is any image of that Dockerfile, whatever its target. The secret `pip` is a pip configuration
# for the build alone.
ARG BASE=mcompile:cpu-server

FROM ${BASE}
USER root
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    /opt/mcompile/bin/pip install --quiet "mcompile[litert]"

ARG TARGET=phone
RUN mcompile targets "$TARGET" --json | grep -q '"litert"' \
    || { echo "$TARGET is not a target of litert" >&2; exit 1; }
LABEL mcompile.target="$TARGET"

USER 1000:1000
