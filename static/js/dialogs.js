/* Dialogs and menus open and close; notices are dismissed; what the server puts into a dialog opens it. */
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) {
    event.preventDefault();
    opener.closest("[popover]:popover-open")?.hidePopover();
    document.querySelector(opener.dataset.dialog)?.showModal();
  }
  event.target.closest?.("[data-close]")?.closest("dialog")?.close();
  const notice = event.target.closest?.("[data-dismiss]")?.closest("[data-notice]");
  if (notice) {
    notice.remove();
    document.querySelector("main")?.focus({ preventScroll: true });
  }
});

// What a link would ask on a page of its own is asked in the dialog of this one.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-ask]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !window.htmx) return;
  event.preventDefault();
  htmx.ajax("GET", link.getAttribute("href"), { target: "#dialog", swap: "innerHTML", push: "false" });
});

// A file that is fetched leaves the page as it is; the menu that offered it is done with.
const closeMenu = (chosen) => chosen?.closest("[popover]:popover-open")?.hidePopover();
document.addEventListener("submit", ({ target, submitter }) => closeMenu(submitter ?? target));
document.addEventListener("click", ({ target }) => closeMenu(target.closest?.("a[download]")));

{
  /* Show the page below a dialog as it is now: what was asked has been done. */
  const refresh = () =>
    htmx.ajax("GET", location.pathname + location.search, {
      target: "#main",
      select: "#main",
      swap: "outerMorph",
      push: "false",
    });

  document.addEventListener("htmx:after:swap", ({ detail }) => {
    const dialog = document.querySelector("dialog[data-dialog-auto]");
    if (!dialog) return;
    const { target } = detail.ctx;
    const isFilled = dialog.childElementCount > 0;
    if (isFilled && !dialog.open) {
      // Of a menu that closes, its button gets the focus back, and after the dialog gets it again.
      document.querySelector("[popover]:popover-open")?.hidePopover();
      dialog.showModal();
    }
    if (target === dialog) {
      // In a dialog that was open already, what comes next is read from its beginning.
      if (isFilled && !dialog.contains(document.activeElement)) {
        const start = dialog.querySelector("h2");
        start.tabIndex = -1;
        start.focus();
      }
      if (!isFilled) dialog.open ? dialog.close() : refresh();
    } else if (target?.id === "main") {
      if (dialog.open) dialog.close();
      // What was done is read next, and its next steps follow.
      const said = document.querySelector("#notices");
      if (said?.childElementCount) said.focus();
    }
  });

  // An answered question must not come back with the next swap.
  document.addEventListener(
    "close",
    ({ target }) => {
      if (!target.matches("[data-dialog-auto]")) return;
      const isDone = target.childElementCount === 0 || target.querySelector("[data-refreshes]");
      target.replaceChildren();
      if (isDone) refresh();
    },
    true,
  );
}

/*
 * What is half typed is not lost without a question: a form opts in with data-unsaved.
 * With data-typed it shows what was typed and did not pass. In a dialog data-unsaved is the question.
 */
{
  let sent = null;

  const differs = (field) => {
    if (field.type === "hidden") return false;
    if (field.matches("select")) {
      const options = [...field.options];
      const isFirstChosen = !field.multiple && !options.some((option) => option.defaultSelected);
      if (isFirstChosen) return field.selectedIndex > 0;
      return options.some((option) => option.selected !== option.defaultSelected);
    }
    if (["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
    return "defaultValue" in field && field.value !== field.defaultValue;
  };
  const isHalfTyped = (form) => form.hasAttribute("data-typed") || [...form.elements].some(differs);
  const formIn = (root) => [...root.querySelectorAll("form[data-unsaved]")].find(isHalfTyped);

  addEventListener("beforeunload", (event) => {
    if (!sent?.isConnected && formIn(document)) event.preventDefault();
  });
  addEventListener("submit", ({ target }) => (sent = target.matches("[data-unsaved]") ? target : sent));
  // It was not sent after all, or the page has come back.
  for (const kind of ["input", "pageshow"]) addEventListener(kind, () => (sent = null));
  addEventListener("htmx:error", ({ detail }) => {
    if (detail.ctx?.sourceElement === sent) sent = null;
  });

  const ask = (event, dialog) => {
    const form = dialog && formIn(dialog);
    if (!form || confirm(form.dataset.unsaved)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("cancel", (event) => ask(event, event.target.closest?.("dialog")), true);
  addEventListener(
    "click",
    (event) => ask(event, event.target.closest?.("[data-close]")?.closest("dialog")),
    true,
  );
}
