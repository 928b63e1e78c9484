# mcompile and ONNX Runtime, for one target.
#
#   docker build -f docker/onnxruntime.Dockerfile -t mcompile:cpu-server .
#   docker run --rm -v "$PWD:/work" mcompile:cpu-server model.onnx --target cpu-server
#
# BASE is any image with Python 3.10 or newer, pip and venv. TORCH is any requirement that pip
# understands; its CPU build keeps the image small. The secret `pip` is a pip configuration for the
# build alone.
ARG BASE=python:3.12-slim

FROM ${BASE} AS wheel
# In both stages a venv, because a distribution's own Python may be closed to pip.
RUN python3 -m venv /build
COPY . /src
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    /build/bin/pip wheel --quiet --no-deps --wheel-dir /dist /src

FROM ${BASE}
# The order is from what changes least, so that a new mcompile or target leaves torch's layer alone.
ARG TORCH="torch>=2.6"
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/mcompile \
    && /opt/mcompile/bin/pip install --quiet "$TORCH"
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/mcompile/bin/pip install --quiet /dist/*.whl

# A user that `docker run --user` names has no home here and no entry in /etc/passwd. Left to itself,
# ONNX Runtime from 1.29 on reports its use to its vendor.
ENV PATH=/opt/mcompile/bin:$PATH HOME=/tmp USER=mcompile ORT_DISABLE_TELEMETRY=1

ARG TARGET=cpu-server
RUN mcompile targets "$TARGET" --json | grep -q '"onnxruntime"' \
    || { echo "$TARGET is not a target of onnxruntime" >&2; exit 1; }
LABEL org.opencontainers.image.title="mcompile" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      mcompile.target="$TARGET"

USER 1000:1000
WORKDIR /work
ENTRYPOINT ["mcompile"]
