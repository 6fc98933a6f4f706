// What is written on things, by UI language. CSS classes and routes are the same in all of them.

import { config } from "./config.js";

const en = {
  username: "Username", password: "Password", signIn: "Login", welcome: "Welcome to the UCM",
  code: "Verification code", codeHint: "Enter the code that was sent to you.", newPassword: "New password", confirmPassword: "Confirm new password",
  changeHint: "For your security the password has to be changed before you continue.", proceed: "Continue",
  wrongPassword: "Wrong account or password!", remaining: (n) => `${n} attempt(s) remaining.`, locked: "Login restricted. Please try again later.",
  lockedFor: (s) => `Login restricted. Please try again in ${s} seconds.`, captchaNeeded: "Please confirm that you are not a robot.", failed: "The operation failed.",
  network: "Network error.", required: "This field is required.", ended: "The session has ended. Please sign in again.", signOut: "Logout",
  dashboard: "Dashboard", cdr: "CDR", callRate: "Call Rate", statistics: "Statistics", recordings: "Recordings",
  extensions: "Extension / Trunk", callFeatures: "Call Features", queueRecordings: "Queue Recordings", conferenceRecordings: "Conference Recordings",
  pbxSettings: "PBX Settings", storage: "Recording Storage Settings", systemSettings: "System Settings", maintenance: "Maintenance",
  valueAdded: "Value-added Features", api: "API Configuration", notSimulated: "This page is not part of the simulation.",
  security: "Security level of current username is too low, please change it as soon as possible.", applied: "Saved successfully. Please apply the changes.",
  apply: "Apply Changes", ok: "OK", cancel: "Cancel", close: "Close", total: (n) => `Total: ${n}`, perPage: (n) => `${n} / page`, goTo: "Go to", page: "Page", noData: "No Data",
  del: "Delete", delAll: "Delete All", download: "Download", downloadAll: "Download All", play: "Play", options: "Options",
  caller: "Caller", callee: "Callee", callTime: "Call Time", size: "Size", fileName: "File Name",
  startDate: "Start time", endDate: "End time", filter: "Filter", reset: "Reset",
  confirmDelete: (n) => `Are you sure you want to delete the ${n} selected file(s)?`, confirmOne: "Are you sure you want to delete this file?", deleted: "Deleted successfully.",
  packing: "The recording files are being packed. This may take a few minutes, please wait…", packed: "The recording files are packed and ready to be downloaded.",
  packFailed: "Packing the recording files failed.", missing: "The file does not exist.",
  delRecords: "Delete All", delFound: "Delete Search Result(s)", downloadRecords: "Download All Records", downloadFound: "Download Search Result(s)",
  automatic: "Automatic Download", settings: "CDR Settings", displayFilter: "Display Filter", hideFilter: "Hide Filter",
  status: "Status", from: "Call from", to: "Call to", action: "Action Type", startTime: "Start Time", talkTime: "Talk Time",
  thisMonth: "Calls of the current month.", files: "Recording files", uptime: "System", model: "Product model", firmware: "Simulated firmware",
  simulated: "This is a simulated UCM: its calls and recordings are generated.", recordingCount: "Recordings", callCount: "Calls this month",
};

const de = {
  username: "Benutzername", password: "Passwort", signIn: "Anmelden", welcome: "Willkommen beim UCM", code: "Bestätigungscode",
  codeHint: "Geben Sie den Code ein, der Ihnen gesendet wurde.", newPassword: "Neues Passwort", confirmPassword: "Neues Passwort wiederholen",
  changeHint: "Zu Ihrer Sicherheit muss das Passwort zuerst geändert werden.", proceed: "Weiter", wrongPassword: "Falsches Konto oder Passwort!",
  remaining: (n) => `Noch ${n} Versuch(e).`, locked: "Anmeldung gesperrt. Bitte versuchen Sie es später erneut.",
  lockedFor: (s) => `Anmeldung gesperrt. Bitte versuchen Sie es in ${s} Sekunden erneut.`, captchaNeeded: "Bitte bestätigen Sie, dass Sie kein Roboter sind.",
  failed: "Der Vorgang ist fehlgeschlagen.", network: "Netzwerkfehler.", required: "Dieses Feld ist erforderlich.", ended: "Die Sitzung ist beendet. Bitte melden Sie sich erneut an.",
  signOut: "Abmelden", dashboard: "Übersicht", callRate: "Anrufrate", statistics: "Statistik", recordings: "Aufnahmen", extensions: "Nebenstelle / Leitung",
  callFeatures: "Anruffunktionen", queueRecordings: "Warteschlangenaufnahmen", conferenceRecordings: "Konferenzaufnahmen", pbxSettings: "PBX-Einstellungen",
  storage: "Aufnahmespeicher", systemSettings: "Systemeinstellungen", maintenance: "Wartung", valueAdded: "Mehrwertfunktionen", api: "API-Konfiguration",
  notSimulated: "Diese Seite gehört nicht zur Simulation.", security: "Die Sicherheitsstufe des aktuellen Benutzers ist zu niedrig, bitte ändern Sie sie so bald wie möglich.",
  applied: "Gespeichert. Bitte wenden Sie die Änderungen an.", apply: "Änderungen anwenden", cancel: "Abbrechen", close: "Schließen", total: (n) => `Gesamt: ${n}`,
  perPage: (n) => `${n} / Seite`, goTo: "Gehe zu", page: "Seite", noData: "Keine Daten", del: "Löschen", delAll: "Alle löschen", download: "Herunterladen",
  downloadAll: "Alle herunterladen", play: "Wiedergabe", options: "Optionen", caller: "Anrufer", callee: "Angerufener", callTime: "Anrufzeit", size: "Größe", fileName: "Dateiname",
  startDate: "Startzeit", endDate: "Endzeit", filter: "Filtern", reset: "Zurücksetzen", confirmDelete: (n) => `Möchten Sie die ${n} ausgewählten Dateien wirklich löschen?`,
  confirmOne: "Möchten Sie diese Datei wirklich löschen?", deleted: "Gelöscht.", packing: "Die Aufnahmen werden gepackt. Das kann einige Minuten dauern, bitte warten…",
  packed: "Die Aufnahmen sind gepackt und können heruntergeladen werden.", packFailed: "Die Aufnahmen konnten nicht gepackt werden.", missing: "Die Datei existiert nicht.",
  delRecords: "Alle löschen", delFound: "Suchergebnis(se) löschen", downloadRecords: "Alle Einträge herunterladen", downloadFound: "Suchergebnis(se) herunterladen",
  automatic: "Automatischer Download", settings: "CDR-Einstellungen", displayFilter: "Filter anzeigen", hideFilter: "Filter ausblenden", from: "Anruf von", to: "Anruf an",
  action: "Aktionstyp", startTime: "Startzeit", talkTime: "Gesprächszeit", thisMonth: "Anrufe des laufenden Monats.", files: "Aufnahmedateien", uptime: "System",
  model: "Produktmodell", firmware: "Simulierte Firmware", simulated: "Dies ist ein simuliertes UCM: Anrufe und Aufnahmen sind erzeugt.", recordingCount: "Aufnahmen", callCount: "Anrufe in diesem Monat",
};

