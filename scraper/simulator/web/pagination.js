// antd's Pagination: total, pages with jumps between them, size changer, quick jumper.

import { icon } from "./antd.js";
import { antd3 } from "./config.js";
import { h } from "./dom.js";
import { text } from "./labels.js";
import { select } from "./select.js";

// state: {page, size, total, sizes}; onChange(page, size).
export function pagination(state, onChange) {
  const last = Math.max(1, Math.ceil(state.total / state.size));
  const go = (page) => () => page !== state.page && page >= 1 && page <= last && onChange(page, state.size);
  const items = shownPages(state.page, last).map(
    (page) => (typeof page === "number" ? pageItem(page, state, go) : jump(page, state, last, go)),
  );
  const marks = antd3 ? "" : "ant-table-pagination-right";
  return h("ul.ant-pagination.ant-table-pagination", { class: marks, unselectable: "unselectable" },
    h("li.ant-pagination-total-text", {}, text.total(state.total)),
    arrow("prev", "left", state.page <= 1, go(state.page - 1)),
    items,
    arrow("next", "right", state.page >= last, go(state.page + 1)),
    h("li.ant-pagination-options", {}, sizeChanger(state, onChange), jumper(last, go)));
}

// As rc-pagination shows them: the first, the last, five around the current one; gaps as "prev" and "next" jumps.
function shownPages(page, last) {
  if (last <= 9) return Array.from({ length: last }, (_, i) => i + 1);
  let [from, to] = [Math.max(1, page - 2), Math.min(page + 2, last)];
  if (page - 1 <= 2) to = 5;
  if (last - page <= 2) from = last - 4;
  const middle = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return [
    ...(from > 1 ? [1] : []),
    ...(from > 2 ? ["prev"] : []),
    ...middle,
    ...(to < last - 1 ? ["next"] : []),
    ...(to < last ? [last] : []),
  ];
}

function pageItem(page, state, go) {
  const marks = `ant-pagination-item-${page} ${page === state.page ? "ant-pagination-item-active" : ""}`;
  return h(
    "li.ant-pagination-item",
    { class: marks, title: String(page), tabindex: "0", onClick: go(page) },
    h("a", { rel: antd3 ? null : "nofollow" }, String(page)),
  );
}

function jump(way, state, last, go) {
  const target = way === "next" ? Math.min(last, state.page + 5) : Math.max(1, state.page - 5);
  const ellipsis = h(
    "div.ant-pagination-item-container",
    {},
    icon(`double-${way === "next" ? "right" : "left"}`, { extra: "ant-pagination-item-link-icon" }),
    h("span.ant-pagination-item-ellipsis", {}, "•••"),
  );
  const title = `${way === "next" ? "Next" : "Previous"} 5 Pages`;
  return h(
    `li.ant-pagination-jump-${way}.ant-pagination-jump-${way}-custom-icon`,
    { title, tabindex: "0", onClick: go(target) },
    h("a.ant-pagination-item-link", {}, ellipsis),
  );
}

function arrow(way, iconName, disabled, onClick) {
  const title = way === "next" ? "Next Page" : "Previous Page";
  const props = {
    title,
    class: disabled ? "ant-pagination-disabled" : "",
    "aria-disabled": String(disabled),
    tabindex: disabled ? null : "0",
    onClick: disabled ? null : onClick,
  };
  const link = antd3 ? h("a.ant-pagination-item-link", {}, icon(iconName)) : h(
    "button.ant-pagination-item-link",
    { type: "button", tabindex: "-1", disabled },
    icon(iconName),
  );
  return h(`li.ant-pagination-${way}`, props, link);
}

function jumper(last, go) {
  const jumpTo = (event) => {
    if (event.key !== "Enter") return;
    const page = Math.min(last, Math.max(1, Number.parseInt(event.target.value, 10) || 0));
    event.target.value = "";
    go(page)();
  };
  return h("div.ant-pagination-options-quick-jumper", {}, text.goTo, h("input", { type: "text", value: "", onKeyup: jumpTo }), text.page);
}

function sizeChanger(state, onChange) {
  const options = state.sizes.map((size) => ({ label: text.perPage(size), value: size }));
  return select(options, state.size, (size) => onChange(1, size));
}
