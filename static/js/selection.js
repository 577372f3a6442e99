/*
 * Rows picked in a list, kept over paging and sorting until the filter changes or they are acted upon.
 *
 * A list region says whose rows they are: data-selection, data-selection-key (customer, list and filter),
 * data-selection-query and data-selection-total. One selection is held at a time, for one key.
 */
{
  const STORE = "selection";
  const one = (query, root = document) => root.querySelector(query);
  const every = (query) => [...document.querySelectorAll(query)];
  const region = () => one("[data-selection]");
  const rows = () => every("[data-select-row]");
  const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));

  let key = null;
  let picked = new Set();
  let all = false;
  let lastRow = null;

  const note = (wanted) =>
    every("[data-selection-note]").forEach((each) => {
      each.hidden = each.dataset.selectionNote !== wanted;
    });

  const show = () => {
    const boxes = rows();
    boxes.forEach((box) => (box.checked = all || picked.has(box.value)));
    const chosen = boxes.filter((box) => box.checked).length;
    const {
      selectionTotal: total = 0,
      selectionQuery: query = "",
      selectionMore: more,
    } = region()?.dataset ?? {};
    const page = one("[data-select-page]");
    if (page) {
      page.checked = chosen > 0 && chosen === boxes.length;
      page.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    note(all ? "all" : page?.checked && (total > boxes.length || more !== undefined) ? "page" : "");

    const form = one("[data-selection-form]");
    if (!form) return "";
    const bar = one(".bulkbar", form);
    const count = all ? Number(total) : picked.size;
    const number = new Intl.NumberFormat(document.documentElement.lang).format(count);
    const text = bar.dataset.text.replace("{n}", all && more !== undefined ? `${number}+` : number);
    bar.hidden = !count;
    one(".n", bar).textContent = text;
    form.elements.ids.value = all ? "" : [...picked].join(",");
    form.elements.all.value = all ? "1" : "";
    form.elements.query.value = query;
    return count ? text : bar.dataset.none;
  };

  const save = () => {
    if (all || picked.size) sessionStorage.setItem(STORE, JSON.stringify({ key, all, ids: [...picked] }));
    else sessionStorage.removeItem(STORE);
  };

  /* Take up what is stored for this list; what belongs to another filter is dropped, and that is said. */
  const load = () => {
    if (!region()) return;
    const stored = JSON.parse(sessionStorage.getItem(STORE) || "{}");
    key = region().dataset.selectionKey;
    const isDropped = stored.key && stored.key !== key;
    picked = new Set(isDropped ? [] : stored.ids);
    all = !isDropped && Boolean(stored.all);
    lastRow = null;
    save();
    show();
    if (!isDropped || stored.key.split("?")[0] !== key.split("?")[0]) return;
    note("dropped");
    say(one("[data-selection-note=dropped]")?.textContent.trim());
  };

  const change = (boxes, on) => {
    boxes.forEach((box) => picked[on ? "add" : "delete"](box.value));
    save();
    say(show());
  };

  document.addEventListener("click", ({ target, shiftKey }) => {
    const row = target.closest?.("[data-select-row]");
    if (row) {
      const boxes = rows();
      // Taking one out of "all that match" leaves the page that is seen, never rows that nobody sees.
      if (all) picked = new Set(boxes.map((box) => box.value));
      all = false;
      const [from, to] = [boxes.indexOf(lastRow), boxes.indexOf(row)].sort((a, b) => a - b);
      lastRow = row;
      change(shiftKey && from >= 0 ? boxes.slice(from, to + 1) : [row], row.checked);
    } else if (target.closest?.("[data-select-all], [data-select-none]")) {
      all = target.closest("[data-select-all]") !== null;
      picked.clear();
      change([]);
      one(all ? "[data-selection-note=all] button" : "[data-select-page]")?.focus();
    }
  });

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-select-page]")) return;
    all = false;
    change(rows(), target.checked);
  });

  // Whatever was sent is not chosen any more; a button that only asks first says so.
  document.addEventListener("submit", ({ target: form, submitter }) => {
    if (form.method !== "post" || !form.elements.ids) return;
    if (!(submitter ?? form).closest("[data-selection-keep]")) sessionStorage.removeItem(STORE);
  });

  document.addEventListener("htmx:after:swap", load);
  addEventListener("pageshow", load);
}
