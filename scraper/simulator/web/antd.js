// antd's small parts, in the DOM that antd 4 (or, for the old firmware, antd 3) renders: icons, buttons, checkboxes, spinners, alerts.

import { antd3 } from "./config.js";
import { h } from "./dom.js";
import { drawing } from "./icons.js";

export function icon(name, { extra = "", ...props } = {}) {
  const marks = `anticon anticon-${name} ${name === "loading" ? "anticon-spin" : ""} ${extra}`;
  if (antd3) return h("i", { "aria-label": `icon: ${name}`, class: marks, ...props }, drawing(name));
  return h("span", { role: "img", "aria-label": name, class: marks, ...props }, drawing(name));
}

// antd puts a space between exactly two Chinese characters.
export function spaced(label) {
  return /^[\u4e00-\u9fa5]{2}$/.test(label) ? `${label[0]} ${label[1]}` : label;
}

export function button(
  label,
  { kind = "", iconName = null, disabled = false, loading = false, type = "button", onClick = null, extra = "" } = {},
) {
  const marks = [
    "ant-btn",
    !antd3 && !kind ? "ant-btn-default" : "",
    kind && `ant-btn-${kind}`,
    loading && "ant-btn-loading",
    extra,
  ].filter(Boolean).join(" ");
  const busy = antd3 ? icon("loading") : h("span.ant-btn-loading-icon", {}, icon("loading"));
  return h(
    "button",
    { type, class: marks, disabled, onClick: loading ? null : onClick },
    loading ? busy : iconName && icon(iconName),
    h("span", {}, spaced(label)),
  );
}

export function checkbox({ checked = false, partly = false, disabled = false, onChange = null } = {}) {
  const input = h("input.ant-checkbox-input", { type: "checkbox", value: "", checked, disabled, onChange });
  const states = [checked && "ant-checkbox-checked", partly && "ant-checkbox-indeterminate", disabled && "ant-checkbox-disabled"];
  const marks = states.filter(Boolean).join(" ");
  return h(
    "label.ant-checkbox-wrapper",
    { class: checked ? "ant-checkbox-wrapper-checked" : "" },
    h("span.ant-checkbox", { class: marks }, input, h("span.ant-checkbox-inner")),
  );
}

export function spin({ large = false, tip = null } = {}) {
  const dots = Array.from({ length: 4 }, () => h("i.ant-spin-dot-item"));
  const marks = `${large ? "ant-spin-lg" : ""} ${tip ? "ant-spin-show-text" : ""}`;
  return h(
    "div.ant-spin.ant-spin-spinning",
    { class: marks, "aria-busy": "true" },
    h("span.ant-spin-dot.ant-spin-dot-spin", {}, dots),
    tip && h("div.ant-spin-text", {}, tip),
  );
}

export function alert(message, { kind = "warning", onClose = null } = {}) {
  const close = onClose && h("button.ant-alert-close-icon", { type: "button", tabindex: "0", onClick: onClose }, icon("close"));
  const body = antd3 ? h("span.ant-alert-message", {}, message) : h("div.ant-alert-content", {}, h("div.ant-alert-message", {}, message));
  return h(
    `div.ant-alert.ant-alert-${kind}`,
    { "data-show": "true", role: antd3 ? null : "alert" },
    icon("exclamation-circle", { extra: "ant-alert-icon" }),
    body,
    close,
  );
}
