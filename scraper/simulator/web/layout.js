// The frame of every signed-in page: header, sidebar, the banner that comes late and pushes the page down, the overlay.

import { alert, button, icon } from "./antd.js";
import { antd3, config } from "./config.js";
import { h, portal } from "./dom.js";
import { message } from "./feedback.js";
import { text } from "./labels.js";
import { navigate } from "./router.js";
import { signOut, userName } from "./session.js";
import { cgi } from "./wire.js";

const BANNER_MILLISECONDS = 700;
const TOAST_MILLISECONDS = 8000;

const MENU = [
  { title: text.dashboard, iconName: "dashboard", path: "/dashboard" },
  { title: text.extensions, iconName: "team", items: [] },
  {
    title: text.callFeatures,
    iconName: "phone",
    items: [["/cdr/queueRecordingFile", text.queueRecordings], ["/cdr/conferenceRecordingFile", text.conferenceRecordings]],
  },
  { title: text.pbxSettings, iconName: "setting", items: [["/pbx-settings/recordingStorageSettings", text.storage]] },
  { title: text.systemSettings, iconName: "tool", items: [] },
  {
    title: text.cdr,
    iconName: "file-text",
    items: [
      ["/cdr/cdr", text.cdr],
      ["/cdr/callRate", text.callRate],
      ["/cdr/statistics", text.statistics],
      ["/cdr/recordingFile", text.recordings],
    ],
  },
  { title: text.valueAdded, iconName: "appstore", items: [["/value-added-features/cdrApi", text.api]] },
];

const FLYOUT_MILLISECONDS = 100;

// Collapsed to its icons, the sidebar's sub menus fly out where the pointer rests, and listen to no click.
const collapsed = config.sidebar === "collapsed";

// The sub menus that are open; they outlive a change of page.
const opened = new Set();

function menuItem(path, title, depth) {
  const here = window.location.pathname === path;
  const go = (event) => {
    event.preventDefault();
    navigate(path);
  };
  const props = { role: "menuitem", class: here ? "ant-menu-item-selected" : "", style: `padding-left: ${24 * depth}px`, onClick: go };
  return h("li.ant-menu-item", props, h("a", { href: path }, title));
}

function flyout(entry) {
  let popup = null;
  let waiting = null;
  const soon = (act) => () => {
    clearTimeout(waiting);
    waiting = setTimeout(act, FLYOUT_MILLISECONDS);
  };
  const leave = soon(() => {
    popup?.remove();
    popup = null;
    node.classList.remove("ant-menu-submenu-open");
  });
  const enter = soon(() => {
    const box = node.getBoundingClientRect();
    popup ??= portal(
      h(
        "div.ant-menu-submenu.ant-menu-submenu-popup.ant-menu-dark",
        { style: `left: ${box.right}px; top: ${box.top}px`, onMouseover: () => clearTimeout(waiting), onMouseleave: leave },
        h("ul.ant-menu.ant-menu-sub.ant-menu-vertical", { role: "menu" }, entry.items.map(([path, name]) => menuItem(path, name, 1))),
      ),
    );
    node.classList.add("ant-menu-submenu-open");
  });
  const label = h("span", {}, icon(entry.iconName), h("span", {}, entry.title));
  const title = h("div.ant-menu-submenu-title", { "aria-haspopup": "true", style: "padding-left: 24px", onMouseover: enter }, label);
  const node = h("li.ant-menu-submenu.ant-menu-submenu-vertical", { onMouseleave: leave }, title);
  return node;
}

function subMenu(entry, redraw) {
  if (collapsed) return flyout(entry);
  const here = entry.items.some(([path]) => path === window.location.pathname);
  const open = opened.has(entry.title);
  const toggle = () => {
    opened[open ? "delete" : "add"](entry.title);
    redraw();
  };
  const label = h("span", {}, icon(entry.iconName), h("span", {}, entry.title));
  const title = h(
    "div.ant-menu-submenu-title",
    { role: "button", "aria-expanded": String(open), "aria-haspopup": "true", style: "padding-left: 24px", onClick: toggle },
    label,
    h("i.ant-menu-submenu-arrow"),
  );
  const list = open && h(
    "ul.ant-menu.ant-menu-sub.ant-menu-inline",
    { role: "menu" },
    entry.items.map(([path, name]) => menuItem(path, name, 2)),
  );
  const marks = `${open ? "ant-menu-submenu-open" : ""} ${here ? "ant-menu-submenu-selected" : ""}`;
  return h("li.ant-menu-submenu.ant-menu-submenu-inline", { role: antd3 ? "menuitem" : null, class: marks }, title, list);
}

function sider() {
  const form = collapsed ? "ant-menu-vertical ant-menu-inline-collapsed" : "ant-menu-inline";
  const menu = h("ul.ant-menu.ant-menu-root.ant-menu-dark", { role: "menu", class: form });
  const redraw = () => menu.replaceChildren(...MENU.map((entry) => (entry.path ? plainItem(entry) : subMenu(entry, redraw))));
  redraw();
  const width = collapsed ? "ant-layout-sider-collapsed" : "";
  return h("aside.ant-layout-sider.ant-layout-sider-dark", { class: width }, h("div.ant-layout-sider-children", {}, menu));
}

function plainItem(entry) {
  const item = menuItem(entry.path, entry.title, 1);
  item.querySelector("a").prepend(icon(entry.iconName));
  return item;
}

function header() {
  const leave = async () => {
    await signOut();
    navigate("/login", { replace: true });
  };
  const account = h(
    "div.header-account",
    {},
    icon("user"),
    h("span.header-user", {}, userName() ?? ""),
    h("a.header-logout", { onClick: leave }, text.signOut),
  );
  return h(
    "header.ant-layout-header",
    {},
    h("div.header-logo", {}, h("span.brand-mark"), h("span", {}, "UCM"), h("small", {}, "simulated")),
    account,
  );
}

let bannerSeen = false;

function lateBanner(slot) {
  const close = () => slot.replaceChildren();
  const show = () => {
    bannerSeen = true;
    slot.replaceChildren(alert(text.security, { onClose: close }));
  };
  if (bannerSeen) show();
  else setTimeout(show, BANNER_MILLISECONDS);
}

// A green toast and Apply Changes float over the page's buttons. The toast goes after a while; the button stays until it is clicked.
function overlay() {
  document.body.classList.add("has-overlay");
  message("success", text.saved, TOAST_MILLISECONDS);
  const apply = button(text.apply, { kind: "danger", onClick: () => cgi("applyChanges").then(() => host.remove()) });
  const notice = h("div", {}, h("div.ant-notification-notice-message", {}, text.toApply), h("span.ant-notification-notice-btn", {}, apply));
  const content = h("div.ant-notification-notice-content", {}, notice);
  const host = portal(h("div.ant-notification.ant-notification-topLeft", {}, h("div", {}, h("div.ant-notification-notice", {}, content))));
}

function openOwnMenu() {
  const own = MENU.find((entry) => entry.items?.some(([path]) => path === window.location.pathname));
  if (own) opened.add(own.title);
}

// Renders the frame into root and returns the element that the page fills.
export function layout(root) {
  openOwnMenu();
  const banner = h("div.security-banner");
  const page = h("div.app-page");
  const content = h("main.ant-layout-content", {}, banner, page);
  const body = h("section.ant-layout.ant-layout-has-sider", {}, config.sidebar !== "none" && sider(), h("section.ant-layout", {}, content));
  root.replaceChildren(h("section.ant-layout.app-layout", {}, header(), body));
  lateBanner(banner);
  if (config.overlay) overlay();
  return page;
}
