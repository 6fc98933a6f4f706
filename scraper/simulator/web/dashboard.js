// The dashboard, and the pages that only have a place in the menu.

import { h } from "./dom.js";
import { text } from "./labels.js";
import { KINDS } from "./recordings.js";
import { cgi } from "./wire.js";

function tile(label, value) {
  return h(
    "div.ant-card.ant-card-bordered.tile",
    {},
    h("div.ant-card-body", {}, h("div.tile-value", {}, value), h("div.tile-label", {}, label)),
  );
}

export async function dashboardPage(container) {
  const render = (recordings, calls) => container.replaceChildren(h("div.app-content-main", {},
    h("div.content-title", {}, text.dashboard),
    h(
      "div.tiles",
      {},
      tile(text.model, "UCM6304"),
      tile(text.firmware, "1.0.27.12"),
      tile(text.recordingCount, recordings),
      tile(text.callCount, calls),
    ),
    h("div.content-panel", {}, h("p", {}, text.simulated))));
  render("…", "…");
  const filter = JSON.stringify({ list_dir: 0, list_file: 1, file_suffix: ["mp3", "wav"] });
  const [files, calls] = await Promise.all([
    cgi("listFile", { type: KINDS.recordings.type, filter, item_num: 1, page: 1, sidx: "d", sord: "desc" }),
    cgi("listCDRDB", { item_num: 1, page: 1, sidx: "start", sord: "desc" }),
  ]);
  if (container.isConnected) render(String(files.response.total_item ?? "-"), String(calls.response.total_item ?? "-"));
}

export const emptyPage = (title) => (container) => {
  container.replaceChildren(
    h("div.app-content-main", {}, h("div.content-title", {}, text[title]), h("div.content-panel", {}, h("p", {}, text.notSimulated))),
  );
};
