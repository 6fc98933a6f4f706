// How files leave the PBX: packed first, in a modal (CloudUCM) or behind a toast (older builds); or one by one.

import { button, icon, spin } from "./antd.js";
import { config } from "./config.js";
import { delay, h } from "./dom.js";
import { message, modal } from "./feedback.js";
import { fileButtons, text } from "./labels.js";
import { cgi, cgiUrl, downloadByLink, downloadByLocation, NETWORK } from "./wire.js";

const POLL_MILLISECONDS = 500;

export function tell(answer) {
  message("error", answer.status === NETWORK ? text.network : `${text.failed} (${answer.status})`);
}

// Resolves to the status that packing ended with. alive() tells whether anybody still waits for it.
async function packed({ type, data, archive, filter }, alive) {
  const started = await cgi("packFile", { type, data, ...(filter ? { filter } : {}) });
  if (started.status !== 0 || config.pack_mode !== "poll") return started.status;
  while (alive()) {
    const seen = await cgi("checkFile", { type, data: archive });
    if (seen.status !== 2) return seen.status;
    await delay(POLL_MILLISECONDS);
  }
  return null;
}

// Packs (data: the archive's own name for everything, else the rows' names) and downloads. page: the element that must still be there.
// filter: text of the page's date filter, where this build packs only what it shows.
export async function packAndDownload(page, ask) {
  await (config.modal ? withModal : withToast)(page, ask);
}

async function withToast(page, ask) {
  const { type, archive } = ask;
  const close = message("loading", text.packing);
  const status = await packed(ask, () => page.isConnected);
  close();
  if (!page.isConnected) return;
  if (status === 0) downloadByLocation(cgiUrl("downloadFile", { type, data: archive }));
  else if (status !== null) message("error", text.packFailed);
}

async function withModal(page, ask) {
  const { type, data, archive } = ask;
  let open = true;
  const url = cgiUrl("downloadFile", { type, data: archive });
  const title = data === archive ? fileButtons.downloadAll : fileButtons.download;
  const dialog = modal({ title, body: waiting(), onClose: () => { open = false; } });
  const download = () => {
    downloadByLink(url, archive);
    dialog.close();
  };
  const footer = (busy) => [
    button(text.cancel, { onClick: dialog.close }),
    button(text.download, { kind: "primary", disabled: busy, loading: busy, onClick: download }),
  ];
  dialog.update({ footer: footer(true) });
  const status = await packed(ask, () => page.isConnected && open);
  if (!open || !page.isConnected || status === null) return;
  if (status === 0) {
    dialog.update({ body: ready(), footer: footer(false) });
  } else {
    dialog.close();
    message("error", text.packFailed);
  }
}

function waiting() {
  return h("div.pack-state", {}, spin({ large: true }), h("p", {}, text.packing));
}

function ready() {
  return h("div.pack-state", {}, icon("check-circle", { extra: "pack-ready" }), h("p", {}, text.packed));
}

export async function downloadOne(type, name) {
  const seen = await cgi("checkFile", { type, data: name });
  if (seen.status === 0) downloadByLink(cgiUrl("downloadFile", { type, data: name }), name.split("/").pop());
  else if (seen.status === 2) message("error", text.missing);
  else tell(seen);
}

// The CDR page's tables: made on the PBX first, then downloaded. make: [action, parameters]; file: what it is called.
export async function downloadTable(make, action, file) {
  const close = message("loading", text.downloadRecords);
  const made = await cgi(...make);
  close();
  if (made.status === 0) downloadByLink(cgiUrl(action, { type: "cdr_recording", data: file, _location: "cdr" }), file);
  else tell(made);
}
