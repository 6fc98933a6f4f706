// Who is signed in. The server's own cookie carries the session; the page adds username and user_id, which single downloads need.

import { cgi, NETWORK, onSessionEnded } from "./wire.js";
import { md5hex } from "./md5.js";

const POLL_MILLISECONDS = 30_000;

let poll = null;

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : null;
}

export const userName = () => cookie("username");

export async function isSignedIn() {
  if (!userName()) return false;
  const answer = await cgi("getUserInfo", {}, { quiet: true });
  return answer.status === 0 || answer.status === NETWORK; // only the PBX's own word ends a session
}

// The password step alone: the answer of login, or of challenge where that one already refuses.
export async function signIn(user, password, captcha) {
  const asked = await cgi("challenge", { user }, { quiet: true });
  if (asked.status !== 0) return asked;
  const token = md5hex(asked.response.challenge + password);
  return cgi("login", { user, token, ...(captcha ? { captcha } : {}) }, { quiet: true });
}

export function remember(user, response) {
  const id = response.user_id ?? response.user?.user_id ?? 0;
  document.cookie = `username=${encodeURIComponent(user)}; path=/`;
  document.cookie = `user_id=${encodeURIComponent(id)}; path=/`;
}

export function forget() {
  stopPolling();
  for (const name of ["username", "user_id"]) document.cookie = `${name}=; path=/; max-age=0`;
}

export async function signOut() {
  await cgi("logout", {}, { quiet: true });
  forget();
}

export function startPolling() {
  poll ??= setInterval(() => cgi("getUserInfo"), POLL_MILLISECONDS);
}

function stopPolling() {
  clearInterval(poll);
  poll = null;
}

// Several answers may say so at once; only the first one leads to the login page.
export function whenEnded(listener) {
  onSessionEnded(() => {
    if (!userName()) return;
    forget();
    listener();
  });
}
