// What the server wrote into the page: which build of the web UI this one imitates.

const defaults = {
  modal: true, date_filter: true, date_inputs: "two", date_preset: false, pack_follows_filter: false, language: "en", labels: "new",
  overlay: false, delete_moved: false, captcha: false, captcha_late: null,
  page_sizes: [10, 20, 50, 100], sidebar: "open", reloads: false, pack_mode: "blocking", login_extra: null, mischief: null,
};

function read() {
  try {
    return JSON.parse(document.getElementById("sim-config").textContent);
  } catch {
    return {};
  }
}

export const config = { ...defaults, ...read() };

// The old firmware's UI is built on antd 3, the new one on antd 4: other icons, date inputs and selects.
export const antd3 = config.labels === "old";
