/* What was typed into a [data-carry] field goes along with each form that [data-carries] it, to be kept. */
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-carries]")) return;
  document.querySelectorAll("[data-carry]").forEach((field) => event.formData.set(field.name, field.value));
});
