// The wire: form-encoded POST /cgi, answered {"status": N, "response": {…}}.

export const NETWORK = "network"; // the status of an answer that never came or is not the wire's JSON

let sessionEnded = () => {};

export function onSessionEnded(listener) {
  sessionEnded = listener;
}

// One action. Never throws: a request that was refused on its way answers with the status NETWORK.
export async function cgi(action, parameters = {}, { quiet = false } = {}) {
  const body = new URLSearchParams({ action, ...parameters });
  let answer;
  try {
    const reply = await fetch("/cgi", { method: "POST", body, credentials: "same-origin" });
    answer = await reply.json();
  } catch {
    return { status: NETWORK, response: {} };
  }
  if (!quiet && (answer.status === -5 || answer.status === -6)) sessionEnded(action);
  return { ...answer, response: answer.response ?? {} };
}

export function cgiUrl(action, parameters) {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `/cgi?action=${action}&${query.join("&")}`;
}

// A link with a name of its own: whatever the answer is, even an HTML page, becomes a file of that name.
export function downloadByLink(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.style.display = "none";
  document.body.append(link);
  link.click();
  link.remove();
}

// Older builds send the whole window there: an attachment leaves the page as it is, anything else replaces it.
export function downloadByLocation(url) {
  window.location.assign(url);
}
