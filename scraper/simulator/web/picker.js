// antd's date inputs: read-only until they are opened. antd 4 takes what is typed on Enter; antd 3 has an input of its own in the popup.

import { button, icon } from "./antd.js";
import { antd3, config } from "./config.js";
import { h, portal } from "./dom.js";
import { text } from "./labels.js";

const TYPED = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}))?(?::\d{2})?$/;

const two = (number) => String(number).padStart(2, "0");

// What was typed as "YYYY-MM-DD HH:MM", or null; a date alone means the day's first or, for an end, last minute.
function parse(typed, closing) {
  const found = TYPED.exec(typed.trim());
  if (!found || Number.isNaN(Date.parse(found[1]))) return null;
  return `${found[1]} ${found[2] ?? (closing ? "23:59" : "00:00")}`;
}

// A date input. value: "YYYY-MM-DD HH:MM" or ""; onChange(value).
export function datePicker({ placeholder, value, closing = false, onChange }) {
  const mark = antd3 ? "ant-calendar-picker-input" : "";
  const input = h(
    "input",
    {
      class: antd3 ? `${mark} ant-input` : "",
      placeholder,
      title: value,
      value,
      readonly: true,
      autocomplete: "off",
      size: antd3 ? null : "16",
    },
  );
  const node = antd3
    ? h("span.ant-calendar-picker", {}, h("div", {}, input, icon("calendar", { extra: "ant-calendar-picker-icon" })))
    : h("div.ant-picker", {}, h("div.ant-picker-input", {}, input, h("span.ant-picker-suffix", {}, icon("calendar"))));
  let current = value;
  let popup = null;
  const close = () => {
    popup?.remove();
    popup = null;
    document.removeEventListener("mousedown", elsewhere, true);
    input.readOnly = true;
    input.value = current; // what was typed and not confirmed is lost, as in antd
    node.classList.remove("ant-picker-focused");
  };
  const choose = (typed) => {
    const chosen = typed === "" ? "" : parse(typed, closing);
    if (chosen === null) return;
    current = chosen;
    close();
    onChange(chosen);
  };
  const elsewhere = (event) => popup?.contains(event.target) || node.contains(event.target) || close();
  const open = () => {
    if (popup) return;
    input.readOnly = antd3;
    node.classList.add("ant-picker-focused");
    popup = calendar(node, current, choose);
    document.addEventListener("mousedown", elsewhere, true);
  };
  node.addEventListener("click", open);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && popup) choose(input.value);
    if (event.key === "Escape" && popup) close();
  });
  return node;
}

function calendar(anchor, value, choose) {
  const box = anchor.getBoundingClientRect();
  const style = `left: ${box.left}px; top: ${box.bottom + 4}px`;
  const month = h("div.picker-month");
  let [year, index] = (value || config.today || new Date().toISOString()).slice(0, 7).split("-").map(Number);
  const move = (by) => {
    const moved = new Date(Date.UTC(year, index - 1 + by, 1));
    [year, index] = [moved.getUTCFullYear(), moved.getUTCMonth() + 1];
    draw();
  };
  const draw = () => month.replaceChildren(...panel(year, index, value, move, choose));
  draw();
  if (!antd3) return portal(
    h(
      "div.ant-picker-dropdown.ant-picker-dropdown-placement-bottomLeft",
      { style },
      h("div.ant-picker-panel-container", {}, h("div.ant-picker-panel", {}, h("div.ant-picker-date-panel", {}, month))),
    ),
  );
  const typed = h(
    "input.ant-calendar-input",
    { placeholder: text.startDate, value, onKeydown: (event) => event.key === "Enter" && choose(event.target.value) },
  );
  const typing = h("div.ant-calendar-input-wrap", {}, h("div.ant-calendar-date-input-wrap", {}, typed));
  const host = portal(
    h("div.ant-calendar-picker-container", { style }, h("div.ant-calendar", {}, h("div.ant-calendar-panel", {}, typing, month))),
  );
  typed.focus();
  return host;
}

function panel(year, index, value, move, choose) {
  const mark = antd3 ? "ant-calendar" : "ant-picker";
  const step = (way, by, sign) => h(
    "button",
    { type: "button", tabindex: "-1", class: `${mark}-header-${way}-btn`, onClick: () => move(by) },
    sign,
  );
  const head = h(
    `div.${mark}-header`,
    {},
    step("prev", -1, "‹"),
    h(`div.${mark}-header-view`, {}, `${year}-${two(index)}`),
    step("next", 1, "›"),
  );
  const lead = (new Date(Date.UTC(year, index - 1, 1)).getUTCDay() + 6) % 7;
  const days = new Date(Date.UTC(year, index, 0)).getUTCDate();
  const cells = Array.from({ length: Math.ceil((lead + days) / 7) * 7 }, (_, i) => cell(i - lead + 1));
  function cell(day) {
    if (day < 1 || day > days) return h("td", { class: `${mark}-cell` });
    const title = `${year}-${two(index)}-${two(day)}`;
    const marks = `${mark}-cell ${mark}-cell-in-view ${value.startsWith(title) ? `${mark}-cell-selected` : ""}`;
    return h(
      "td",
      { title, class: marks, onClick: () => choose(title) },
      h("div", { class: antd3 ? "ant-calendar-date" : "ant-picker-cell-inner" }, String(day)),
    );
  }
  const weeks = Array.from({ length: cells.length / 7 }, (_, i) => h("tr", {}, cells.slice(7 * i, 7 * i + 7)));
  return [head, h("table", { class: antd3 ? "ant-calendar-table" : "ant-picker-content" }, h("tbody", {}, weeks))];
}

// Two date inputs with Filter and Reset. apply({start_time, end_time}) gets only what is set.
export function rangeFilter(range, apply) {
  const chosen = { start: range.start_time?.slice(0, 16) ?? "", end: range.end_time?.slice(0, 16) ?? "" };
  const filter = () => apply({
    ...(chosen.start ? { start_time: `${chosen.start}:00` } : {}),
    ...(chosen.end ? { end_time: `${chosen.end}:59` } : {}),
  });
  return h("div.filter-bar", {},
    datePicker({ placeholder: text.startDate, value: chosen.start, onChange: (value) => { chosen.start = value; } }),
    datePicker({ placeholder: text.endDate, value: chosen.end, closing: true, onChange: (value) => { chosen.end = value; } }),
    button(text.filter, { kind: "primary", extra: "filter-apply", onClick: filter }),
    button(text.reset, { extra: "filter-reset", onClick: () => apply({}) }));
}
