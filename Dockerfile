# syntax=docker/dockerfile:1
# CPU:   docker build -t wsi-refocus --build-arg TORCH_INDEX=<PyTorch's CPU index> .
# CUDA:  docker build -t wsi-refocus:cuda --build-arg TORCH_INDEX=<PyTorch's index for your CUDA> .
# Run:   docker run --rm -v "$PWD:/data" wsi-refocus run /data/slide.ome.tiff
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/wsi-refocus
# An index of wheels for torch; empty takes what the default index offers (CUDA on Linux).
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1
COPY Makefile pyproject.toml constraints.txt README.md LICENSE ./
COPY wsi_refocus wsi_refocus
COPY cli cli
# The same target that `make run` begins with.
RUN make .venv/ready TORCH="torch==2.13.0 ${TORCH_INDEX:+--index-url ${TORCH_INDEX}}"
# Nobody can write here later, so all is compiled now; some packages carry files for other versions of Python.
RUN .venv/bin/python -m compileall -q .venv/lib wsi_refocus cli || true

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 1000 refocus
COPY --from=build --chown=root:root /opt/wsi-refocus /opt/wsi-refocus
ENV PATH=/opt/wsi-refocus/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER refocus
WORKDIR /data
ENTRYPOINT ["wsi-refocus"]
CMD ["--help"]
