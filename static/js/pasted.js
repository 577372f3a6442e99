/*
 * A list of users pasted into the search becomes a selection. A field of one line would glue the
 * lines together, so the list is kept whole in the form #pasted, which sends it.
 */
{
  const one = (query, root = document) => root.querySelector(query);

  const count = (text) => {
    const lines = text.split(/[\r\n;；、]+/).filter((line) => line.trim()).length;
    return Math.max(lines, text.match(/[@＠]/g)?.length ?? 0);
  };

  const show = (isShown) => {
    one("#pasted").hidden = !isShown;
    one(isShown ? "#pasted .primary" : "#q").focus();
  };

  document.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const number = count(text);
    if (event.target.id !== "q" || number < 2 || !one("#pasted")) return;
    event.preventDefault();
    one("#pasted textarea").value = text;
    const button = one("#pasted .primary");
    const shown = new Intl.NumberFormat(document.documentElement.lang).format(number);
    button.textContent = button.dataset.text.replace("{n}", shown);
    show(true);
  });

  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("[data-pasted-cancel]")) show(false);
  });
}
