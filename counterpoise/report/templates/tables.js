// Tables that are sorted by any column and filtered by words and choices.
(() => {
  // Seconds and memory stand in one element, since they alone differ from run to run.
  const measured = page.read("#measured") ?? {};
  for (const place of document.querySelectorAll("[data-cell]")) {
    const mine = measured[place.dataset.cell] ?? {};
    for (const cell of place.querySelectorAll("[data-measured]")) {
      const value = mine[cell.dataset.measured];
      if (value === undefined) {
        if ("script" in place.dataset) place.hidden = true;
        continue;
      }
      cell.textContent = cell.dataset.measured.endsWith("_bytes") ? page.count(Math.round(value / 1e6)) : page.seconds(value);
    }
  }

  // What a cell is sorted by: its first number (an interval by its lower end) or its text; one without goes last.
  const key = (cell, isNumber) => {
    const text = cell.textContent.trim();
    if (text === "") return null;
    if (!isNumber) return text;
    const number = parseFloat(text.replace(/\u2212/g, "-").replace(/[,<]/g, ""));
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
        table.querySelectorAll("tr.detail").forEach((row) => row.remove());
        table.querySelectorAll(".opens").forEach((one) => one.setAttribute("aria-expanded", "false"));
        const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[column], isNumber), row]);
        rows.sort((a, b) => compare(a[0], b[0], up ? 1 : -1));
        table.tBodies[0].append(...rows.map((pair) => pair[1]));
      });
    });
  }

  // What a choice goes by: the first word of a status, else the whole text; what is left empty has a name in the head.
  const choice = (cell, empty) => (cell.querySelector(".status, .verdict") ?? cell).firstChild?.textContent.trim() || empty;

  for (const input of document.querySelectorAll("input[data-filter]")) {
    const table = document.getElementById(input.dataset.filter);
    const bar = input.closest(".filter");
    const shown = document.getElementById(input.dataset.filter + "-shown");
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    const chosen = [];
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = chosen.filter(({ select }) => select.value !== "");
      let count = 0;
      for (const { row, text } of rows) {
        row.hidden = !words.every((word) => text.includes(word))
          || !wanted.every(({ select, of }) => of.get(row) === select.value);
        count += row.hidden ? 0 : 1;
      }
      for (const detail of table.querySelectorAll("tr.detail")) detail.hidden = detail.previousElementSibling.hidden;
      const narrowed = words.length + wanted.length > 0;
      clear.hidden = !narrowed;
      shown.textContent = narrowed ? count + " of " + rows.length + " rows" : "";
    };
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!("choice" in head.dataset)) return;
      const of = new Map(rows.map(({ row }) => [row, choice(row.cells[column], head.dataset.choice)]));
      const values = [...new Set(of.values())].filter(Boolean).sort((a, b) => a.localeCompare(b, "en"));
      if (values.length < 2) return;
      const name = head.dataset.named ?? head.querySelector("button").textContent.trim();
      const select = page.html("select", {}, page.html("option", { value: "" }, "all"));
      select.append(...values.map((value) => page.html("option", { value }, value)));
      select.addEventListener("change", filter);
      chosen.push({ select, of });
      bar.insertBefore(page.html("label", {}, name + " ", select), shown);
    });
    const clear = page.html("button", { type: "button", hidden: "" }, "show all rows");
    clear.addEventListener("click", () => {
      input.value = "";
      for (const { select } of chosen) select.value = "";
      filter();
      input.focus();
    });
    bar.append(clear);
    if (table.querySelector(".more")) {
      const more = page.html("button", { type: "button", "aria-pressed": "false" }, "more columns");
      more.addEventListener("click", () => {
        const all = table.classList.toggle("all");
        more.setAttribute("aria-pressed", String(all));
        more.textContent = all ? "fewer columns" : "more columns";
      });
      bar.append(more);
    }
    input.addEventListener("input", filter);
  }
})();
