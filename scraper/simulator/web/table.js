// antd's Table, its Pagination and the size changer, whose dropdown opens at the end of <body>.

import { checkbox, icon, spin } from "./antd.js";
import { antd3 } from "./config.js";
import { h, portal } from "./dom.js";
import { text } from "./labels.js";

const CELL = antd3 ? "td" : "td.ant-table-cell";
const HEAD = antd3 ? "th" : "th.ant-table-cell";

// columns: [{title, render(row), hidden, marks}]; ticked: a Set of row keys, or null for a table without checkboxes.
export function table({ columns, rows, keyOf, loading, ticked = null, onTick = null, expandable = false, pagination = null }) {
  const lead = [];
  if (expandable) lead.push({ title: "", marks: "ant-table-row-expand-icon-cell", render: () => expander() });
  if (ticked) lead.push({ title: allBox(rows, keyOf, ticked, onTick), marks: "ant-table-selection-column", render: (row) => rowBox(keyOf(row), ticked, onTick) });
  const all = [...lead, ...columns];
  const inner = h("table", antd3 ? {} : { style: "table-layout: auto" }, head(all), body(all, rows, keyOf, ticked));
  const grid = antd3
    ? h("div.ant-table.ant-table-default.ant-table-scroll-position-left", {}, h("div.ant-table-content", {}, h("div.ant-table-body", {}, inner)))
    : h("div.ant-table", {}, h("div.ant-table-container", {}, h("div.ant-table-content", {}, inner)));
  const container = h("div.ant-spin-container", { class: loading ? "ant-spin-blur" : "" }, grid, rows.length > 0 && pagination);
  return h("div.ant-table-wrapper", {}, h("div.ant-spin-nested-loading", {}, loading && h("div", {}, spin()), container));
}

function head(columns) {
  const cells = columns.map((column) => h(HEAD, { class: column.marks ?? "", style: column.hidden ? "display: none" : null }, column.title));
  return h("thead.ant-table-thead", {}, h("tr", {}, cells));
}

function body(columns, rows, keyOf, ticked) {
  if (rows.length === 0) {
    const empty = h("div.ant-empty.ant-empty-normal", {}, h("div.ant-empty-image"), h(`${antd3 ? "p" : "div"}.ant-empty-description`, {}, text.noData));
    return h("tbody.ant-table-tbody", {}, h("tr.ant-table-placeholder", {}, h(CELL, { colspan: columns.filter((c) => !c.hidden).length }, empty)));
  }
  return h("tbody.ant-table-tbody", {}, rows.map((row) => {
    const key = keyOf(row);
    const marks = ticked?.has(key) ? "ant-table-row-selected" : "";
    const cells = columns.map((column) => h(CELL, { class: column.marks ?? "", style: column.hidden ? "display: none" : null }, column.render(row)));
    return h("tr.ant-table-row.ant-table-row-level-0", { class: marks, "data-row-key": key }, cells);
  }));
}

function rowBox(key, ticked, onTick) {
  const change = (event) => onTick([key], event.target.checked);
  const box = checkbox({ checked: ticked.has(key), onChange: change });
  return antd3 ? h("span", {}, box) : box;
}

function allBox(rows, keyOf, ticked, onTick) {
  const keys = rows.map(keyOf);
  const count = keys.filter((key) => ticked.has(key)).length;
  const box = checkbox({ checked: count > 0 && count === keys.length, partly: count > 0 && count < keys.length, disabled: keys.length === 0, onChange: (event) => onTick(keys, event.target.checked) });
  return h("div.ant-table-selection", {}, box);
}

function expander() {
  return antd3
    ? h("div.ant-table-row-expand-icon.ant-table-row-collapsed", { role: "button", tabindex: "0", "aria-label": "Expand row" })
    : h("button.ant-table-row-expand-icon.ant-table-row-expand-icon-collapsed", { type: "button", "aria-label": "Expand row" });
}

// state: {page, size, total, sizes}; onChange(page, size).
export function pagination(state, onChange) {
  const last = Math.max(1, Math.ceil(state.total / state.size));
  const go = (page) => () => page !== state.page && page >= 1 && page <= last && onChange(page, state.size);
  const items = shownPages(state.page, last).map((page) => (typeof page === "number" ? pageItem(page, state, go) : jump(page, state, last, go)));
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
  return [...(from > 1 ? [1] : []), ...(from > 2 ? ["prev"] : []), ...middle, ...(to < last - 1 ? ["next"] : []), ...(to < last ? [last] : [])];
}

function pageItem(page, state, go) {
  const marks = `ant-pagination-item-${page} ${page === state.page ? "ant-pagination-item-active" : ""}`;
  return h("li.ant-pagination-item", { class: marks, title: String(page), tabindex: "0", onClick: go(page) }, h("a", { rel: antd3 ? null : "nofollow" }, String(page)));
}

