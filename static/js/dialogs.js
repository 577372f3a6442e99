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

// A file that is fetched leaves the page as it is; the menu that offered it is done with.
const closeMenu = (chosen) => chosen?.closest("[popover]:popover-open")?.hidePopover();
document.addEventListener("submit", ({ target, submitter }) => closeMenu(submitter ?? target));
document.addEventListener("click", ({ target }) => closeMenu(target.closest?.("a[download]")));

document.addEventListener("htmx:after:swap", () => {
  const dialog = document.querySelector("dialog[data-dialog-auto]");
  if (!dialog) return;
  const filled = dialog.childElementCount > 0;
  if (filled && !dialog.open) dialog.showModal();
  if (!filled && dialog.open) dialog.close();
});

// An answered question must not come back with the next swap.
document.addEventListener(
  "close",
  (event) => {
    if (event.target.matches("[data-dialog-auto]")) event.target.replaceChildren();
  },
  true,
);

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
