# Debian's own Chromium: one source of security updates for the whole image.
FROM debian:12-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates chromium python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/*

COPY . /usr/src/ucm-recording-scraper
RUN python3 -m venv /opt/ucm-scraper \
 && /opt/ucm-scraper/bin/pip install --no-cache-dir -c /usr/src/ucm-recording-scraper/requirements.lock /usr/src/ucm-recording-scraper \
 && rm -rf /usr/src/ucm-recording-scraper \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin ucm \
 && install -d -o ucm -g ucm -m 0700 /data

ENV PATH=/opt/ucm-scraper/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    UCM_SCRAPER_CONFIG=/config/config.yaml \
    UCM_SCRAPER__DATA_DIR=/data

# The root may be read-only: only /data and /tmp (a tmpfs) are written.
USER ucm
WORKDIR /data
VOLUME ["/data"]
HEALTHCHECK --interval=5m --timeout=30s CMD ["ucm-scraper", "config", "check"]
ENTRYPOINT ["tini", "--", "ucm-scraper"]
CMD ["run"]
