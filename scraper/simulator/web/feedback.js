// antd's answers to the user, rendered at the end of <body>: message, modal, Modal.confirm, popconfirm.

import { button, icon } from "./antd.js";
import { antd3 } from "./config.js";
import { h, portal } from "./dom.js";
import { text } from "./labels.js";

const MESSAGE_MILLISECONDS = 3000;
const icons = { success: "check-circle", error: "close-circle", info: "info-circle", warning: "exclamation-circle", loading: "loading" };

let modalCount = 0;

// A toast. Returns what closes it; milliseconds = 0 keeps it until then.
export function message(kind, words, milliseconds = kind === "loading" ? 0 : MESSAGE_MILLISECONDS) {
  const host = document.querySelector(".ant-message > *") ?? messageHost();
  const content = h(`div.ant-message-custom-content.ant-message-${kind}`, {}, icon(icons[kind]), h("span", {}, words));
  const notice = h("div.ant-message-notice", {}, h("div.ant-message-notice-content", {}, content));
  host.append(notice);
  const close = () => notice.remove();
  if (milliseconds) setTimeout(close, milliseconds);
  return close;
}

function messageHost() {
  const inner = h(antd3 ? "span" : "div");
  portal(h("div.ant-message", {}, inner));
  return inner;
}

function shell(marks, width, content) {
  const dialog = h("div.ant-modal", { class: marks, role: "document", style: `width: ${width}px` }, content);
  const wrap = h("div.ant-modal-wrap", { tabindex: "-1", role: "dialog" }, dialog);
  const mask = h("div.ant-modal-mask");
  return { wrap, mask, root: antd3 ? h("div", {}, mask, wrap) : h("div.ant-modal-root", {}, mask, wrap) };
}

// A modal. As in antd, closing only hides it; it stays in the page. update({body, footer}) renders those parts anew.
export function modal({ title, body, footer, width = 520, onClose = () => {} }) {
  modalCount += 1;
  const id = `${antd3 ? "rcDialogTitle" : "rc_dialog_title_"}${modalCount}`;
  const bodyNode = h("div.ant-modal-body");
  const footerNode = h("div.ant-modal-footer");
  const closeButton = h(
    "button.ant-modal-close",
    { type: "button", "aria-label": "Close", onClick: () => close() },
    h("span.ant-modal-close-x", {}, icon("close", { extra: "ant-modal-close-icon" })),
  );
  const content = h(
    "div.ant-modal-content",
    {},
    closeButton,
    h("div.ant-modal-header", {}, h("div.ant-modal-title", { id }, title)),
    bodyNode,
    footerNode,
  );
  const { root, wrap, mask } = shell("", width, content);
  wrap.setAttribute("aria-labelledby", id);
  portal(root);
  const update = (parts) => {
    if (parts.body) bodyNode.replaceChildren(...[parts.body].flat());
    if (parts.footer) footerNode.replaceChildren(...[parts.footer].flat());
  };
  const close = () => {
    if (wrap.style.display === "none") return;
    wrap.style.display = "none";
    mask.style.display = "none";
    mask.classList.add("ant-modal-mask-hidden");
    onClose();
  };
  update({ body, footer: footer ?? [] });
  return { update, close };
}

// Modal.confirm: resolves to whether OK was clicked.
export function confirm(words) {
  return new Promise((resolve) => {
    const answer = (value) => () => {
      host.remove();
      resolve(value);
    };
    const question = h(
      "div.ant-modal-confirm-body",
      {},
      icon("exclamation-circle"),
      h("span.ant-modal-confirm-title", {}, words),
      h("div.ant-modal-confirm-content"),
    );
    const buttons = h(
      "div.ant-modal-confirm-btns",
      {},
      button(text.cancel, { onClick: answer(false) }),
      button(text.ok, { kind: "primary", onClick: answer(true) }),
    );
    const content = h(
      "div.ant-modal-content",
      {},
      h("div.ant-modal-body", {}, h("div.ant-modal-confirm-body-wrapper", {}, question, buttons)),
    );
    const host = portal(shell("ant-modal-confirm ant-modal-confirm-confirm", 416, content).root);
  });
}

// A popconfirm beside the anchor: resolves to whether OK was clicked; a click elsewhere means no.
export function popconfirm(anchor, words) {
  return new Promise((resolve) => {
    const answer = (value) => () => {
      document.removeEventListener("mousedown", elsewhere, true);
      host.remove();
      resolve(value);
    };
    const question = h("div.ant-popover-message", {}, icon("exclamation-circle"), h("div.ant-popover-message-title", {}, words));
    const buttons = h(
      "div.ant-popover-buttons",
      {},
      button(text.cancel, { extra: "ant-btn-sm", onClick: answer(false) }),
      button(text.ok, { kind: "primary", extra: "ant-btn-sm", onClick: answer(true) }),
    );
    const inner = h("div.ant-popover-inner", { role: "tooltip" }, h("div", {}, h("div.ant-popover-inner-content", {}, question, buttons)));
    const popover = h(
      "div.ant-popover.ant-popconfirm.ant-popover-placement-topRight",
      {},
      h("div.ant-popover-content", {}, h("div.ant-popover-arrow"), inner),
    );
    const box = anchor.getBoundingClientRect();
    popover.style.cssText = `right: ${window.innerWidth - box.right}px; bottom: ${window.innerHeight - box.top + 8}px`;
    const host = portal(popover);
    const elsewhere = (event) => host.contains(event.target) || answer(false)();
    document.addEventListener("mousedown", elsewhere, true);
  });
}
