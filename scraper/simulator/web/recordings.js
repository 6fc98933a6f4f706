// The Recordings pages: ordinary calls, and the same for queues and conferences. The delete buttons stand beside the download buttons.

import { button } from "./antd.js";
import { config } from "./config.js";
import { h } from "./dom.js";
import { downloadOne, packAndDownload, tell } from "./downloads.js";
import { confirm, message, modal, popconfirm } from "./feedback.js";
import { fileButtons, text } from "./labels.js";
import { pagination } from "./pagination.js";
import { rangeFilter } from "./picker.js";
import { table } from "./table.js";
import { cgi, cgiUrl } from "./wire.js";

export const KINDS = {
  recordings: { type: "voice_recording", pack: "cdr_pack", all: "allCdrRecordFiles.tgz", batch: "batchCdrRecordFiles.tgz" },
  queueRecordings: { type: "queue_recording", pack: "queue_pack", all: "allQueueRecordFiles.tgz", batch: "batchQueueRecordFiles.tgz" },
  conferenceRecordings: {
    type: "meetme_recording",
    pack: "meetme_pack",
    all: "allMeetmeRecordFiles.tgz",
    batch: "batchMeetmeRecordFiles.tgz",
  },
};

export const recordingsPage = (title) => (container) => new Recordings(container, title, KINDS[title]).load();

class Recordings {
  constructor(container, title, kind) {
    Object.assign(this, { container, title, kind, rows: [], total: 0, page: 1, size: config.page_sizes[0] });
    const month = { start_time: `${config.today.slice(0, 7)}-01 00:00:00`, end_time: `${config.today} 23:59:59` };
    Object.assign(this, { ticked: new Set(), loading: true, range: config.date_preset ? month : {}, asked: 0 });
  }

  async load() {
    this.loading = true;
    this.render();
    const filter = { list_dir: 0, list_file: 1, file_suffix: ["mp3", "wav"], ...this.range };
    this.asked += 1;
    const asked = this.asked;
    const paging = { item_num: this.size, page: this.page, sidx: "d", sord: "desc" };
    const answer = await cgi("listFile", { type: this.kind.type, filter: JSON.stringify(filter), ...paging });
    if (asked !== this.asked || !this.container.isConnected) return;
    this.loading = false;
    if (answer.status === 0) {
      this.rows = answer.response[this.kind.type] ?? [];
      this.total = answer.response.total_item ?? 0;
      this.ticked.clear();
    } else {
      tell(answer);
    }
    this.render();
  }

  render() {
    const paging = { page: this.page, size: this.size, total: this.total, sizes: config.page_sizes };
    const list = table({
      columns: this.columns(),
      rows: this.rows,
      keyOf: (row) => row.n,
      loading: this.loading,
      ticked: this.ticked,
      onTick: (keys, on) => this.tick(keys, on),
      pagination: pagination(paging, (page, size) => this.turn(page, size)),
    });
    const bar = h("div.function-buttons", {}, h("div.top-button", {}, this.buttons()), config.date_filter && this.filter());
    this.container.replaceChildren(
      h("div.app-content-main", {}, h("div.content-title", {}, text[this.title]), h("div.content-panel", {}, bar, list)),
    );
  }

  buttons() {
    const none = this.ticked.size === 0;
    const names = [...this.ticked];
    const del = [
      button(fileButtons.del, { iconName: "delete", disabled: none, onClick: () => this.removeTicked(names) }),
      button(fileButtons.delAll, { iconName: "delete", onClick: () => this.remove("*") }),
    ];
    const get = [
      button(fileButtons.download, { iconName: "download", disabled: none, onClick: () => this.pack(names.join(","), this.kind.batch) }),
      button(fileButtons.downloadAll, { kind: "primary", iconName: "download", onClick: () => this.pack(this.kind.all, this.kind.all) }),
    ];
    return config.delete_moved ? [get, del] : [del, get];
  }

  filter() {
    const apply = (range) => {
      this.range = range;
      this.turn(1, this.size);
    };
    return rangeFilter(this.range, apply);
  }

  columns() {
    return [
      { title: text.fileName, hidden: true, render: (row) => row.n },
      { title: text.caller, render: (row) => row.caller },
      { title: text.callee, render: (row) => row.callee },
      { title: text.callTime, render: (row) => row.d },
      { title: text.size, render: (row) => `${(row.s / 1000).toFixed(1)} kB` },
      { title: text.play, render: (row) => h("span.sprite.sprite-play", { title: text.play, onClick: () => this.play(row) }) },
      { title: text.options, render: (row) => h("div.options", {},
        h("span.sprite.sprite-download", { title: text.download, onClick: () => downloadOne(this.kind.type, row.n) }),
        h("span.sprite.sprite-del", { title: text.del, onClick: (event) => this.removeRow(event.currentTarget, row) })) },
    ];
  }

  tick(keys, on) {
    keys.forEach((key) => this.ticked[on ? "add" : "delete"](key));
    this.render();
  }

  turn(page, size) {
    Object.assign(this, { page, size });
    this.load();
  }

  pack(data, archive) {
    const filter = config.pack_follows_filter && data === archive ? JSON.stringify(this.range) : null;
    return packAndDownload(this.container, { type: this.kind.pack, data, archive, filter });
  }

  play(row) {
    const source = cgiUrl("downloadFile", { type: this.kind.type, data: row.n });
    const sound = h("audio", { controls: true, preload: "none", src: source });
    const dialog = modal({ title: text.play, body: [h("p", {}, `${row.caller} → ${row.callee}`), sound], onClose: () => sound.pause() });
    dialog.update({ footer: [button(text.close, { onClick: dialog.close })] });
  }

  async removeTicked(names) {
    if (await confirm(text.confirmDelete(names.length))) await this.remove(names.join(","));
  }

  async removeRow(anchor, row) {
    if (await popconfirm(anchor, text.confirmOne)) await this.remove(row.n);
  }

  // Really deletes. Delete All comes here without any question, as the trap that it is.
  async remove(data) {
    const answer = await cgi("removeFile", { type: this.kind.type, data });
    if (answer.status !== 0) {
      tell(answer);
      return;
    }
    message("success", text.deleted);
    this.turn(1, this.size);
  }
}