function jump(way, state, last, go) {
  const target = way === "next" ? Math.min(last, state.page + 5) : Math.max(1, state.page - 5);
  const ellipsis = h("div.ant-pagination-item-container", {}, icon(`double-${way === "next" ? "right" : "left"}`, { extra: "ant-pagination-item-link-icon" }), h("span.ant-pagination-item-ellipsis", {}, "•••"));
  const title = `${way === "next" ? "Next" : "Previous"} 5 Pages`;
  return h(`li.ant-pagination-jump-${way}.ant-pagination-jump-${way}-custom-icon`, { title, tabindex: "0", onClick: go(target) }, h("a.ant-pagination-item-link", {}, ellipsis));
}

function arrow(way, iconName, disabled, onClick) {
  const title = way === "next" ? "Next Page" : "Previous Page";
  const props = { title, class: disabled ? "ant-pagination-disabled" : "", "aria-disabled": String(disabled), tabindex: disabled ? null : "0", onClick: disabled ? null : onClick };
  const link = antd3 ? h("a.ant-pagination-item-link", {}, icon(iconName)) : h("button.ant-pagination-item-link", { type: "button", tabindex: "-1", disabled }, icon(iconName));
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

let selectCount = 0;

function select(options, value, onSelect) {
  selectCount += 1;
  const id = `rc_select_${selectCount}`;
  const label = options.find((option) => option.value === value)?.label ?? String(value);
  const open = () => dropdown(node, id, options, value, onSelect);
  const node = antd3 ? select3(label, open) : select4(label, id, open);
  return node;
}

function select4(label, id, open) {
  const search = h("input.ant-select-selection-search-input", { type: "search", id, role: "combobox", "aria-haspopup": "listbox", "aria-owns": `${id}_list`, readonly: true, unselectable: "on", autocomplete: "off", style: "opacity: 0" });
  const selector = h("div.ant-select-selector", { onMousedown: open }, h("span.ant-select-selection-search", {}, search), h("span.ant-select-selection-item", { title: label }, label));
  const mark = h("span.ant-select-arrow", { unselectable: "on", "aria-hidden": "true" }, icon("down", { extra: "ant-select-suffix" }));
  return h("div.ant-select.ant-pagination-options-size-changer.ant-select-single.ant-select-show-arrow", {}, selector, mark);
}

function select3(label, open) {
  const value = h("div.ant-select-selection-selected-value", { title: label, style: "display: block" }, label);
  const arrowMark = h("span.ant-select-arrow", { unselectable: "on" }, icon("down", { extra: "ant-select-arrow-icon" }));
  const selection = h("div.ant-select-selection.ant-select-selection--single", { role: "combobox", "aria-haspopup": "true", "aria-expanded": "false", tabindex: "0", onClick: open }, h("div.ant-select-selection__rendered", {}, value), arrowMark);
  return h("div.ant-pagination-options-size-changer.ant-select.ant-select-enabled", {}, selection);
}

function dropdown(anchor, id, options, value, onSelect) {
  if (anchor.classList.contains("ant-select-open")) return;
  anchor.classList.add("ant-select-open");
  const close = () => {
    anchor.classList.remove("ant-select-open");
    document.removeEventListener("mousedown", elsewhere, true);
    host.remove();
  };
  const choose = (option) => () => {
    close();
    if (option.value !== value) onSelect(option.value);
  };
  const list = antd3 ? menu3(options, value, choose) : menu4(options, value, choose, id);
  const box = anchor.getBoundingClientRect();
  const style = `left: ${box.left}px; bottom: ${window.innerHeight - box.top + 4}px; min-width: ${box.width}px`;
  const host = portal(h("div.ant-select-dropdown.ant-select-dropdown-placement-topLeft", { style }, list));
  const elsewhere = (event) => host.contains(event.target) || anchor.contains(event.target) || close();
  document.addEventListener("mousedown", elsewhere, true);
}

function menu4(options, value, choose, id) {
  const named = options.map((option) => h("div", { role: "option", "aria-label": option.label, "aria-selected": String(option.value === value) }, String(option.value)));
  const items = options.map((option) => h("div.ant-select-item.ant-select-item-option", { class: option.value === value ? "ant-select-item-option-selected" : "", title: option.label, "aria-selected": String(option.value === value), onClick: choose(option) },
    h("div.ant-select-item-option-content", {}, option.label), h("span.ant-select-item-option-state", { unselectable: "on", "aria-hidden": "true" })));
  const holder = h("div.rc-virtual-list-holder", {}, h("div", {}, h("div.rc-virtual-list-holder-inner", {}, items)));
  return h("div", {}, h("div", { role: "listbox", id: `${id}_list`, style: "height: 0; width: 0; overflow: hidden" }, named), h("div.rc-virtual-list", {}, holder));
}

function menu3(options, value, choose) {
  const items = options.map((option) => h("li.ant-select-dropdown-menu-item", { role: "option", unselectable: "on", class: option.value === value ? "ant-select-dropdown-menu-item-selected" : "", onClick: choose(option) }, option.label));
  return h("div", {}, h("ul.ant-select-dropdown-menu.ant-select-dropdown-menu-root.ant-select-dropdown-menu-vertical", { role: "listbox", tabindex: "0" }, items));
}
