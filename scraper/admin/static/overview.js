// Keeps the cards fresh: asks the JSON API every few seconds, and takes the cards anew when something changed.
"use strict";
(() => {
  const EVERY = 5000;
  const cards = document.getElementById("cards");
  const fresh = document.getElementById("fresh");
  const part = new URLSearchParams(location.search);
  if (!part.get("page")) part.set("page", "1");
  let last = null;

  async function look() {
    const { ucms } = await admin.api(`/overview?${part}`);
    // An age grows all the time; it is no news.
    const found = JSON.stringify(ucms.map(({ age_seconds, ...rest }) => rest));
    const states = JSON.stringify(ucms.map(({ ucm, state }) => [ucm, state]));
    if (last && last.found !== found && !cards.contains(document.activeElement)) {
      const answer = await fetch(`/overview/cards?${part}`);
      if (answer.ok) {
        cards.innerHTML = await answer.text();
        admin.localTimes(cards);
      }
    }
    if (last && last.states !== states) fresh.textContent = ucms.map(({ ucm, state }) => `${ucm}: ${state.replace("-", " ")}`).join(", ");
    else if (fresh.dataset.lost) fresh.textContent = "";
    delete fresh.dataset.lost;
    // What can't be shown yet, for the keyboard is in it, is shown later.
    last = { found: last && cards.contains(document.activeElement) ? last.found : found, states };
  }

  async function keep() {
    try {
      if (!document.hidden) await look();
    } catch {
      fresh.dataset.lost = "yes";
      fresh.textContent = "The service can't be reached; trying again.";
    }
    setTimeout(keep, EVERY);
  }
  keep();

  for (const scroller of document.querySelectorAll(".scroll.end")) scroller.scrollLeft = scroller.scrollWidth;
})();
