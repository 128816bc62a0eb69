# One image holds every service: `storeops serve` runs all of them on an embedded PostgreSQL, `storeops serve orders
# --role api` one part. Built and run with nothing else:
#   docker build -t storeops:0.1.0 . && docker run --init -p 127.0.0.1:8000:8000 -v storeops:/var/lib/storeops storeops:0.1.0
# Pin the base for releases: --build-arg BASE=python:3.11-slim@sha256:…
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG UV=0.13.9
RUN python -m pip install --no-cache-dir "uv==${UV}"
WORKDIR /src
COPY pyproject.toml requirements.lock ./
COPY libs libs
COPY services services
COPY apps apps
# The lock constrains instead of being installed whole: versions and hashes are its own, the tools of development stay out.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --python "$(command -v python)" /opt/storeops \
    && VIRTUAL_ENV=/opt/storeops uv pip install --no-editable --link-mode copy --compile-bytecode \
        --constraint requirements.lock --build-constraint requirements.lock \
        ./libs/common ./services/* ./apps/storeops

FROM ${BASE}
# The user has a name because the embedded PostgreSQL asks for it.
RUN groupadd --gid 10001 storeops \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/storeops --shell /usr/sbin/nologin storeops \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/storeops
COPY --from=build /opt/storeops /opt/storeops
ENV PATH=/opt/storeops/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STOREOPS_DATA_DIR=/var/lib/storeops \
    STOREOPS_HOST=0.0.0.0 \
    STOREOPS_PORT=8000
USER 10001:10001
WORKDIR /var/lib/storeops
VOLUME /var/lib/storeops
EXPOSE 8000
# A service that runs alone listens on its own port: its container says so in STOREOPS_PORT too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"STOREOPS_PORT\"]}/readyz', timeout=4)"]
ENTRYPOINT ["storeops"]
CMD ["serve"]
