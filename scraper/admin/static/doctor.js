// Follows an examination, and shows its result when it has ended.
"use strict";
(() => {
  const examined = document.querySelector("[data-examination]").dataset.examination;
  const phase = document.getElementById("phase");

  async function follow() {
    try {
      const { task } = await admin.api(`/doctor/${examined}`);
      if (task.stage === "ended") return location.reload();
      if (task.phase) phase.textContent = `${task.phase[0].toUpperCase()}${task.phase.slice(1)}…`;
    } catch (error) {
      phase.textContent = error.message;
    }
    return setTimeout(follow, 1000);
  }
  setTimeout(follow, 500);
})();
