# sheafnet and Ray, for every node of a cluster and for whoever submits a job to it.

FROM python:3.11.14-slim-bookworm AS build

# One version on every node: they refuse each other otherwise. deploy/rayjob.yaml names it too.
ARG RAY_VERSION=2.60.0

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY sheafnet sheafnet
RUN pip install --no-cache-dir --prefix=/install . "ray[default]==${RAY_VERSION}"


FROM python:3.11.14-slim-bookworm

# In /usr/local, where a login shell looks too: KubeRay may start Ray through one.
COPY --from=build /install /usr/local

# Ray looks for a cluster configuration in the home of whoever runs it, and asks beyond this
# machine for one if there is none. Runs are written to the folder runs beside it.
RUN useradd --uid 1000 --create-home sheafnet \
    && echo '{}' > /home/sheafnet/ray_bootstrap_config.yaml \
    && install -d -o sheafnet -g sheafnet /home/sheafnet/runs

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RAY_AUTH_MODE=token \
    RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_USAGE_STATS_REPORT_URL=http://127.0.0.1:9/

USER 1000:1000
WORKDIR /home/sheafnet
ENTRYPOINT ["sheafnet"]
CMD ["--help"]
