// antd's date inputs: read-only until they are opened. antd 4 takes what is typed on Enter; antd 3 has an input of its own in the popup.
// Each takes one form only: two inputs of antd 4 days with times, which want an OK when picked; antd 3's and a range's input days.

import { button, icon } from "./antd.js";
import { antd3, config } from "./config.js";
import { h, portal } from "./dom.js";
import { text } from "./labels.js";

const ranged = config.date_inputs === "range" && !antd3;
const timed = !antd3 && !ranged;
const TYPED = timed ? /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})$/ : /^(\d{4}-\d{2}-\d{2})$/;
// How long antd takes to turn to a range's other input, and that input to listen.
const TURN_MS = 100;

const two = (number) => String(number).padStart(2, "0");
const shown = (value) => (timed ? value : value.slice(0, 10));

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
      title: shown(value),
      value: shown(value),
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
    input.value = shown(current); // what was typed and not confirmed is lost, as in antd
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
    popup = calendar(node, shown(current), choose);
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
  let [day = "", time = "00:00"] = value.split(" ");
  const move = (by) => {
    const moved = new Date(Date.UTC(year, index - 1 + by, 1));
    [year, index] = [moved.getUTCFullYear(), moved.getUTCMonth() + 1];
    draw();
  };
  const pick = (picked) => {
    if (!timed) return choose(picked);
    day = picked;
    draw();
  };
  const draw = () => month.replaceChildren(...panel(year, index, day, move, pick), ...(timed ? clock() : []));
  function clock() {
    const column = (count, part) => h(
      "ul.ant-picker-time-panel-column",
      {},
      Array.from({ length: count }, (_, number) => h("li.ant-picker-time-panel-cell", { onClick: () => turn(part, two(number)) }, two(number))),
    );
    const confirm = () => button("OK", { kind: "primary", disabled: !day, onClick: () => choose(`${day} ${time}`) });
    const turn = (part, to) => {
      time = time.split(":").map((old, place) => (place === part ? to : old)).join(":");
      draw();
    };
    return [
      h("div.ant-picker-time-panel", {}, h("div.ant-picker-header", {}, time), h("div.ant-picker-content", {}, column(24, 0), column(60, 1))),
      h("ul.ant-picker-ranges", {}, h("li.ant-picker-ok", {}, confirm())),
    ];
  }
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

function panel(year, index, chosen, move, choose) {
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
    const marks = `${mark}-cell ${mark}-cell-in-view ${chosen === title ? `${mark}-cell-selected` : ""}`;
    return h(
      "td",
      { title, class: marks, onClick: () => choose(title) },
      h("div", { class: antd3 ? "ant-calendar-date" : "ant-picker-cell-inner" }, String(day)),
    );
  }
  const weeks = Array.from({ length: cells.length / 7 }, (_, i) => h("tr", {}, cells.slice(7 * i, 7 * i + 7)));
  return [head, h("table", { class: antd3 ? "ant-calendar-table" : "ant-picker-content" }, h("tbody", {}, weeks))];
}

// antd 4's range: two inputs in one, days only. An Enter turns to the other input, a moment later; the range is taken once both were
// entered. What begins after its end is swapped at once. A click, on the other input too, forgets what was entered, though it may still show.
function rangePicker({ placeholders, values, onChange }) {
  let current = values;
  let opened = null; // {popup, index, days, entered, listening}
  const inputs = placeholders.map((placeholder, index) => h("input", {
    placeholder,
    value: shown(values[index]),
    readonly: true,
    autocomplete: "off",
    size: "12",
    onKeydown: (event) => {
      if (event.key === "Enter" && opened?.index === index && opened.listening) enter(event.target.value);
      if (event.key === "Escape") close();
    },
  }));
  const wrap = (input) => h("div.ant-picker-input", {}, input);
  const node = h(
    "div.ant-picker.ant-picker-range",
    {},
    wrap(inputs[0]),
    h("div.ant-picker-range-separator", {}, "→"),
    wrap(inputs[1]),
    h("span.ant-picker-suffix", {}, icon("calendar")),
  );
  const close = () => {
    opened?.popup.remove();
    opened = null;
    document.removeEventListener("mousedown", elsewhere, true);
    inputs.forEach((input, index) => {
      input.readOnly = true;
      input.value = shown(current[index]);
    });
  };
  const elsewhere = (event) => opened?.popup.contains(event.target) || node.contains(event.target) || close();
  const turn = (index) => {
    opened.popup.remove();
    Object.assign(opened, { popup: calendar(node, opened.days[index], enter), index, listening: true });
    inputs.forEach((input, which) => { input.readOnly = which !== index; });
    inputs[index].focus();
  };
  function enter(typed) {
    const { index, days, entered } = opened;
    if (parse(typed, false) === null) return;
    days[index] = typed.trim();
    if (days[0] && days[1]) days.sort();
    inputs.forEach((input, which) => { input.value = days[which]; });
    entered.add(index);
    if (entered.size === 2) {
      current = [parse(days[0], false), parse(days[1], true)];
      close();
      onChange(current);
      return;
    }
    opened.listening = false;
    const turned = opened;
    setTimeout(() => opened === turned && turn(1 - index), TURN_MS);
  }
  const open = (index) => {
    if (opened?.index === index && opened.listening) return;
    opened?.popup.remove();
    opened = { popup: h("div"), days: current.map(shown), entered: new Set() };
    document.addEventListener("mousedown", elsewhere, true);
    turn(index);
  };
  inputs.forEach((input, index) => input.addEventListener("click", () => open(index)));
  return node;
}

// Two date inputs, or a range of two, with Filter and Reset. apply({start_time, end_time}) gets only what is set.
export function rangeFilter(range, apply) {
  const chosen = { start: range.start_time?.slice(0, 16) ?? "", end: range.end_time?.slice(0, 16) ?? "" };
  const filter = () => apply({
    ...(chosen.start ? { start_time: `${chosen.start}:00` } : {}),
    ...(chosen.end ? { end_time: `${chosen.end}:59` } : {}),
  });
  const inputs = ranged
    ? [rangePicker({
      placeholders: [text.startDate, text.endDate],
      values: [chosen.start, chosen.end],
      onChange: ([start, end]) => Object.assign(chosen, { start, end }),
    })]
    : [
      datePicker({ placeholder: text.startDate, value: chosen.start, onChange: (value) => { chosen.start = value; } }),
      datePicker({ placeholder: text.endDate, value: chosen.end, closing: true, onChange: (value) => { chosen.end = value; } }),
    ];
  return h("div.filter-bar", {},
    ...inputs,
    button(text.filter, { kind: "primary", extra: "filter-apply", onClick: filter }),
    button(text.reset, { extra: "filter-reset", onClick: () => apply({}) }));
}
