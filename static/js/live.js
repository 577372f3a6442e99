/* What changes without a new page: said aloud, focus kept, short addresses, failures told. */
{
  const said = new Map();

  /* Anything may speak: document.dispatchEvent(new CustomEvent("say", { detail: text })) */
  document.addEventListener("say", ({ detail }) => {
    const live = document.querySelector("#live");
    if (!live || !detail) return;
    live.textContent = "";
    setTimeout(() => (live.textContent = detail), 60);
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

  document.addEventListener("htmx:after:swap", (event) => {
    announce(false);
    focus();
    // The pressed link or button may have gone with the swap: carry on at the region's start.
    const target = event.detail.ctx?.target;
    const region = target?.id && document.getElementById(target.id);
    if (document.activeElement === document.body && region?.contains(document.activeElement) === false) {
      const start = region.querySelector("h1, h2, h3") || region;
      if (!start.matches("a, button, input, [tabindex]")) start.tabIndex = -1;
      if (said.has(region.id) || region.matches("dialog")) start.focus({ preventScroll: true });
    }
  });

  // Empty filters stay out of the address, so that it can be shared.
  document.addEventListener("htmx:config:request", (event) => {
    const { method, body } = event.detail.ctx.request;
    if (method !== "GET" || !body?.delete) return;
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
  });

  // The network failed, or the server did before it could answer with a page of its own.
  const failed = () => {
    const notice = document.querySelector("#network-error");
    if (!notice) return;
    notice.hidden = false;
    say(notice.textContent.trim());
  };
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx) failed();
  });
  document.addEventListener("htmx:before:request", () => {
    const notice = document.querySelector("#network-error");
    if (notice) notice.hidden = true;
  });

  announce(true);
  focus();
}
