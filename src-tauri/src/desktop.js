// Escape is "Stay", as in every dialog.
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.getElementById("stay")?.click();
});
