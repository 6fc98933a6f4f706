// The CDR page: a table of calls, the current month's unless filtered, and its downloads as CSV. No audio here.

import { button, icon } from "./antd.js";
import { config } from "./config.js";
import { h } from "./dom.js";
import { downloadOne, downloadTable, tell } from "./downloads.js";
import { message, modal } from "./feedback.js";
import { text } from "./labels.js";
import { pagination } from "./pagination.js";
import { rangeFilter } from "./picker.js";
import { KINDS } from "./recordings.js";
import { table } from "./table.js";
import { cgi } from "./wire.js";

const ROWS = 10;
const STATUS_ICONS = {
  ANSWERED: ["check-circle", "answered"],
  "NO ANSWER": ["exclamation-circle", "missed"],
  BUSY: ["close-circle", "missed"],
  FAILED: ["close-circle", "failed"],
};

export const cdrPage = (container) => new Calls(container).load();

const two = (number) => String(Math.floor(number)).padStart(2, "0");
const clock = (seconds) => [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(two).join(":");

class Calls {
  constructor(container) {
    Object.assign(this, { container, rows: [], total: 0, page: 1, loading: true, filter: {}, filterShown: false, asked: 0 });
  }

  async load() {
    this.loading = true;
    this.render();
    this.asked += 1;
    const asked = this.asked;
    const answer = await cgi("listCDRDB", { item_num: ROWS, page: this.page, sidx: "start", sord: "desc", ...this.filter });
    if (asked !== this.asked || !this.container.isConnected) return;
    this.loading = false;
    if (answer.status === 0) Object.assign(this, { rows: answer.response.cdr ?? [], total: answer.response.total_item ?? 0 });
    else tell(answer);
    this.render();
  }

  render() {
    const turn = (page) => {
      this.page = page;
      this.load();
    };
    const list = table({
      columns: this.columns(),
      rows: this.rows,
      keyOf: (row) => row.id,
      loading: this.loading,
      expandable: true,
      pagination: pagination({ page: this.page, size: ROWS, total: this.total, sizes: [ROWS] }, turn),
    });
    const toggle = () => {
      this.filterShown = !this.filterShown;
      this.render();
    };
    const shown = this.filterShown;
    const display = button(shown ? text.hideFilter : text.displayFilter, { iconName: "filter", extra: "display-filter", onClick: toggle });
    const title = h("div.content-title", {}, h("span", {}, text.cdr), display);
    const bar = h("div.function-buttons", {}, h("div.top-button.top-button-tight", {}, this.buttons()));
    const hint = Object.keys(this.filter).length ? null : h("p.cdr-hint", {}, text.thisMonth);
    const panel = h("div.content-panel", {}, bar, shown && this.filterPanel(), hint, list);
    this.container.replaceChildren(h("div.app-content-main", {}, title, panel));
  }

  buttons() {
    const filtered = Object.keys(this.filter).length > 0;
    const del = (label, disabled, parameters) => button(label, { disabled, onClick: () => this.remove(parameters) });
    const all = [del(text.delRecords, false, {}), button(text.downloadRecords, { kind: "primary", onClick: downloadAll })];
    const found = [
      del(text.delFound, !filtered, { condition: 1, ...this.filter }),
      button(text.downloadFound, { disabled: !filtered, onClick: () => downloadFound(this.filter) }),
    ];
    const order = config.delete_moved ? [all[1], found[1], all[0], found[0]] : [all[0], found[0], all[1], found[1]];
    return [
      ...order,
      button(text.automatic, { onClick: () => notSimulated(text.automatic) }),
      button(text.settings, { onClick: () => notSimulated(text.settings) }),
    ];
  }

  filterPanel() {
    const apply = (filter) => {
      Object.assign(this, { filter, page: 1 });
      this.load();
    };
    return rangeFilter(this.filter, apply);
  }

  columns() {
    return [
      { title: text.status, render: statusIcon },
      { title: text.from, render: (row) => row.src },
      { title: text.to, render: (row) => row.dst },
      { title: text.action, render: (row) => row.action_type },
      { title: text.startTime, render: (row) => row.start },
      { title: text.callTime, render: (row) => clock(row.call_time) },
      { title: text.talkTime, render: (row) => clock(row.talk_time) },
      { title: text.options, render: (row) => (row.recordings ? tape(row) : "-") },
    ];
  }

  // Really deletes, and asks nobody, as the trap that it is.
  async remove(parameters) {
    const answer = await cgi("deleteCDRDB", parameters);
    if (answer.status !== 0) {
      tell(answer);
      return;
    }
    message("success", text.deleted);
    this.page = 1;
    this.load();
  }
}

function statusIcon(row) {
  const [name, marks] = STATUS_ICONS[row.disposition] ?? ["info-circle", "unknown"];
  return icon(name, { extra: `cdr-status cdr-status-${marks}`, title: row.disposition });
}

function tape(row) {
  const props = { title: text.files, onClick: () => showFiles(row.recordfiles) };
  return h("span.cdr-tape", props, h("span.sprite.sprite-tape"), h("span", {}, String(row.recordings)));
}

function downloadAll() {
  return downloadTable(["reloadCDRRecordFile", { reflush_Record: "all" }], "downloadFile", "Master.csv");
}

function downloadFound(filter) {
  return downloadTable(["CreateCdrRecord", { condition: 1, ...filter }], "downloadCdrRecord", "Master_condition.csv");
}

function notSimulated(title) {
  const dialog = modal({ title, body: h("p", {}, text.notSimulated) });
  dialog.update({ footer: [button(text.close, { onClick: dialog.close })] });
}

function typeOf(path) {
  const name = path.split("/").pop();
  if (/^q\d+-/.test(name)) return KINDS.queueRecordings.type;
  return name.startsWith("meetme-") ? KINDS.conferenceRecordings.type : KINDS.recordings.type;
}

function showFiles(paths) {
  const get = (path) => h("span.sprite.sprite-download", { title: text.download, onClick: () => downloadOne(typeOf(path), path) });
  const rows = paths.map((path) => h("li", {}, h("span", {}, path), get(path)));
  const dialog = modal({ title: text.files, body: h("ul.cdr-files", {}, rows) });
  dialog.update({ footer: [button(text.close, { onClick: dialog.close })] });
}
