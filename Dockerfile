# Debian's own Chromium: one source of security updates for the whole image.
FROM debian:12-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates chromium-headless-shell python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/*

COPY . /usr/src/ucm-recording-scraper
RUN python3 -m venv /opt/ucm-scraper \
 && /opt/ucm-scraper/bin/pip install --no-cache-dir -c /usr/src/ucm-recording-scraper/requirements.lock '/usr/src/ucm-recording-scraper[postgresql,s3]' \
 && /opt/ucm-scraper/bin/python -m compileall -q /opt/ucm-scraper/lib \
 && rm -rf /usr/src/ucm-recording-scraper \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin ucm \
 && install -d -o ucm -g ucm -m 0700 /data

# Environment comes before the file: whoever wants other listeners or certificates sets these instead.
ENV PATH=/opt/ucm-scraper/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    UCM_SCRAPER_CONFIG=/config/config.yaml \
    UCM_SCRAPER__DATA_DIR=/data \
    UCM_SCRAPER__ADMIN__LISTEN=0.0.0.0:8443 \
    UCM_SCRAPER__ADMIN__TLS__SELF_MADE=true

# The root may be read-only: only /data and /tmp (a tmpfs) are written.
USER ucm
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8443
# A UCM without a good run for watch.stale_hours is unhealthy, too.
HEALTHCHECK --interval=1m --timeout=15s --start-period=1m CMD ["ucm-scraper", "-qq", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "ucm-scraper"]
CMD ["serve"]
