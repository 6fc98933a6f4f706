// The web UI of the simulated UCM: which page stands at which route. Without a session every route shows /login.

import { spin } from "./antd.js";
import { cdrPage } from "./cdr.js";
import { config } from "./config.js";
import { emptyPage, dashboardPage } from "./dashboard.js";
import { clearPortals, h } from "./dom.js";
import { message } from "./feedback.js";
import { text } from "./labels.js";
import { layout } from "./layout.js";
import { loginPage } from "./login.js";
import { makeMischief } from "./mischief.js";
import { recordingsPage } from "./recordings.js";
import { navigate, start } from "./router.js";
import { forget, isSignedIn, startPolling, userName, whenEnded } from "./session.js";

const PAGES = {
  "/dashboard": dashboardPage,
  "/cdr/cdr": cdrPage,
  "/cdr/callRate": emptyPage("callRate"),
  "/cdr/statistics": emptyPage("statistics"),
  "/cdr/recordingFile": recordingsPage("recordings"),
  "/cdr/queueRecordingFile": recordingsPage("queueRecordings"),
  "/cdr/conferenceRecordingFile": recordingsPage("conferenceRecordings"),
  "/pbx-settings/recordingStorageSettings": emptyPage("storage"),
  "/value-added-features/cdrApi": emptyPage("api"),
};

const root = document.getElementById("root");
let leave = null;

function render(path) {
  leave?.();
  leave = null;
  if (!userName()) {
    if (path === "/login") leave = loginPage(root);
    else navigate("/login", { replace: true });
  } else if (PAGES[path]) {
    startPolling();
    PAGES[path](layout(root));
  } else {
    navigate("/dashboard", { replace: true });
  }
}

whenEnded(() => {
  clearPortals();
  navigate("/login", { replace: true });
  message("error", text.ended);
});

async function boot() {
  if (config.mischief !== null) makeMischief(config.mischief);
  root.replaceChildren(h("div.app-loading", {}, spin({ large: true })));
  if (!(await isSignedIn())) forget();
  start(render);
}

boot();
