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
