# Image of Tintype for amd64 and arm64. Two targets: `full` has fonts for every script and emoji, `slim` for Latin, Greek
# and Cyrillic. It uses the same scripts as `make`. See docs/containers.md.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS packages
WORKDIR /opt/tintype
COPY requirements.lock pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY scripts/environment.sh scripts/
COPY tintype/__init__.py tintype/
RUN scripts/environment.sh requirements.lock
COPY tintype tintype
RUN .venv/bin/python -m compileall -q -j 0 tintype .venv/lib

FROM ${BASE} AS slim
# Chromium runs as the user of the container, never as root.
# Debian packages are not pinned: their updates are security fixes.
# hadolint ignore=DL3008
RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tintype \
    && install -d -o tintype -g tintype /data \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=packages /opt/tintype /opt/tintype
ENV PATH=/opt/tintype/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    TINTYPE_DATA_DIR=/data \
    TINTYPE_LOG_FORMAT=json
RUN tintype install-browser --slim \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/cache/fontconfig/*
LABEL org.opencontainers.image.title="Tintype" \
      org.opencontainers.image.description="Self-hosted website thumbnails: send a URL, receive an image." \
      org.opencontainers.image.licenses="MIT"
# A numeric user, so that Kubernetes can verify that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=4)"]
ENTRYPOINT ["tini", "--", "tintype"]
CMD ["serve"]

FROM slim AS full
USER 0
RUN tintype install-browser \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/cache/fontconfig/*
USER 10001:10001
