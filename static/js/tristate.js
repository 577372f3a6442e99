/*
 * A box of three states in place of radio buttons: all, some or none of the chosen have it.
 *
 * The radio buttons ("keep" and what can be asked for) stay what is sent, and are all there is without
 * this; the box goes from one to the next of them, and shows what will be true of the chosen afterwards.
 */
{
  const radios = (root) => [...root.querySelectorAll("[data-tristate-radios] [type=radio]")];
  const label = (radio) => radio.closest("label").textContent.trim();

  const show = (root) => {
    const chosen = radios(root).find((radio) => radio.checked) ?? radios(root)[0];
    const box = root.querySelector("[data-tristate-box]");
    const said = root.querySelector("[data-tristate-said]");
    const have = root.dataset.tristate;
    chosen.checked = true;
    box.indeterminate = chosen.value === "keep" && have === "some";
    box.checked = chosen.value === "give" || (chosen.value === "keep" && have === "all");
    said.textContent = label(chosen);
    said.dataset.tone = chosen.dataset.tone ?? "";
    return said.textContent;
  };

  const start = () => {
    for (const root of document.querySelectorAll("[data-tristate]")) {
      root.querySelector("[data-tristate-radios]").hidden = true;
      root.querySelector("[data-tristate-show]").hidden = false;
      show(root);
    }
  };

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-tristate-box]")) return;
    const root = target.closest("[data-tristate]");
    const all = radios(root);
    all[(all.findIndex((radio) => radio.checked) + 1) % all.length].checked = true;
    document.dispatchEvent(new CustomEvent("say", { detail: show(root) }));
  });

  // Also after Back, when the browser has put the radio buttons as they were left.
  addEventListener("pageshow", start);
}
