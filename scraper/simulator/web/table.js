// antd's Table, with a column of checkboxes or of expanders where asked for.

import { checkbox, spin } from "./antd.js";
import { antd3 } from "./config.js";
import { h } from "./dom.js";
import { text } from "./labels.js";

const CELL = antd3 ? "td" : "td.ant-table-cell";
const HEAD = antd3 ? "th" : "th.ant-table-cell";

// columns: [{title, render(row), hidden, marks}]; ticked: a Set of row keys, or null for a table without checkboxes.
export function table({ columns, rows, keyOf, loading, ticked = null, onTick = null, expandable = false, pagination = null }) {
  const lead = [];
  if (expandable) lead.push({ title: "", marks: "ant-table-row-expand-icon-cell", render: () => expander() });
  if (ticked) lead.push({
    title: allBox(rows, keyOf, ticked, onTick),
    marks: "ant-table-selection-column",
    render: (row) => rowBox(keyOf(row), ticked, onTick),
  });
  const all = [...lead, ...columns];
  const inner = h("table", antd3 ? {} : { style: "table-layout: auto" }, head(all), body(all, rows, keyOf, ticked));
  const grid = antd3
    ? h(
      "div.ant-table.ant-table-default.ant-table-scroll-position-left",
      {},
      h("div.ant-table-content", {}, h("div.ant-table-body", {}, inner)),
    )
    : h("div.ant-table", {}, h("div.ant-table-container", {}, h("div.ant-table-content", {}, inner)));
  const container = h("div.ant-spin-container", { class: loading ? "ant-spin-blur" : "" }, grid, rows.length > 0 && pagination);
  return h("div.ant-table-wrapper", {}, h("div.ant-spin-nested-loading", {}, loading && h("div", {}, spin()), container));
}

function head(columns) {
  const cells = columns.map(
    (column) => h(HEAD, { class: column.marks ?? "", style: column.hidden ? "display: none" : null }, column.title),
  );
  return h("thead.ant-table-thead", {}, h("tr", {}, cells));
}

function body(columns, rows, keyOf, ticked) {
  if (rows.length === 0) {
    const empty = h(
      "div.ant-empty.ant-empty-normal",
      {},
      h("div.ant-empty-image"),
      h(`${antd3 ? "p" : "div"}.ant-empty-description`, {}, text.noData),
    );
    return h(
      "tbody.ant-table-tbody",
      {},
      h("tr.ant-table-placeholder", {}, h(CELL, { colspan: columns.filter((c) => !c.hidden).length }, empty)),
    );
  }
  return h("tbody.ant-table-tbody", {}, rows.map((row) => {
    const key = keyOf(row);
    const marks = ticked?.has(key) ? "ant-table-row-selected" : "";
    const cells = columns.map(
      (column) => h(CELL, { class: column.marks ?? "", style: column.hidden ? "display: none" : null }, column.render(row)),
    );
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
  const box = checkbox({
    checked: count > 0 && count === keys.length,
    partly: count > 0 && count < keys.length,
    disabled: keys.length === 0,
    onChange: (event) => onTick(keys, event.target.checked),
  });
  return h("div.ant-table-selection", {}, box);
}

function expander() {
  return antd3
    ? h("div.ant-table-row-expand-icon.ant-table-row-collapsed", { role: "button", tabindex: "0", "aria-label": "Expand row" })
    : h("button.ant-table-row-expand-icon.ant-table-row-expand-icon-collapsed", { type: "button", "aria-label": "Expand row" });
}
