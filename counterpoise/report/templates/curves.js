// Check boxes that show and hide the lines of a strategy in all curves and in their legends.
(() => {
  const boxes = [...document.querySelectorAll("#toggles input")];
  const lines = new Map(boxes.map((box) => [box.value, []]));
  for (const line of document.querySelectorAll("#curves [data-strategy]")) lines.get(line.dataset.strategy)?.push(line);
  const show = () => {
    for (const box of boxes) {
      for (const line of lines.get(box.value)) line.classList.toggle("off", !box.checked);
    }
  };
  for (const box of boxes) box.addEventListener("change", show);
  for (const button of document.querySelectorAll("#toggles button")) {
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = button.value === "all" || box.value === button.dataset.keep;
      show();
    });
  }
  if (boxes.length) show(); // a browser keeps check boxes as they were when a page is loaded again
})();