const zh = {
  username: "用户名", password: "密码", signIn: "登录", welcome: "欢迎使用 UCM", code: "验证码", codeHint: "请输入收到的验证码。", newPassword: "新密码", confirmPassword: "确认新密码",
  changeHint: "为了安全，请先修改密码。", proceed: "继续", wrongPassword: "帐号或密码错误！", remaining: (n) => `还可尝试 ${n} 次。`, locked: "登录受限，请稍后再试。",
  lockedFor: (s) => `登录受限，请在 ${s} 秒后再试。`, captchaNeeded: "请确认您不是机器人。", failed: "操作失败。", network: "网络错误。", required: "此项必填。", ended: "会话已结束，请重新登录。",
  signOut: "退出", dashboard: "系统状态", callRate: "通话费率", statistics: "统计", recordings: "录音文件", extensions: "分机/中继", callFeatures: "呼叫功能", queueRecordings: "队列录音",
  conferenceRecordings: "会议录音", pbxSettings: "PBX设置", storage: "录音存储设置", systemSettings: "系统设置", maintenance: "维护", valueAdded: "增值功能", api: "API配置",
  notSimulated: "此页面不在模拟范围内。", security: "当前用户名的安全等级过低，请尽快修改。", applied: "保存成功，请应用更改。", apply: "应用更改", ok: "确定", cancel: "取消", close: "关闭",
  total: (n) => `总计: ${n}`, perPage: (n) => `${n} 条/页`, goTo: "跳至", page: "页", noData: "暂无数据", del: "删除", delAll: "删除所有", download: "下载", downloadAll: "下载所有", play: "播放",
  options: "选项", caller: "主叫", callee: "被叫", callTime: "呼叫时间", size: "大小", fileName: "文件名", startDate: "开始时间", endDate: "结束时间", filter: "过滤", reset: "重置",
  confirmDelete: (n) => `确定删除选中的 ${n} 个文件吗？`, confirmOne: "确定删除此文件吗？", deleted: "删除成功。", packing: "正在打包录音文件，可能需要几分钟，请稍候…", packed: "录音文件已打包，可以下载。",
  packFailed: "打包录音文件失败。", missing: "文件不存在。", delRecords: "删除所有", delFound: "删除搜索结果", downloadRecords: "下载所有记录", downloadFound: "下载搜索结果", automatic: "自动下载",
  settings: "CDR设置", displayFilter: "显示过滤", hideFilter: "隐藏过滤", status: "状态", from: "主叫号码", to: "被叫号码", action: "操作类型", startTime: "开始时间", talkTime: "通话时长",
  thisMonth: "本月通话。", files: "录音文件", uptime: "系统", model: "产品型号", firmware: "模拟固件", simulated: "这是模拟的 UCM：通话和录音均为生成。", recordingCount: "录音", callCount: "本月通话",
};

// The old firmware's names of the four buttons on the Recordings pages.
const old = {
  en: { del: "Batch delete", delAll: "Delete all", download: "Batch download", downloadAll: "Download all recording files" },
  de: { del: "Stapellöschung", delAll: "Alles löschen", download: "Stapel-Download", downloadAll: "Alle Aufnahmedateien herunterladen" },
  zh: { del: "批量删除", delAll: "删除全部", download: "批量下载", downloadAll: "下载全部录音文件" },
};

const languages = { en, de, zh };

export const text = { ...en, ...(languages[config.language] ?? {}) };
export const fileButtons = config.labels === "old" ? (old[config.language] ?? old.en) : text;
