/* The drop zone of a file: takes a file that is dropped, and names the one that was chosen. */
{
  const zone = (event) => event.target.closest?.("[data-drop]");

  const name = (drop) => {
    const [file] = drop.querySelector("input[type=file]").files;
    const label = drop.querySelector("[data-drop-name]");
    label.dataset.empty ??= label.textContent;
    label.textContent = file ? file.name : label.dataset.empty;
  };

  document.addEventListener("change", (event) => {
    if (zone(event)) name(zone(event));
  });

  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const drop = zone(event);
      if (!drop) return;
      event.preventDefault();
      drop.toggleAttribute("data-over", kind === "dragover");
      if (kind !== "drop" || !event.dataTransfer.files.length) return;
      drop.querySelector("input[type=file]").files = event.dataTransfer.files;
      name(drop);
    });
  }

  // A page that comes back from the browser's memory may still hold its file.
  addEventListener("pageshow", () => document.querySelectorAll("[data-drop]").forEach(name));
}
