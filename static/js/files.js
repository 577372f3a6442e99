/* The file input lies over its drop zone and takes what is dropped by itself; this names the file. */
{
  const name = (drop) => {
    const [file] = drop.querySelector("input").files;
    const label = drop.querySelector("[data-drop-name]");
    label.dataset.empty ??= label.textContent;
    label.textContent = file ? file.name : label.dataset.empty;
  };

  document.addEventListener("change", (event) => {
    const drop = event.target.closest("[data-drop]");
    if (drop) name(drop);
  });

  addEventListener("pageshow", () => document.querySelectorAll("[data-drop]").forEach(name));
}
