// What every page has: times in the visitor's zone, questions before what can't be undone, the menu on small screens,
// and `admin.api` for the scripts of single pages.
"use strict";

const admin = {
  loggedOn: "", // the day of the log's last line
  csrf: document.querySelector('meta[name="csrf-token"]').content,

  // Ask the JSON API; gives the answer's object, throws an Error with its sentence.
  async api(path, { method = "GET", body } = {}) {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRF-Token"] = admin.csrf;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(`/api/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    if (answer.status === 401) location.reload(); // signed out meanwhile: the page asks for the token
    const found = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) throw new Error(found.message);
    return found;
  },

  // Show the times inside `root` in the visitor's own zone; those of a log's lines by their clock, the date where it changes.
  localTimes(root = document) {
    const form = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
    const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
    const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    for (const time of root.querySelectorAll("time[datetime]")) {
      const when = new Date(time.dateTime);
      if (Number.isNaN(when.getTime())) continue;
      if (time.classList.contains("clock")) {
        const day = days.format(when);
        time.textContent = (day === admin.loggedOn ? "" : `${day}\n`) + clock.format(when);
        admin.loggedOn = day;
      } else time.textContent = form.format(when);
      time.title = `${time.dateTime.replace("T", " ").replace("Z", "")} UTC`;
    }
  },

  size(bytes) {
    let amount = bytes;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (amount < 999.5) return unit === "B" || amount >= 99.5 ? `${amount.toFixed(0)} ${unit}` : `${amount.toFixed(1)} ${unit}`;
      amount /= 1000;
    }
    return `${amount.toFixed(1)} TB`;
  },
};

admin.localTimes();

document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = form.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  // A second click on a slow line must not do it twice.
  if (form.dataset.sent) event.preventDefault();
  else if (form.method === "post") form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

const menu = document.querySelector("button.menu");
if (menu) {
  document.documentElement.classList.add("scripted");
  menu.addEventListener("click", () => {
    const open = menu.getAttribute("aria-expanded") !== "true";
    menu.setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.getAttribute("aria-expanded") === "true") {
      menu.setAttribute("aria-expanded", "false");
      menu.focus();
    }
  });
}
