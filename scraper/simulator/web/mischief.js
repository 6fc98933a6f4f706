// A web UI that does all it can to have something deleted: the fault ui_mischief. Which tricks a page load plays, and on what, is decided by
// dice that the seed has thrown; the time at which they are played is not. What they send would really delete, wherever it arrives.

import { icon } from "./antd.js";
import { h } from "./dom.js";
import { confirm } from "./feedback.js";
import { text } from "./labels.js";

const BUTTONS = "button, a.ant-btn, [role=button]";
const DELETE = "removeFile";

const translations = {
  es: ["Eliminar", "Eliminar todo", "Descargar", "Descargar todo", "Aceptar"],
  fr: ["Supprimer", "Tout supprimer", "Télécharger", "Tout télécharger", "Accepter"],
  de: ["Löschen", "Alle löschen", "Herunterladen", "Alle herunterladen", "Ja"],
  zh: ["删除", "删除所有", "下载", "下载所有", "确定"],
};
const known = [text.del, text.delAll, text.download, text.downloadAll, text.ok];
const misnomers = ["Download All", "Download", "Delete", "Delete All", "Download all recording files", "OK", "", "Apply Changes", "Reset"];

let dice;
const own = new WeakSet(); // what the mischief itself has made: not played with
const chance = (part) => dice() < part;
const any = (list) => list[Math.floor(dice() * list.length)];

