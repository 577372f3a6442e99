/* A page full of passwords forgets them: when it is left, after a quarter of an hour, and when it comes back from the browser's memory. */
{
  const every = (query) => document.querySelectorAll(`[data-secret-page] ${query}`);

  const forget = () => {
    every(":is([data-secret], .pw)").forEach((holder) => {
      delete holder.dataset.secret;
      holder.textContent = "••••-••••-••••-••••";
    });
    every(":is([data-reveal], [data-copy], [data-reveal-all], [data-print])").forEach((button) => {
      button.disabled = true;
    });
  };

  // Reload and Back ask for the address anew, by GET: nothing is posted again, nothing opened again.
  history.replaceState(null, "", location.href);
  addEventListener("pagehide", forget);
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.replace(location.href);
  });

  setTimeout(() => {
    forget();
    const note = document.querySelector("[data-forgotten]");
    if (!note) return;
    note.hidden = false;
    document.dispatchEvent(new CustomEvent("say", { detail: note.textContent.trim() }));
  }, 15 * 60 * 1000);

  // One button uncovers all, or covers them again.
  document.addEventListener("click", (event) => {
    const all = event.target.closest?.("[data-reveal-all]");
    if (!all) return;
    const shown = all.getAttribute("aria-pressed") !== "true";
    all.setAttribute("aria-pressed", shown);
    every("[data-reveal]").forEach((button) => {
      if ((button.getAttribute("aria-pressed") === "true") !== shown) button.click();
    });
  });
}
