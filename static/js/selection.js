/*
 * Rows picked in a list, kept over paging and sorting until the filter changes or they are acted upon.
 *
 * A list region says whose rows they are: data-selection, data-selection-key (customer, list and filter),
 * data-selection-query and data-selection-total. One selection is held at a time, for one key.
 */
{
  const STORE = "selection";
  // The last list of users that a member has named, whose users were selected at first sight.
  const GIVEN = "selection-given";
  const one = (query, root = document) => root.querySelector(query);
  const every = (query) => [...document.querySelectorAll(query)];
  const region = () => one("[data-selection]");
  const rows = () => every("[data-select-row]");
  const isSeen = (element) => element.getClientRects().length > 0;
  const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));

  let key = null;
  // Those who are chosen or, with `all`, those who are left out of all that match.
  let picked = new Set();
  let all = false;
  let lastRow = null;

  const isOn = (box) => all !== picked.has(box.value);
  const pageBoxes = () => every("[data-select-page]");

  const note = (wanted) =>
    every("[data-selection-note]").forEach((each) => {
      each.hidden = each.dataset.selectionNote !== wanted;
    });

  const show = () => {
    const boxes = rows();
    boxes.forEach((box) => (box.checked = isOn(box)));
    const chosen = boxes.filter((box) => box.checked).length;
    const {
      selectionTotal: total = 0,
      selectionQuery: query = "",
      selectionMore: more,
    } = region()?.dataset ?? {};
    const isPage = chosen > 0 && chosen === boxes.length;
    // One box in the head of the table, and one above the cards of a phone.
    pageBoxes().forEach((page) => {
      page.checked = isPage;
      page.indeterminate = chosen > 0 && !isPage;
    });
    const isMore = total > boxes.length || more !== undefined;
    note(all ? (picked.size ? "rest" : "all") : isPage && isMore ? "page" : "");

    const form = one("[data-selection-form]");
    if (!form) return "";
    const bar = one(".bulkbar", form);
    const count = all ? Number(total) - picked.size : picked.size;
    const number = new Intl.NumberFormat(document.documentElement.lang).format(count);
    const text = bar.dataset.text.replace("{n}", all && more !== undefined ? `${number}+` : number);
    bar.hidden = !count;
    one(".n", bar).textContent = text;
    const ids = [...picked].join(",");
    const said = {
      ids: all ? "" : ids,
      all: all ? "1" : "",
      query,
      without: all ? ids : "",
      // What was read in the bar; the server says so if it finds another number.
      counted: all && more !== undefined ? "" : count,
    };
    for (const [name, value] of Object.entries(said)) {
      if (form.elements[name]) form.elements[name].value = value;
    }
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
    const isOther = stored.key && stored.key !== key;
    const isNew =
      region().dataset.selectionGiven !== undefined && sessionStorage.getItem(GIVEN) !== key;
    const isDropped = isOther && !isNew;
    picked = new Set(isOther || isNew ? [] : stored.ids);
    all = isNew ? Number(region().dataset.selectionTotal) > 0 : !isOther && Boolean(stored.all);
    if (isNew) sessionStorage.setItem(GIVEN, key);
    lastRow = null;
    save();
    show();
    if (!isDropped || stored.key.split("?")[0] !== key.split("?")[0]) return;
    note("dropped");
    say(one("[data-selection-note=dropped]")?.textContent.trim());
  };

  /* Who is quick chooses before the page is all there. */
  const begin = () => {
    if (key === null) load();
  };

  const change = (boxes, on) => {
    boxes.forEach((box) => picked[on === all ? "delete" : "add"](box.value));
    // Nobody is left of all that match.
    if (all && picked.size >= Number(region()?.dataset.selectionTotal)) {
      all = false;
      picked.clear();
    }
    save();
    say(show());
  };

  document.addEventListener("click", ({ target, shiftKey }) => {
    const row = target.closest?.("[data-select-row]");
    if (row) {
      const on = row.checked;
      begin();
      const boxes = rows();
      const [from, to] = [boxes.indexOf(lastRow), boxes.indexOf(row)].sort((a, b) => a - b);
      lastRow = row;
      change(shiftKey && from >= 0 ? boxes.slice(from, to + 1) : [row], on);
    } else if (target.closest?.("[data-select-all], [data-select-none]")) {
      all = target.closest("[data-select-all]") !== null;
      picked.clear();
      change([]);
      (all ? one("[data-selection-note=all] button") : pageBoxes().find(isSeen))?.focus();
    }
  });

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-select-page]")) return;
    const on = target.checked;
    begin();
    change(rows(), on);
  });

  // Whatever was sent is not chosen any more; a button that only asks first says so.
  document.addEventListener("submit", ({ target: form, submitter }) => {
    if (form.method !== "post" || !(form.elements.ids || form.matches("[data-selection-sent]"))) return;
    if (!(submitter ?? form).closest("[data-selection-keep]")) sessionStorage.removeItem(STORE);
  });

  // An act on the only one who is chosen asks on this page: its address is that of the act, below the user.
  document.addEventListener(
    "submit",
    (event) => {
      const { target: form, submitter } = event;
      if (!form.matches("[data-selection-form]") || all || picked.size !== 1) return;
      if (submitter?.dataset.selectionOne === undefined || !window.htmx) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      submitter.closest("[popover]:popover-open")?.hidePopover();
      const [act, query = ""] = submitter.getAttribute("formaction").split("?");
      const [id] = picked;
      const address = `${act.replace(/[^/]+\/$/, `${id}/$&`)}?${query}`;
      htmx.ajax("GET", address, { target: "#dialog", swap: "innerHTML", push: "false" });
    },
    true,
  );

  // Who was acted upon on the page is not chosen any more; the others stay.
  document.addEventListener("submit", ({ target }) => {
    const id = target.dataset.selectionWithout;
    if (!id || all || !picked.delete(id)) return;
    save();
    show();
  });

  document.addEventListener("htmx:after:swap", load);
  addEventListener("pageshow", load);
}