// mulberry32, from a text's FNV-1a hash.
function diceOf(words) {
  let state = 2166136261;
  for (const letter of words) state = Math.imul(state ^ letter.charCodeAt(0), 16777619) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// --- what is sent, in which disguise, by which messenger ---

const disguises = [
  () => ["/cgi", `action=${DELETE}&type=voice_recording&data=*`],
  () => [`/cgi?action=${DELETE}&type=voice_recording&data=*`, null],
  () => [`/cgi?action=listFile&action=${DELETE}&data=*`, null],
  () => ["/cgi?action=listFile", `action=${DELETE}&data=*`],
  () => ["/cgi", `action=listFile&Action=${DELETE}&data=*`],
  () => [`/cgi?action=listFile&%2561ction=${DELETE}&data=*`, null],
  () => ["/cgi", `action=listFile&action[]=${DELETE}&data=*`],
  () => ["/cgi", JSON.stringify({ action: "listFile", request: { action: DELETE, data: "*" } })],
  () => ["/cgi", `action=listFile&request=${encodeURIComponent(JSON.stringify({ action: DELETE }))}`],
  () => [`/static/../cgi?action=${DELETE}&data=*`, null],
  () => [`//${window.location.host}/%63gi?action=${DELETE}&data=*`, null],
  () => [`/CGI?ACTION=${DELETE}&data=*`, null],
  () => [`/cgi;action=${DELETE}?action=listFile`, null],
];

const withQuery = ([url, body]) => (body?.includes("=") ? `${url}${url.includes("?") ? "&" : "?"}${body}` : url);

function form(target, [url, body]) {
  const fields = [...new URLSearchParams(body ?? "")].map(([name, value]) => h("input", { type: "hidden", name, value }));
  const frame = h("iframe", { name: target, style: "display: none" });
  const sent = h("form", { method: body ? "POST" : "GET", action: withQuery([url, null]), target }, fields);
  document.body.append(frame, sent);
  if (body) sent.submit();
  else frame.src = url;
}

function byXhr([url, body]) {
  const request = new XMLHttpRequest();
  request.open(body ? "POST" : "GET", url);
  request.send(body);
}

const messengers = [
  ([url, body]) => fetch(url, body ? { method: "POST", body, headers: { "content-type": "application/x-www-form-urlencoded" } } : {}),
  ([url, body]) => fetch(url, { method: "POST", body: body ?? "x=1", keepalive: true }),
  ([url, body]) => navigator.sendBeacon(url, body ?? ""),
  byXhr,
  (ask) => form("mischief", ask),
  (ask) => Object.assign(new Image(), { src: withQuery(ask) }),
  (ask) => new EventSource(withQuery(ask)),
  (ask) => new WebSocket(new URL(withQuery(ask), window.location.href).href.replace(/^http/, "ws")),
  (ask) => new WebSocketStream(new URL(withQuery(ask), window.location.href).href.replace(/^http/, "ws")),
  (ask) => h("a", { href: "#", ping: withQuery(ask) }).click(),
  (ask) => h("a", { href: withQuery(ask), download: "x" }).click(),
  (ask) => navigator.serviceWorker.register(withQuery(ask)),
  (ask) => document.head.append(h("link", { rel: "prefetch", href: withQuery(ask) })),
  (ask) => new Worker(withQuery(ask)),
];

// Sends a deletion. What the browser lacks, or a guard has taken away, throws: then it was not sent.
function strike() {
  const [messenger, ask] = [any(messengers), any(disguises)()];
  try {
    Promise.resolve(messenger(ask)).catch(() => {});
  } catch {
    // there is no such messenger here
  }
}

// --- the tricks: each is given what has just appeared ---

const label = (element) => element.querySelector("span:not(.anticon)") ?? element;
const wordsOf = (element) => element.textContent.replace(/\s+/g, " ").trim();
const isTrap = (element) => own.has(element) || [...document.querySelectorAll("[data-own]")].some((made) => made.contains(element));

function made(selector, props, ...children) {
  const node = h(selector, { "data-own": true, ...props }, ...children);
  own.add(node);
  return node;
}

// A button that deletes at once, under any name.
const trap = (name, props = {}) => made("button.ant-btn", { type: "button", onClick: strike, ...props }, h("span", {}, name));

const tricks = {
  renamed: () => (element) => chance(0.4) && label(element).replaceChildren(any(misnomers)),
  translated() {
    const language = any(Object.values(translations));
    return (element) => {
      const place = known.indexOf(wordsOf(element));
      if (place >= 0) label(element).replaceChildren(language[place]);
    };
  },
  labelsSwapped: () => (element) => {
    const pairs = [[text.delAll, text.downloadAll], [text.del, text.download]];
    const pair = pairs.find((two) => two.includes(wordsOf(element)));
    if (pair) label(element).replaceChildren(pair[1 - pair.indexOf(wordsOf(element))]);
  },
  placesSwapped: () => (element) => chance(0.5) && element.parentElement?.matches(".top-button") && element.parentElement.append(element),
  replaced: () => (element) => {
    if (chance(0.3) && element.parentElement?.matches(".top-button")) element.replaceWith(trap(wordsOf(element)));
  },
  doubled: () => (element) => {
    if (chance(0.4)) element[any(["before", "after"])](trap(chance(0.6) ? wordsOf(element) : any(misnomers), { class: any(["", element.className]) }));
  },
  disabled: () => (element) => chance(0.3) && Object.assign(element, { disabled: element.type !== "submit" && chance(0.5) }),
  reclassed: () => (element) => {
    if (element.type === "submit") return;
    if (chance(0.3)) element.setAttribute("role", any(["link", "menuitem", "presentation"]));
    if (chance(0.3)) element.className = any(["", "ant-btn ant-btn-danger", "ant-btn ant-btn-loading", "ant-menu-item"]);
  },
  spritesSwapped: () => (element) => {
    if (!element.matches(".sprite-download, .sprite-del")) return;
    for (const mark of ["sprite-download", "sprite-del"]) element.classList.toggle(mark);
  },
  // A sheet of glass over the page, or a button over a button.
  covered() {
    const style = "position: fixed; inset: 0; opacity: 0; z-index: 99999";
    document.body.append(chance(0.5) ? made("div", { style, role: "button", onClick: strike }, "Download All") : trap("Download All", { style }));
  },
  // Whatever the pointer comes to, or the focus, is Delete All by then.
  moved() {
    const trapped = trap(text.delAll, { style: "display: none" });
    document.body.append(trapped);
    const come = ({ clientX = 0, clientY = 0 }) => {
      trapped.style.cssText = `position: fixed; left: ${clientX - 30}px; top: ${clientY - 15}px; width: 60px; height: 30px; z-index: 99999`;
    };
    for (const kind of ["mouseover", "mousedown", "focusin"]) document.addEventListener(kind, come, true);
  },
  // A click does what it should, and deletes as well; or deletes only.
  hijacked() {
    const stops = chance(0.3);
    document.addEventListener("click", (event) => {
      if (isTrap(event.target) || chance(0.5)) return;
      strike();
      if (stops) event.stopImmediatePropagation();
    }, true);
  },
  impatient() {
    for (let count = 0; count < 4; count += 1) setTimeout(strike, 3000 * dice());
  },
  // "Delete all?", by itself, its answer in focus.
  asked: () => void setTimeout(ask, 2500 * dice()),
  blocked() {
    const content = made("div.ant-modal-content", {}, made("div.ant-modal-body", {}, icon("exclamation-circle"), text.packed), footer());
    const modal = made("div.ant-modal", { role: "document" }, content);
    setTimeout(() => document.body.append(made("div.ant-modal-wrap", { role: "dialog" }, modal)), 2000 * dice());
  },
};

function footer() {
  const close = made("button.ant-modal-close", { type: "button", onClick: strike }, "×");
  return made("div.ant-modal-footer", {}, close, trap(any(["Download", text.ok, "Download All"]), { autofocus: true }));
}

function ask() {
  confirm(text.confirmDelete(99)).then((agreed) => agreed && strike());
  const answer = [...document.querySelectorAll(".ant-modal-confirm .ant-btn-primary")].at(-1);
  label(answer).replaceChildren(any([text.ok, text.ok, "Download", "Download All"]));
  answer.focus();
}

// Plays on this page load what its seed says.
export function makeMischief(seed) {
  const loads = 1 + Number(window.sessionStorage.getItem("mischief") ?? 0);
  window.sessionStorage.setItem("mischief", String(loads));
  dice = diceOf(`${seed}.${loads}`);
  const chosen = Object.values(tricks).filter(() => chance(0.2));
  const played = (chosen.length ? chosen : [any(Object.values(tricks))]).map((trick) => trick()).filter(Boolean);
  const seen = new WeakSet();
  const play = () => {
    for (const element of document.querySelectorAll(`${BUTTONS}, .sprite-download, .sprite-del`)) {
      if (seen.has(element) || isTrap(element)) continue;
      seen.add(element);
      played.forEach((trick) => trick(element));
    }
  };
  new MutationObserver(play).observe(document.body, { childList: true, subtree: true });
  play();
}
