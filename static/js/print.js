/* A button that prints the page, as soon as all of it is there: a sheet is sent row by row. */
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-print]")) return;
  if (document.readyState === "complete") print();
  else addEventListener("load", () => print(), { once: true });
});
