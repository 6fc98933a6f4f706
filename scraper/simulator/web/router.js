// Client-side routes with history.pushState, or pages that are loaded anew. A page is a function (container) => cleanup or nothing.

import { config } from "./config.js";
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
  if (config.reloads && path !== window.location.pathname) {
    window.location[replace ? "replace" : "assign"](path);
    return;
  }
  if (path !== window.location.pathname) window.history[replace ? "replaceState" : "pushState"]({}, "", path);
  show();
}
