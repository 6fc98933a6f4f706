// A link from elsewhere (a mail, a chat) comes without the session's cookie. Ask again from here, where it is sent.
"use strict";
fetch(location.href, { redirect: "manual" }).then((answer) => {
  if (answer.type === "opaqueredirect") location.replace(document.querySelector('input[name="next"]').value);
});
