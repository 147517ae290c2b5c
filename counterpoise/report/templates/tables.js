// Tables that are sorted by any column and filtered by words and choices.
(() => {
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
    input.addEventListener("input", filter);
  }

  for (const button of document.querySelectorAll("button[data-more]")) {
    button.addEventListener("click", () => {
      const all = document.getElementById(button.dataset.more).classList.toggle("all");
      button.setAttribute("aria-pressed", String(all));
      button.textContent = all ? "fewer columns" : "more columns";
    });
  }
})();
