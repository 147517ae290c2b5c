"use strict";
(() => {
  const measured = JSON.parse(document.getElementById("measured").textContent);
  const seconds = (value) => (value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3));
  for (const row of document.querySelectorAll("tr[data-cell]")) {
    const mine = measured[row.dataset.cell] || {};
    for (const cell of row.querySelectorAll("[data-measured]")) {
      const value = mine[cell.dataset.measured];
      if (value === undefined) continue;
      cell.textContent = cell.dataset.measured.endsWith("_bytes") ? (value / 1e6).toFixed(0) : seconds(value);
    }
  }

  // What a cell is sorted by: its first number (an interval by its lower end) or its text; one without goes last.
  const key = (cell, isNumber) => {
    const text = cell.textContent.trim();
    if (text === "") return null;
    if (!isNumber) return text;
    const number = parseFloat(text.replace(/\u2212/g, "-").replace(/,/g, ""));
    return Number.isNaN(number) ? null : number;
  };
  const compare = (a, b, sign) => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en"));
  };
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...[...head.childNodes].filter((node) => node.nodeName !== "SMALL"));
      head.prepend(button);
      button.addEventListener("click", () => {
        const isNumber = "number" in head.dataset;
        const before = head.getAttribute("aria-sort");
        const up = before ? before === "descending" : !isNumber;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[column], isNumber), row]);
        rows.sort((a, b) => compare(a[0], b[0], up ? 1 : -1));
        table.tBodies[0].append(...rows.map((pair) => pair[1]));
      });
    });
  }

  for (const input of document.querySelectorAll("input[data-filter]")) {
    const table = document.getElementById(input.dataset.filter);
    const shown = document.getElementById(input.dataset.filter + "-shown");
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
    input.parentElement.hidden = false;
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        count += row.hidden ? 0 : 1;
      }
      shown.textContent = words.length ? count + " of " + rows.length + " rows" : "";
    });
  }
})();
