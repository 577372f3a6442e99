/* What changes without a new page: it is said, focus stays, addresses are short, failures show. */
{
  const said = new Map();
  const words = [];
  let timer;

  /* Anything may speak: document.dispatchEvent(new CustomEvent("say", { detail: text })).
     What is said in one go is spoken together; what comes later takes its place. */
  document.addEventListener("say", ({ detail }) => {
    const live = document.querySelector("#live");
    if (!live || !detail) return;
    words.push(detail);
    if (words.length > 1) return;
    queueMicrotask(() => {
      const text = [...new Set(words.splice(0))].join(" ");
      live.textContent = "";
      clearTimeout(timer);
      timer = setTimeout(() => (live.textContent = text), 60);
    });
  });
  const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));

  const focus = () => {
    const wanted = document.querySelector("[data-focus]");
    wanted?.removeAttribute("data-focus");
    wanted?.focus();
  };

  // Of what is spoken, only what has changed; a region that polls does not repeat itself.
  const announce = (first) => {
    document.querySelectorAll("[data-announce]").forEach((region) => {
      const text = region.dataset.announce;
      if (!first && text !== said.get(region.id)) say(text);
      said.set(region.id, text);
    });
  };

  // What had the focus may go with the swap: carry on at the heading of what came instead.
  let wasInside = false;
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    wasInside = detail.ctx.target?.contains?.(document.activeElement);
  });

  document.addEventListener("htmx:after:swap", ({ detail }) => {
    announce(false);
    focus();
    const region = document.getElementById(detail.ctx.target?.id);
    if (!wasInside || !region || document.activeElement !== document.body) return;
    const start = region.querySelector("h1, h2, h3") || region;
    start.tabIndex = -1;
    start.focus({ preventScroll: true });
  });

  // What was typed has been searched for; leaving the field must not fetch the list once more, and
  // take away the menu that was just opened in it.
  document.addEventListener(
    "change",
    (event) => event.target.matches("form[hx-get] [type=search]") && event.stopPropagation(),
    true,
  );

  // Empty filters stay out of the address, so that it can be shared.
  document.addEventListener("htmx:config:request", (event) => {
    const { method, body } = event.detail.ctx.request;
    if (method !== "GET" || !body?.delete) return;
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
  });

  // The network failed or the server refused: the page stays as it is, and says so. 422 is a form's answer.
  const failed = (isFailed) => {
    const notice = document.querySelector("#network-error");
    if (!notice) return;
    notice.hidden = !isFailed;
    if (isFailed) say(notice.textContent.trim());
  };
  document.addEventListener("htmx:error", ({ detail }) => detail.ctx && failed(true));
  document.addEventListener("htmx:before:request", () => failed(false));
  document.addEventListener("htmx:before:response", (event) => {
    const { status } = event.detail.ctx.response;
    if (status < 400 || status === 422) return;
    event.preventDefault();
    failed(true);
  });

  announce(true);
  focus();
}
