// The live view: pictures come as server-sent events, clicks and keys go back in the order in which they were made.
"use strict";

(() => {
  const section = document.querySelector(".by-hand");
  const place = `/sign-in-by-hand/${encodeURIComponent(section.dataset.ucm)}`;
  const status = document.getElementById("state");
  const screen = document.getElementById("screen");
  const picture = document.getElementById("picture");
  const text = document.getElementById("text");
  const SEEN_MS = 15_000; // the browser is closed where nothing is heard of us for a minute
  const OFTEN = 5; // so many failed sign-ins a PBX takes by default

  let size = null; // of the page that the picture shows, in its CSS pixels
  let ready = false;
  let over = false;
  let sending = Promise.resolve();

  const say = (words, warn = false) => {
    if (status.textContent !== words) status.textContent = words;
    status.classList.toggle("warn", warn);
  };

  // One request after the other, so that nothing overtakes a click.
  function send(...commands) {
    if (over) return sending;
    sending = sending.then(() => post(commands)).catch(() => say("The connection is interrupted; what you did last may be lost.", true));
    return sending;
  }

  async function post(commands) {
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": admin.csrf };
    const answer = await fetch(`${place}/do`, { method: "POST", headers, body: JSON.stringify({ commands }) });
    if (answer.redirected || answer.status === 403) location.reload();
  }

  function look() {
    const width = Math.round(section.clientWidth);
    const height = Math.round(Math.max(window.innerHeight * 0.6, 300));
    return send({ command: "view", width, height });
  }

  // --- what comes ---

  const source = new EventSource(`${place}/events`);
  source.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    ready = state.ready && state.stage === "running";
    screen.classList.remove("away");
    if (ready) look();
    else if (state.stage === "stopping") say("Closing …");
    else if (state.stage === "waiting") say(state.waits_for ? `Waiting for its turn: a ${state.waits_for} works on this UCM.` : "Waiting for its turn …");
    else say("Opening the sign-in page …");
  });
  source.addEventListener("frame", (event) => {
    const frame = JSON.parse(event.data);
    size = frame;
    picture.src = `data:image/jpeg;base64,${frame.image}`;
    screen.hidden = false;
    if (frame.left < OFTEN) say(`${frame.left} failed sign-in${frame.left === 1 ? "" : "s"} left before the PBX bans this server's address.`, true);
    else say("Live: sign in, and solve what is asked.");
  });
  source.addEventListener("over", () => {
    over = true;
    source.close();
    location.reload(); // the page tells how it ended
  });
  source.addEventListener("error", () => {
    screen.classList.add("away");
    if (!over) say("The connection is interrupted; connecting again …", true);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 2000);
  });

  // --- what goes ---

  function placeOf({ clientX, clientY }) { // on the page that the picture shows
    const box = picture.getBoundingClientRect();
    const scaled = (value, length, whole) => Math.max(-9000, Math.min(9000, Math.round((value / length) * whole * 10) / 10));
    return { x: scaled(clientX - box.left, box.width, size.width), y: scaled(clientY - box.top, box.height, size.height) };
  }

  // What moves while it is pressed is a drag, shown as it goes (sliders need that); a finger that moves up or down scrolls this page.
  const SHAKE_PX = 6;
  const MOVE_MS = 50;
  let pressed = null; // where and by which pointer, until it is released
  let dragged = false;
  let moved = null; // the newest place that waits to be sent
  let moving = 0;
  function sendMove() {
    clearTimeout(moving);
    moving = 0;
    if (moved) send({ command: "move", ...moved });
    moved = null;
  }
  screen.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0 || !size) return;
    dragged = false;
    pressed = event;
  });
  screen.addEventListener("pointermove", (event) => {
    if (!pressed || event.pointerId !== pressed.pointerId) return;
    if (!dragged) {
      if (Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < SHAKE_PX) return;
      dragged = true;
      screen.setPointerCapture(event.pointerId);
      send({ command: "press", ...placeOf(pressed) });
    }
    moved = placeOf(event);
    moving = moving || setTimeout(sendMove, MOVE_MS);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    screen.addEventListener(name, (event) => {
      if (!pressed || event.pointerId !== pressed.pointerId) return;
      pressed = null;
      if (!dragged) return;
      sendMove();
      send({ command: "release", ...placeOf(event) });
    });
  }
  screen.addEventListener("click", (event) => {
    if (size && !dragged) send({ command: "click", ...placeOf(event) });
    dragged = false;
  });
  let wheel = { dx: 0, dy: 0 };
  screen.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!wheel.dx && !wheel.dy) {
      setTimeout(() => {
        send({ command: "scroll", ...wheel });
        wheel = { dx: 0, dy: 0 };
      }, 100);
    }
    const within = (value) => Math.max(-9000, Math.min(9000, value));
    wheel = { dx: within(wheel.dx + event.deltaX), dy: within(wheel.dy + event.deltaY) };
  }, { passive: false });

  const KEYS = new Set(["Enter", "Backspace", "Delete", "Escape", "Home", "End", "PageUp", "PageDown", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);
  screen.addEventListener("keydown", (event) => { // Tab is left to this page: somebody without a mouse must get out
    if (event.ctrlKey || event.metaKey || (event.altKey && event.key.length > 1) || event.isComposing) return;
    if (KEYS.has(event.key)) send({ command: "key", key: event.key });
    else if ([...event.key].length === 1) send({ command: "text", text: event.key });
    else return;
    event.preventDefault();
  });
  screen.addEventListener("paste", (event) => {
    const pasted = (event.clipboardData.getData("text") || "").replace(/[\u0000-\u001f\u007f]/g, "").slice(0, 500);
    if (pasted) send({ command: "text", text: pasted });
    event.preventDefault();
  });

  document.getElementById("type").addEventListener("submit", (event) => {
    event.preventDefault();
    send(text.value ? { command: "text", text: text.value } : { command: "key", key: "Enter" });
    text.value = "";
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !text.value) send({ command: "key", key: "Backspace" });
  });
  document.getElementById("show").addEventListener("change", (event) => {
    text.type = event.target.checked ? "text" : "password";
  });
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => send({ command: "key", key: button.dataset.key }));
  }
  for (const button of document.querySelectorAll("[data-scroll]")) {
    button.addEventListener("click", () => send({ command: "scroll", dx: 0, dy: Number(button.dataset.scroll) }));
  }
  document.getElementById("fill")?.addEventListener("click", () => send({ command: "fill" }));

  setInterval(() => {
    if (ready && !document.hidden) send({ command: "seen" });
  }, SEEN_MS);
  document.addEventListener("visibilitychange", () => {
    if (ready && !document.hidden) look();
  });
  let resizing = 0;
  let lastWidth = section.clientWidth;
  window.addEventListener("resize", () => { // a phone's keyboard changes the height only: that is no reason to change the page
    if (!ready || section.clientWidth === lastWidth) return;
    clearTimeout(resizing);
    resizing = setTimeout(() => {
      lastWidth = section.clientWidth;
      look();
    }, 300);
  });
})();
