# mcompile and ONNX Runtime, for one target.
#
#   docker build -f docker/onnxruntime.Dockerfile -t mcompile:cpu-server .
#   docker run --rm -v "$PWD:/work" mcompile:cpu-server model.onnx --target cpu-server
#
# BASE is any image with Python 3.10 or newer, pip and venv. TORCH is any requirement that pip
# understands; its CPU build keeps the image small.
ARG BASE=python:3.12-slim

FROM ${BASE} AS wheel
# In both stages a venv, because a distribution's own Python may be closed to pip.
RUN python3 -m venv /build
COPY . /src
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /build/bin/pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /dist /src

FROM ${BASE}
# The order is from what changes least, so that a new mcompile or target leaves torch's layer alone.
ARG TORCH="torch>=2.6"
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/mcompile \
    && /opt/mcompile/bin/pip install --quiet --no-cache-dir "$TORCH"
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/mcompile/bin/pip install --quiet --no-cache-dir /dist/*.whl

# A user that `docker run --user` names has no home here and no entry in /etc/passwd.
ENV PATH=/opt/mcompile/bin:$PATH HOME=/tmp USER=mcompile

ARG TARGET=cpu-server
RUN mcompile targets "$TARGET" | grep "^ *backend  *onnxruntime$" \
    || { echo "$TARGET is not a target of onnxruntime" >&2; exit 1; }
LABEL org.opencontainers.image.title="mcompile" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      mcompile.target="$TARGET"

USER 1000:1000
WORKDIR /work
# As process 1, Python ends on an interrupt and not on the usual SIGTERM.
STOPSIGNAL SIGINT
ENTRYPOINT ["mcompile"]
