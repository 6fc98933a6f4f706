// Keeps a backfill's page up to date while it is under way, and tells screen readers when a slice is done.
"use strict";
(() => {
  const live = document.getElementById("live");
  const told = document.getElementById("told");
  const OFTEN = 1500;
  const SELDOM = 15000;

  const state = () => live.querySelector("[data-state]").dataset.state;
  const statement = () => live.querySelector("[data-told]").dataset.told;
  let shown = null;

  async function refresh() {
    let wait = OFTEN;
    try {
      const answer = await fetch(live.dataset.source, { redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload(); // signed out meanwhile
      const text = answer.ok ? await answer.text() : null;
      const busy = live.contains(document.activeElement); // not under somebody's keyboard
      if (text && text !== shown && !(busy && document.activeElement.closest("form"))) {
        const before = statement();
        live.innerHTML = text;
        shown = text;
        admin.localTimes(live);
        if (statement() !== before) told.textContent = statement();
      }
      if (state() !== "active") wait = SELDOM;
    } catch {
      wait = SELDOM; // the service is away; it may come back
    }
    if (["done", "cancelled"].includes(state())) return undefined;
    return setTimeout(refresh, document.hidden ? SELDOM : wait);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && state() === "active") refresh();
  });
  if (!["done", "cancelled"].includes(state())) setTimeout(refresh, OFTEN);
})();
