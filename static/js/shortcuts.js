/*
 * Keys that repeat what can be clicked: Ctrl-K, / ? j k x, arrows in the palette.
 * Single keys can be switched off in the profile (WCAG 2.1.4): <html data-keys="off">.
 */
{
  const one = (query, root = document) => root.querySelector(query);
  const TYPED_INTO =
    "input:not([type=checkbox], [type=radio]), textarea, select, dialog, [popover]:popover-open";

  const step = (by) => {
    const rows = [...document.querySelectorAll(".data tbody tr")];
    const now = rows.findIndex((row) => row.hasAttribute("data-cursor"));
    const row = rows[Math.max(0, Math.min(rows.length - 1, now + by))];
    rows[now]?.removeAttribute("data-cursor");
    row?.setAttribute("data-cursor", "");
    row?.scrollIntoView({ block: "nearest" });
    one("[data-select-row], a, button", row)?.focus({ preventScroll: true });
  };

  const open = (name) => one(`${name}:not([open])`)?.showModal();

  const keys = {
    "/": (event) => {
      const search = one("[aria-keyshortcuts='/']");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    },
    "?": () => open("#keys"),
    j: () => step(1),
    k: () => step(-1),
    x: () => one("tr[data-cursor] [data-select-row]")?.click(),
  };

  /* The first of what is shown for what was typed; what an earlier word has found is none of it. */
  const firstHit = (palette) => {
    const typed = one("input", palette).value.trim();
    const action = one("[data-palette-actions] li:not([hidden]) a", palette);
    const found = one("#results", palette);
    return typed && (action ?? (found.dataset.query === typed ? one("a", found) : null));
  };

  const walk = (event, palette) => {
    // A word that is still being composed ends with Enter, too.
    if (event.key === "Enter" && event.target.matches("input") && !event.isComposing) {
      const hit = firstHit(palette);
      if (hit) {
        event.preventDefault();
        hit.click();
      }
      return;
    }
    const stops = [...palette.querySelectorAll("input, li:not([hidden]) a")];
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    stops[(stops.indexOf(document.activeElement) + by + stops.length) % stops.length]?.focus();
  };

  /* Leave the actions that have what was typed in their names; the server finds the rest. */
  document.addEventListener("input", (event) => {
    if (event.target.id !== "palette-query") return;
    const typed = event.target.value.trim().toLowerCase();
    const actions = one("[data-palette-actions]");
    const lines = [...actions.querySelectorAll("li")];
    lines.forEach((line) => (line.hidden = !line.textContent.toLowerCase().includes(typed)));
    actions.hidden = lines.every((line) => line.hidden);
  });

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open("#palette");
    } else if (event.target.closest?.("#palette")) {
      walk(event, one("#palette"));
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey) {
      const off = document.documentElement.dataset.keys === "off";
      if (!off && !event.target.closest?.(TYPED_INTO)) keys[event.key]?.(event);
    }
  });
}
