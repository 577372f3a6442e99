/*
 * A select box whose options can be searched, as an editable combobox with a list (ARIA patterns).
 *
 * The select[data-combobox] keeps the value, and is all there is without this. An option is found by the
 * beginning of each word of its terms (data-terms, separated by |) or else of its label.
 */
{
  const wordsOf = (text) =>
    text
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .replace(/\p{Script=Han}/gu, " $& ")
      .match(/[\p{L}\p{N}]+/gu) ?? [];

  /* How well an option fits what was typed: 0 a whole term, 1 the start of one, 2 of a word in it. */
  const rankOf = (option, typed) => {
    const ranks = (option.dataset.terms || option.label).split("|").map((term) => {
      const words = wordsOf(term);
      const at = words.findIndex((_, index) => words.slice(index).join("").startsWith(typed));
      return at > 0 ? 2 : at < 0 ? 3 : Number(words.join("") !== typed);
    });
    return Math.min(...ranks);
  };

  const search = (options, typed) =>
    options
      .map((option) => ({ option, rank: typed ? rankOf(option, typed) : 0 }))
      .filter(({ rank }) => rank < 3)
      .sort((a, b) => a.rank - b.rank)
      .map(({ option }) => option);

  const enhance = (select) => {
    const none = select.dataset.combobox;
    const box = document.createElement("div");
    const input = document.createElement("input");
    const list = document.createElement("ul");
    // Of an empty option that may not be chosen, the label only asks to choose.
    const first = [...select.options].find((option) => option.value === "");
    const options = [...select.options].filter((option) => option !== first || !select.required);
    let found = [];
    let active = -1;

    for (const { name, value } of [...select.attributes]) {
      if (["name", "data-combobox"].includes(name)) continue;
      input.setAttribute(name, value);
      select.removeAttribute(name);
    }
    box.className = "combobox";
    select.replaceWith(box);
    box.append(select, input, list);
    select.hidden = list.hidden = true;
    list.role = "listbox";
    list.id = `${input.id}_list`;
    list.ariaLabel = input.labels[0]?.textContent.trim() ?? input.ariaLabel;
    input.role = "combobox";
    input.autocomplete = "off";
    input.spellcheck = false;
    input.placeholder = first?.label ?? "";
    input.ariaAutoComplete = "list";
    input.setAttribute("aria-controls", list.id);

    const show = () => {
      const [chosen] = select.selectedOptions;
      input.value = input.defaultValue = chosen?.value ? chosen.label : "";
    };

    const close = () => {
      list.hidden = true;
      input.ariaExpanded = "false";
      input.removeAttribute("aria-activedescendant");
      show();
    };

    const activate = (index) => {
      active = index;
      const lines = [...list.children];
      lines.forEach((line, at) => (line.ariaSelected = String(at === active)));
      lines[active]?.scrollIntoView({ block: "nearest" });
      if (lines[active]) input.setAttribute("aria-activedescendant", lines[active].id);
      else input.removeAttribute("aria-activedescendant");
    };

    const open = (typed = "") => {
      found = search(options, typed);
      const lines = found.map((option, index) => {
        const line = document.createElement("li");
        line.role = "option";
        line.id = `${list.id}_${index}`;
        line.textContent = option.label;
        return line;
      });
      if (!found.length) {
        const line = document.createElement("li");
        line.role = "option";
        line.ariaDisabled = "true";
        line.textContent = none;
        lines.push(line);
        document.dispatchEvent(new CustomEvent("say", { detail: none }));
      }
      list.replaceChildren(...lines);
      list.hidden = false;
      list.scrollIntoView({ block: "nearest" });
      input.ariaExpanded = "true";
      activate(found.length ? (typed ? 0 : found.indexOf(select.selectedOptions[0])) : -1);
    };

    const choose = (option) => {
      if (option && !option.selected) {
        option.selected = true;
        select.dispatchEvent(new Event("change", { bubbles: true }));
      }
      close();
    };

    /* Take the option that was typed or walked to, or the empty one where everything was deleted. */
    const take = () => {
      if (list.hidden) return;
      const isTyped = input.value !== input.defaultValue;
      choose(isTyped ? (input.value ? found[active] : options.find(({ value }) => !value)) : null);
    };

    const move = (by) => {
      if (list.hidden) return open();
      activate(Math.max(0, Math.min(found.length - 1, active + by)));
      input.value = found[active]?.label ?? input.value;
    };

    const find = (event) => {
      // What is still being composed is not yet what is meant.
      if (!event.isComposing) open(wordsOf(input.value).join(""));
    };

    const keys = {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      Enter: () => choose(found[active]),
      Escape: close,
    };

    input.addEventListener("input", find);
    input.addEventListener("compositionend", find);
    input.addEventListener("click", () => list.hidden && open());
    input.addEventListener("focus", () => input.select());
    input.addEventListener("blur", take);
    input.addEventListener("keydown", (event) => {
      const isArrow = event.key.startsWith("Arrow");
      if (!keys[event.key] || event.isComposing || (list.hidden && !isArrow)) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    });
    // The focus stays where it is typed.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", ({ target }) => {
      const option = found[[...list.children].indexOf(target)];
      if (option) choose(option);
    });
    // After Back, the browser has put the select as it was left.
    addEventListener("pageshow", show);
    close();
  };

  const start = () => document.querySelectorAll("select[data-combobox]:not([hidden])").forEach(enhance);
  document.addEventListener("htmx:after:swap", start);
  start();
}
