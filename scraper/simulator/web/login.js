// The login page, and the extra step (a code, a new password) that some builds ask for after the password.

import { button, icon } from "./antd.js";
import { antd3, config } from "./config.js";
import { h } from "./dom.js";
import { message } from "./feedback.js";
import { text } from "./labels.js";
import { navigate } from "./router.js";
import { remember, signIn } from "./session.js";
import { cgi, NETWORK } from "./wire.js";

const WRONG = -37;
const LOCKED = new Set([-68, -70]);
const UNKNOWN_USER = -71;
const CAPTCHA_WANTED = -75; // the simulation's own

function field(id, kind, placeholder, iconName) {
  const input = h("input.ant-input", { id, type: kind, placeholder, autocomplete: "off", maxlength: "128" });
  const affix = h("span.ant-input-affix-wrapper.ant-input-affix-wrapper-lg", {}, h("span.ant-input-prefix", {}, icon(iconName)), input);
  const explain = h(antd3 ? "div.ant-form-explain" : "div.ant-form-item-explain", { style: "display: none" });
  const control = antd3
    ? h(
      "div.ant-col.ant-form-item-control-wrapper",
      {},
      h("div.ant-form-item-control", {}, h("span.ant-form-item-children", {}, affix), explain),
    )
    : h(
      "div.ant-col.ant-form-item-control",
      {},
      h("div.ant-form-item-control-input", {}, h("div.ant-form-item-control-input-content", {}, affix)),
      explain,
    );
  const node = h("div.ant-row.ant-form-item", {}, control);
  const refuse = (words) => {
    node.classList.toggle("ant-form-item-has-error", Boolean(words));
    explain.style.display = words ? "" : "none";
    explain.replaceChildren(words ? h("div", { role: "alert" }, words) : "");
  };
  return { node, input, refuse };
}

function card(title, ...children) {
  const logo = h("div.login-logo", {}, h("span.brand-mark"), h("span", {}, "UCM"));
  return h("div.login-page", {}, h("div.login-card", {}, logo, h("h2", {}, title), children), h("div.login-foot", {}, text.simulated));
}

// The submit button; while busy it is loading, and made anew as React would.
function submitButton(label) {
  const make = (loading) => button(label, { kind: "primary", type: "submit", loading, extra: "ant-btn-lg ant-btn-block login-button" });
  const holder = h("div.ant-form-item-control-input-content", {}, make(false));
  return { holder, busy: (loading) => holder.replaceChildren(make(loading)) };
}

function captchaWidget(dispose) {
  const token = h("textarea.g-recaptcha-response", { id: "g-recaptcha-response", name: "g-recaptcha-response", style: "display: none" });
  const frame = h(
    "iframe",
    { title: "reCAPTCHA", src: "/recaptcha/api2/anchor", width: "304", height: "78", frameborder: "0", scrolling: "no" },
  );
  let challenge = null; // its place is known to captcha.py
  const listen = (event) => {
    if (event.origin !== window.location.origin || event.data?.type !== "recaptcha") return;
    challenge?.remove();
    if (event.data.token) token.value = event.data.token;
    if (event.data.challenge) {
      challenge = h("iframe.captcha-challenge", { title: "recaptcha challenge", src: "/recaptcha/api2/bframe", width: "300", height: "420", frameborder: "0" });
      document.body.append(challenge);
    }
  };
  window.addEventListener("message", listen);
  dispose.push(() => window.removeEventListener("message", listen));
  dispose.push(() => challenge?.remove());
  return {
    node: h(
      "div.g-recaptcha",
      { "data-sitekey": "simulated-site-key" },
      h("div", { style: "width: 304px; height: 78px" }, h("div", {}, frame), token),
    ),
    token,
  };
}

function refusal(answer) {
  const remain = { ...answer, ...answer.response };
  if (answer.status === NETWORK) return text.network;
  if (answer.status === CAPTCHA_WANTED) return text.captchaNeeded;
  if (LOCKED.has(answer.status)) return remain.remain_time ? text.lockedFor(remain.remain_time) : text.locked;
  if (answer.status === WRONG || answer.status === UNKNOWN_USER) {
    return remain.remain_num === undefined ? text.wrongPassword : `${text.wrongPassword} ${text.remaining(remain.remain_num)}`;
  }
  return text.failed;
}

export function loginPage(container) {
  const dispose = [];
  const user = field("username", "text", text.username, "user");
  const password = field("password", "password", text.password, "lock");
  const submit = submitButton(text.signIn);
  const captchaSlot = h("div.login-captcha");
  let captcha = null;
  const showCaptcha = () => {
    captcha = captchaWidget(dispose);
    captchaSlot.replaceChildren(captcha.node);
  };
  if (config.captcha) showCaptcha();
  if (config.captcha_late) setTimeout(showCaptcha, config.captcha_late * 1000);

  const onSubmit = async (event) => {
    event.preventDefault();
    user.refuse(user.input.value ? "" : text.required);
    password.refuse(password.input.value ? "" : text.required);
    if (!user.input.value || !password.input.value) return;
    submit.busy(true);
    const answer = await signIn(user.input.value, password.input.value, captcha?.token.value);
    submit.busy(false);
    if (answer.status !== 0 && config.reloads) window.location.reload();
    else if (answer.status === 0) signedIn(container, user.input.value, answer.response);
    else {
      if (answer.status === CAPTCHA_WANTED) showCaptcha();
      if (answer.status === WRONG || answer.status === UNKNOWN_USER) password.refuse(refusal(answer));
      message("error", refusal(answer));
    }
  };
  const form = h(
    "form.ant-form.ant-form-horizontal",
    { onSubmit, novalidate: true },
    user.node,
    password.node,
    captchaSlot,
    h("div.ant-form-item", {}, submit.holder),
  );
  container.replaceChildren(card(text.welcome, form));
  return () => dispose.forEach((end) => end());
}

function signedIn(container, user, response) {
  const extra = response.extra ?? config.login_extra;
  if (extra) {
    extraStep(container, user, extra);
    return;
  }
  remember(user, response);
  navigate("/dashboard");
}

function extraStep(container, user, kind) {
  const code = field("verificationCode", "text", text.code, "lock");
  const first = field("newPassword", "password", text.newPassword, "lock");
  const second = field("confirmPassword", "password", text.confirmPassword, "lock");
  const fields = kind === "otp" ? [code] : [first, second];
  const submit = submitButton(text.proceed);
  const onSubmit = async (event) => {
    event.preventDefault();
    fields.forEach((each) => each.refuse(each.input.value ? "" : text.required));
    if (fields.some((each) => !each.input.value)) return;
    if (fields.length === 2 && first.input.value !== second.input.value) {
      second.refuse(text.differ);
      return;
    }
    submit.busy(true);
    const answer = await cgi("loginExtra", kind === "otp" ? { code: code.input.value } : { password: first.input.value }, { quiet: true });
    submit.busy(false);
    if (answer.status !== 0) {
      message("error", text.failed);
      return;
    }
    remember(user, answer.response);
    navigate("/dashboard");
  };
  const hint = h("p.login-hint", {}, kind === "otp" ? text.codeHint : text.changeHint);
  const form = h(
    "form.ant-form.ant-form-horizontal",
    { onSubmit, novalidate: true },
    hint,
    fields.map((each) => each.node),
    h("div.ant-form-item", {}, submit.holder),
  );
  container.replaceChildren(card(text.welcome, form));
}
