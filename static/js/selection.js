/*
 * Rows picked in a list, kept over paging and sorting until the filter changes or they are acted upon.
 *
 * A list region says whose rows they are: data-selection, data-selection-key (customer, list and filter),
 * data-selection-query and data-selection-total. One selection is held at a time, for one key.
 */
{
  const STORE = "selection";
  const one = (query, root = document) => root.querySelector(query);
  const rows = () => [...document.querySelectorAll("[data-select-row]")];

  let key = null;
  let picked = new Set();
  let all = false;
  let lastRow = null;

  const save = () => {
    if (all || picked.size) sessionStorage.setItem(STORE, JSON.stringify({ key, all, ids: [...picked] }));
    else sessionStorage.removeItem(STORE);
  };

  /* Take up what is stored for this list; what belongs to another filter is dropped, and that is said. */
  const load = () => {
    const region = one("[data-selection]");
    if (!region) return;
    const stored = JSON.parse(sessionStorage.getItem(STORE) || "{}");
    const dropped = stored.key && stored.key !== region.dataset.selectionKey;
    key = region.dataset.selectionKey;
    picked = new Set(dropped ? [] : stored.ids);
    all = !dropped && Boolean(stored.all);
    lastRow = null;
    save();
    show();
    const note = one("[data-selection-dropped]");
    const sameList = dropped && stored.key.split("?")[0] === key.split("?")[0];
    if (note) note.hidden = !sameList;
    if (sameList) say(note?.textContent.trim());
  };

  const show = () => {
    const region = one("[data-selection]");
    const boxes = rows();
    boxes.forEach((box) => (box.checked = all || picked.has(box.value)));
    const chosen = boxes.filter((box) => box.checked).length;
    const total = Number(region?.dataset.selectionTotal || 0);
    const page = one("[data-select-page]");
    if (page) {
      page.checked = chosen > 0 && chosen === boxes.length;
      page.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    const offer = one("[data-selection-page]");
    if (offer) offer.hidden = all || !page?.checked || total <= boxes.length;
    const every = one("[data-selection-every]");
    if (every) every.hidden = !all;
    const dropped = one("[data-selection-dropped]");
    if (dropped) dropped.hidden = true;

    const form = one("[data-selection-form]");
    if (!form) return "";
    const bar = one(".bulkbar", form);
    const count = all ? total : picked.size;
    const language = document.documentElement.lang;
    const text = bar.dataset.text.replace("{n}", new Intl.NumberFormat(language).format(count));
    bar.hidden = !count;
    one(".n", bar).textContent = text;
    form.elements.ids.value = all ? "" : [...picked].join(",");
    form.elements.all.value = all ? "1" : "";
    form.elements.query.value = region?.dataset.selectionQuery || "";
    return count ? text : bar.dataset.none;
  };

  const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));

  const changed = () => {
    save();
    say(show());
  };

  const mark = (boxes, on) => boxes.forEach((box) => picked[on ? "add" : "delete"](box.value));

  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("[data-select-row]");
    if (row) {
      const boxes = rows();
      // Taking one out of "all that match" leaves the page that is seen, never rows that nobody sees.
      if (all) mark(boxes, true);
      all = false;
      const [from, to] = [boxes.indexOf(lastRow), boxes.indexOf(row)].sort((a, b) => a - b);
      mark(event.shiftKey && from >= 0 ? boxes.slice(from, to + 1) : [row], row.checked);
      lastRow = row;
      changed();
    }
    if (event.target.closest?.("[data-select-all]")) {
      all = true;
      picked.clear();
      changed();
      one("[data-select-none]", one("[data-selection]"))?.focus();
    } else if (event.target.closest?.("[data-select-none]")) {
      all = false;
      picked.clear();
      changed();
      (one("[data-select-page]") || one("main")).focus();
    }
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-select-page]")) return;
    all = false;
    mark(rows(), event.target.checked);
    changed();
  });

  // Whatever was sent is not chosen any more; a button that only asks first says so.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || !form.elements.ids) return;
    if (!(event.submitter || form).closest("[data-selection-keep]")) sessionStorage.removeItem(STORE);
  });

  document.addEventListener("htmx:after:swap", load);
  addEventListener("pageshow", load);
}
