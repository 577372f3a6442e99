/* Names: display name and user name are proposed until one is typed; a suggestion fills its field. */
{
  const HAN = /^\p{Script=Han}+$/u;

  // As users.names.compose_display_name does it on the server.
  const compose = (first, last) =>
    HAN.test(first) && HAN.test(last) ? last + first : [first, last].filter(Boolean).join(" ");

  document.addEventListener("input", (event) => {
    document.querySelectorAll("[data-compose]").forEach((display) => {
      if (event.target === display) {
        delete display.dataset.composed;
        return;
      }
      const parts = display.dataset.compose.split(" ").map((one) => document.querySelector(one));
      const isProposal = display.value === "" || display.value === display.dataset.composed;
      if (!parts.includes(event.target) || !isProposal) return;
      display.value = display.dataset.composed = compose(...parts.map((one) => one.value.trim()));
    });
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-fill]");
    if (!button) return;
    const field = document.querySelector(button.dataset.fill);
    field.value = button.value;
    field.focus();
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // The field is as wrong as what is said below it.
  document.addEventListener("htmx:after:swap", () => {
    const said = document.querySelector("#name-check");
    const field = document.querySelector("[aria-describedby~=name-said]");
    if (!said || !field) return;
    const filled = document.querySelector("#id_proposed");
    if (filled && field.value === filled.value) {
      field.value = filled.value = said.dataset.proposal;
    }
    if (said.dataset.state === "bad") field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  });
}
