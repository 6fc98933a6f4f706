// The waveform of a recording: shows where the player is, and takes it elsewhere by pointer and keyboard.
"use strict";
(() => {
  const sound = document.getElementById("sound");
  const wave = document.getElementById("wave");
  const told = document.getElementById("told");
  const SVG = "http://www.w3.org/2000/svg";
  let wished = null; // where to go once the player knows the recording

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const length = () => (Number.isFinite(sound.duration) ? sound.duration : Number(wave.dataset.seconds) || 0);

  function element(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function draw(peaks) {
    const path = peaks.map((peak, bar) => {
      const height = Math.max(peak, 1.5);
      return `M${bar} ${50 - height / 2}h.7v${height}h-.7z`;
    }).join("");
    const svg = element("svg", { viewBox: `0 0 ${peaks.length} 100`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const clip = element("clipPath", { id: "so-far" });
    clip.append(element("rect", { x: 0, y: 0, width: 0, height: 100 }));
    svg.append(clip, element("path", { d: path, class: "bars" }), element("path", { d: path, class: "played", "clip-path": "url(#so-far)" }));
    svg.append(element("line", { x1: 0, x2: 0, y1: 0, y2: 100, class: "head" }));
    wave.replaceChildren(svg);
    wave.hidden = false;
    show();
  }

  function show() {
    const svg = wave.querySelector("svg");
    if (!svg) return;
    const at = wished ?? sound.currentTime;
    const x = length() ? (at / length()) * svg.viewBox.baseVal.width : 0;
    svg.querySelector("rect").setAttribute("width", x);
    for (const end of ["x1", "x2"]) svg.querySelector("line").setAttribute(end, x);
    wave.setAttribute("aria-valuenow", String(Math.round(at)));
    wave.setAttribute("aria-valuetext", `${clock(at)} of ${clock(length())}`);
  }

  function go(seconds) {
    const target = Math.min(Math.max(seconds, 0), Math.max(length() - 0.05, 0));
    if (sound.readyState) sound.currentTime = target;
    else {
      wished = target;
      sound.preload = "metadata";
      sound.load();
    }
    show();
  }

  sound.addEventListener("loadedmetadata", () => {
    if (wished !== null) sound.currentTime = wished;
    wished = null;
    show();
  });
  for (const name of ["timeupdate", "seeked", "ended"]) sound.addEventListener(name, show);
  sound.addEventListener("error", async () => {
    try {
      const found = await admin.api(`/recordings/${wave.dataset.recording}`);
      told.textContent = found.file === "ok" ? "This browser can't play the recording; download it." : "The recording's file is not as it was stored.";
    } catch (error) {
      told.textContent = error.message;
    }
  });

  const place = (event) => {
    const box = wave.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * length();
  };
  wave.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    wave.setPointerCapture(event.pointerId);
    go(place(event));
  });
  wave.addEventListener("pointermove", (event) => {
    if (wave.hasPointerCapture(event.pointerId)) go(place(event));
  });
  wave.addEventListener("keydown", (event) => {
    const at = wished ?? sound.currentTime;
    const steps = { ArrowLeft: at - 5, ArrowRight: at + 5, PageDown: at - 30, PageUp: at + 30, Home: 0, End: length() };
    if (event.key === " " || event.key === "Enter") sound.paused ? sound.play() : sound.pause();
    else if (event.key in steps) go(steps[event.key]);
    else return;
    event.preventDefault();
  });

  admin.api(`/recordings/${wave.dataset.recording}/waveform`).then((found) => draw(found.peaks), () => {});
})();
