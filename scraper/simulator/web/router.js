// Client-side routes with history.pushState. A page is a function (container) => cleanup or nothing.

import { clearPortals } from "./dom.js";

let show = () => {};

export function start(render) {
  show = () => {
    clearPortals();
    render(window.location.pathname);
  };
  window.addEventListener("popstate", show);
  show();
}

export function navigate(path, { replace = false } = {}) {
  if (path !== window.location.pathname) window.history[replace ? "replaceState" : "pushState"]({}, "", path);
  show();
}
