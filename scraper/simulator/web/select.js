// antd's Select, whose dropdown opens at the end of <body>.

import { icon } from "./antd.js";
import { antd3 } from "./config.js";
import { h, portal } from "./dom.js";

let selectCount = 0;

// options: [{label, value}]; onSelect(value) is called for another one than before.
export function select(options, value, onSelect) {
  selectCount += 1;
  const id = `rc_select_${selectCount}`;
  const label = options.find((option) => option.value === value)?.label ?? String(value);
  const open = () => dropdown(node, id, options, value, onSelect);
  const node = antd3 ? select3(label, open) : select4(label, id, open);
  return node;
}

function select4(label, id, open) {
  const search = h(
    "input.ant-select-selection-search-input",
    {
      type: "search",
      id,
      role: "combobox",
      "aria-haspopup": "listbox",
      "aria-owns": `${id}_list`,
      readonly: true,
      unselectable: "on",
      autocomplete: "off",
      style: "opacity: 0",
    },
  );
  const selector = h(
    "div.ant-select-selector",
    { onMousedown: open },
    h("span.ant-select-selection-search", {}, search),
    h("span.ant-select-selection-item", { title: label }, label),
  );
  const mark = h("span.ant-select-arrow", { unselectable: "on", "aria-hidden": "true" }, icon("down", { extra: "ant-select-suffix" }));
  return h("div.ant-select.ant-pagination-options-size-changer.ant-select-single.ant-select-show-arrow", {}, selector, mark);
}

function select3(label, open) {
  const value = h("div.ant-select-selection-selected-value", { title: label, style: "display: block" }, label);
  const arrowMark = h("span.ant-select-arrow", { unselectable: "on" }, icon("down", { extra: "ant-select-arrow-icon" }));
  const selection = h(
    "div.ant-select-selection.ant-select-selection--single",
    { role: "combobox", "aria-haspopup": "true", "aria-expanded": "false", tabindex: "0", onClick: open },
    h("div.ant-select-selection__rendered", {}, value),
    arrowMark,
  );
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
  const named = options.map(
    (option) => h(
      "div",
      { role: "option", "aria-label": option.label, "aria-selected": String(option.value === value) },
      String(option.value),
    ),
  );
  const items = options.map((option) => {
    const selected = option.value === value;
    const marks = selected ? "ant-select-item-option-selected" : "";
    const props = { class: marks, title: option.label, "aria-selected": String(selected), onClick: choose(option) };
    const state = h("span.ant-select-item-option-state", { unselectable: "on", "aria-hidden": "true" });
    return h("div.ant-select-item.ant-select-item-option", props, h("div.ant-select-item-option-content", {}, option.label), state);
  });
  const holder = h("div.rc-virtual-list-holder", {}, h("div", {}, h("div.rc-virtual-list-holder-inner", {}, items)));
  return h(
    "div",
    {},
    h("div", { role: "listbox", id: `${id}_list`, style: "height: 0; width: 0; overflow: hidden" }, named),
    h("div.rc-virtual-list", {}, holder),
  );
}

function menu3(options, value, choose) {
  const items = options.map(
    (option) => h(
      "li.ant-select-dropdown-menu-item",
      {
        role: "option",
        unselectable: "on",
        class: option.value === value ? "ant-select-dropdown-menu-item-selected" : "",
        onClick: choose(option),
      },
      option.label,
    ),
  );
  return h(
    "div",
    {},
    h(
      "ul.ant-select-dropdown-menu.ant-select-dropdown-menu-root.ant-select-dropdown-menu-vertical",
      { role: "listbox", tabindex: "0" },
      items,
    ),
  );
}
