// Making elements. h("div.ant-btn#id", {title: "x", onClick: f}, child, …): null and false children are left out.

export function h(selector, props = {}, ...children) {
  const [tag, ...marks] = selector.split(/(?=[.#])/);
  const node = document.createElement(tag);
  for (const mark of marks) {
    if (mark[0] === "#") node.id = mark.slice(1);
    else node.classList.add(mark.slice(1));
  }
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.classList.add(...value.split(" ").filter(Boolean));
    else if (name.startsWith("on")) node.addEventListener(name.slice(2).toLowerCase(), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function delay(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// What antd renders at the end of <body> (modals, toasts, dropdowns) lives in such a portal.
export function portal(...children) {
  const node = h("div", { "data-portal": true }, ...children);
  document.body.append(node);
  return node;
}

export function clearPortals() {
  document.querySelectorAll("body > [data-portal]").forEach((node) => node.remove());
}
