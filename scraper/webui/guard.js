// Run in each frame before the page's own scripts: takes from the page what it could send past the guard, since Chromium lets nobody judge
// it on its way. A UCM's pages need none of that but links that download.
{
  // WebSockets of workers, as streams and over QUIC; what the browser itself asks of identity providers and payment handlers.
  for (const name of ["Worker", "SharedWorker", "WebSocketStream", "WebTransport", "PaymentRequest", "documentPictureInPicture"])
    delete window[name];
  delete Navigator.prototype.credentials;

  // Pages fetched ahead of being asked for, by rules that may stand in shadow trees and new windows, too.
  const stripRules = (tree) =>
    new MutationObserver(() => tree.querySelectorAll("script[type=speculationrules i]").forEach((rules) => rules.remove())).observe(tree, {
      childList: true,
      subtree: true,
    });

  // What a link downloads is not judged where the link's frame is gone when the browser comes to it. So no link of the page begins a download,
  // but in its place a copy that nobody can change: as a download where its address surely reads, else as a page, which is always judged.
  const LINK = "a[href][download], area[href][download]";
  const READS = /^\?action=download[a-z]*(&[\w.-]+=([\w.,:@*~+/-]|%[\da-f]{2})*)*$/i;
  const WRITES = /action|delete|remove|reset|reboot|%25/i;
  const press = HTMLElement.prototype.click;
  const surelyReads = ({ protocol, origin, pathname, search }) =>
    protocol === "blob:" ||
    protocol === "data:" ||
    (origin === window.origin &&
      (search ? pathname === "/cgi" && READS.test(search) && !WRITES.test(search.slice("?action=".length)) : !/cgi|api|[%;]/i.test(pathname)));
  const ask = (link) => {
    const { href, download } = link;
    const copy = Object.assign(window.document.createElement("a"), { href });
    if (surelyReads(new URL(href))) copy.download = download;
    press.apply(copy);
  };
  const isLink = (part) => part instanceof Node && part.nodeType === Node.ELEMENT_NODE && part.matches(LINK);
  const watchLinks = (target) =>
    target.addEventListener(
      "click",
      (event) => {
        const link = event.composedPath().find(isLink);
        if (!link || event.defaultPrevented) return;
        let prevented = false;
        event.preventDefault();
        event.preventDefault = () => void (prevented = true); // the page's own word still counts
        setTimeout(() => prevented || ask(link));
      },
      true,
    );
  const pressed = (original, isClick) =>
    function (...how) {
      return isLink(this) && !this.isConnected && isClick(...how) ? ask(this) : original.apply(this, how);
    };
  HTMLElement.prototype.click = pressed(press, () => true);
  EventTarget.prototype.dispatchEvent = pressed(EventTarget.prototype.dispatchEvent, (event) => event?.type === "click");

  const guarded = (owner, name, made) => {
    const original = owner[name];
    owner[name] = function (...how) {
      const result = original.apply(this, how);
      try {
        made(result);
      } catch {
        // there is none, or it is of another origin
      }
      return result;
    };
  };
  guarded(Element.prototype, "attachShadow", (tree) => (stripRules(tree), watchLinks(tree)));
  for (const owner of [window, Document.prototype]) guarded(owner, "open", (opened) => stripRules(opened.document ?? opened));
  stripRules(document);
  watchLinks(window);
}
