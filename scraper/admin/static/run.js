// Follows a job over server-sent events; when it has ended, the page is loaded again and shows what came of it.
"use strict";
(() => {
  const MOST_LINES = 1000;
  const part = document.querySelector("[data-events]");
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const bar = document.getElementById("bar");
  const log = document.getElementById("log");
  const elapsed = document.getElementById("elapsed");
  let since = Date.parse(elapsed.dataset.since) || null;

  function stage(name) {
    const badge = document.createElement("span");
    badge.className = `badge ${name}`;
    badge.textContent = name;
    document.getElementById("stage").replaceChildren(badge);
    if (name === "running") since = since || Date.now();
    if (name === "stopping") show("phase", "stopping: it finishes the recording in hand");
  }

  function downloaded(received, total) {
    bar.max = total || 1;
    if (received && !total) bar.removeAttribute("value"); // moving, for nobody knows how far it is
    else bar.value = received;
    show("received", total ? `${admin.size(received)} of ${admin.size(total)}` : admin.size(received));
  }

  function line({ time, level, message }) {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 5;
    const span = document.createElement("span");
    span.className = level;
    const clock = document.createElement("time");
    clock.className = "clock";
    clock.dateTime = time;
    span.append(clock, ` ${String(level).padEnd(7)} ${message}`);
    log.append(span, "\n");
    admin.localTimes(span);
    while (log.childNodes.length > 2 * MOST_LINES) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  const heard = {
    state: (data) => { stage(data.stage); if (data.phase) show("phase", data.phase); downloaded(data.received, data.total); show("recordings", data.recordings.toLocaleString()); },
    stage: (data) => stage(data.stage),
    phase: (data) => show("phase", data.name),
    downloaded: (data) => downloaded(data.received, data.total),
    recording: (data) => show("recordings", data.recordings.toLocaleString()),
    log: line,
    end: () => { source.close(); location.reload(); },
  };
  const source = new EventSource(part.dataset.events);
  for (const [name, take] of Object.entries(heard)) source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  source.onopen = () => { document.getElementById("line").hidden = true; };
  source.onerror = () => {
    document.getElementById("line").hidden = false;
    // Closed for good: signed out, or the service has forgotten the job. The page knows what to show.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  };
  setInterval(() => {
    if (!since) return;
    const seconds = Math.max(0, Math.round((Date.now() - since) / 1000));
    show("elapsed", seconds < 90 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`);
  }, 1000);
  log.scrollTop = log.scrollHeight;
})();
