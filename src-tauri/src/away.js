// Asked of a page that nobody sees, before its window is ended: what would be lost with it, and what it keeps for itself.
// The value of this expression is the answer. [data-view] are ways of looking at the page, and no drafts.
(() => {
  const chosen = (list) => Math.max(0, [...list.options].findIndex((option) => option.defaultSelected));
  const unsent = (field) => {
    if (field.type === "hidden" || field.readOnly || field.closest("[data-view]")) return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName === "select") {
      return field.multiple ? [...field.options].some((option) => option.selected !== option.defaultSelected) : Math.max(0, field.selectedIndex) !== chosen(field);
    }
    return field.value !== field.defaultValue;
  };
  const held = document.readyState === "loading" || document.querySelector("dialog[open], .htmx-request") !== null || Boolean(window.curfewDrafts?.()) || [...document.querySelectorAll("input, select, textarea")].some(unsent);
  let kept = [];
  try { kept = Object.entries(sessionStorage); } catch { /* none here */ }
  return { held, kept, at: [scrollX, scrollY] };
})()
