/* A secret is covered until it is asked for: data-reveal and data-copy name the element that holds it. */
{
  const MASK = "••••-••••-••••-••••";

  const reveal = (button) => {
    const holder = document.querySelector(button.dataset.reveal);
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    if (holder instanceof HTMLInputElement) holder.type = shown ? "text" : "password";
    else holder.textContent = shown ? holder.dataset.secret : MASK;
  };

  const copy = async (button) => {
    const holder = document.querySelector(button.dataset.copy);
    let text = button.dataset.done;
    try {
      await navigator.clipboard.writeText(holder.dataset.secret || holder.value || holder.textContent.trim());
      button.toggleAttribute("data-copied", true);
      setTimeout(() => button.removeAttribute("data-copied"), 1600);
    } catch {
      text = button.dataset.fail;
    }
    document.dispatchEvent(new CustomEvent("say", { detail: text }));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-reveal], [data-copy]");
    if (button) (button.dataset.reveal ? reveal : copy)(button);
  });

  // A dialog with a password goes with the page, and after a quarter of an hour.
  let timer;
  const close = () => document.querySelector("dialog[open]:has([data-secret])")?.close();
  document.addEventListener("htmx:after:swap", () => {
    if (!document.querySelector("dialog[open] [data-secret]")) return;
    clearTimeout(timer);
    timer = setTimeout(close, 15 * 60 * 1000);
  });
  addEventListener("pagehide", () => {
    document.querySelectorAll("dialog [data-secret]").forEach((holder) => holder.remove());
  });

  // A page that comes back from the browser's memory comes back covered.
  addEventListener("pagehide", () => {
    document.querySelectorAll("[data-reveal][aria-pressed=true]").forEach(reveal);
  });
}
