// The icons' strokes, on a grid of 16 by 16.

const strokes = {
  left: "M10 3 5 8l5 5",
  right: "m6 3 5 5-5 5",
  down: "m3 6 5 5 5-5",
  close: "m4 4 8 8m0-8-8 8",
  "double-right": "m4 3 5 5-5 5m4-10 5 5-5 5",
  "double-left": "M12 3 7 8l5 5M8 3 3 8l5 5",
  loading: "M8 2a6 6 0 1 1-6 6",
  download: "M8 2v8m-3-3 3 3 3-3M3 13h10",
  delete: "M3 4h10M6 4V2h4v2M4.5 4l.7 10h5.6l.7-10",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6m-6 6a6 6 0 0 1 12 0",
  lock: "M3 7h10v7H3zM5 7V5a3 3 0 0 1 6 0v2",
  calendar: "M2 4h12v10H2zM2 7h12M5 2v3m6-3v3",
  "check-circle": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M5 8l2 2 4-4",
  "close-circle": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M6 6l4 4m0-4-4 4",
  "exclamation-circle": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 5v4m0 2v.5",
  "info-circle": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 11V7m0-2v-.5",
  filter: "M2 3h12L9.5 8.5V14l-3-2V8.5z",
  dashboard: "M2 12a6 6 0 1 1 12 0M8 12l3-4",
  team: "M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M1.5 13a4.5 4.5 0 0 1 9 0M11 8a2 2 0 1 0-1-4M14.5 13a4 4 0 0 0-3-4",
  phone: "M4 2l2 3-1.5 1.5a9 9 0 0 0 5 5L11 10l3 2-1 2C7 14 2 9 2 3z",
  setting: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M8 1v2m0 10v2M1 8h2m10 0h2M3 3l1.5 1.5m7 7L13 13M3 13l1.5-1.5m7-7L13 3",
  tool: "M9 5a3 3 0 0 1 4-3l-2 2 1 1 2-2a3 3 0 0 1-4 4l-5 6-2-2z",
  "file-text": "M4 1.5h6l3 3v10H4zM6 7h5M6 9.5h5M6 12h3",
  appstore: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
};

export function drawing(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const attributes = {
    viewBox: "0 0 16 16",
    width: "1em",
    height: "1em",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.4",
    "aria-hidden": "true",
    "data-icon": name,
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", strokes[name] ?? "");
  svg.append(path);
  return svg;
}
