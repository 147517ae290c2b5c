// A dataset's page: matrices by rule, the slider, and the panel of a combination.
(() => {
  const results = page.read("#results");
  if (!results || !results.cells.length) return;
  const of = new Map(results.cells.map((cell) => [cell.key, cell]));
  const ratio = (part, whole) => (whole ? part / whole : NaN);
  const NAMES = ["true negatives", "false positives", "false negatives", "true positives"];

  const rates = ([tn, fp, fn, tp]) => {
    const rows = tn + fp + fn + tp;
    const one = (hit, called, actual) => ({
      precision: ratio(hit, called), recall: ratio(hit, actual), f1: ratio(2 * hit, called + actual), support: actual,
    });
    const negative = one(tn, tn + fn, tn + fp);
    const positive = one(tp, tp + fp, tp + fn);
    const mean = (name, weights) => weights[0] * negative[name] + weights[1] * positive[name];
    const joined = (weights) => ({
      precision: mean("precision", weights), recall: mean("recall", weights), f1: mean("f1", weights), support: rows,
    });
    return {
      negative, positive, macro: joined([0.5, 0.5]),
      weighted: joined([negative.support / rows, positive.support / rows]),
    };
  };

  // Precision, recall, F1 and support of each class.
  const report = (counts) => {
    const head = page.html("tr", {}, page.html("td"), ...["precision", "recall", "F1", "rows"].map((name) => page.html("th", { scope: "col" }, name)));
    const body = Object.entries(rates(counts)).map(([name, line]) => page.html("tr", { class: name },
      page.html("th", { scope: "row" }, name),
      ...["precision", "recall", "f1"].map((key) => page.html("td", { "data-rate": key }, page.number(line[key]))),
      page.html("td", {}, page.count(line.support))));
    return page.html("table", { class: "mini report" }, page.html("thead", {}, head), page.html("tbody", {}, ...body));
  };

  const matrix = (counts, baseline) => {
    const box = page.html("div", { class: "matrix" });
    counts.forEach((value, k) => {
      const total = k < 2 ? counts[0] + counts[1] : counts[2] + counts[3];
      const shown = baseline ? value - baseline[k] : value;
      const text = (baseline && shown > 0 ? "+" : "") + page.count(shown);
      box.append(page.html("span", { style: "--r:" + (baseline ? 0 : ratio(value, total) || 0).toFixed(3), title: NAMES[k] },
        page.html("b", { class: "sr" }, NAMES[k] + " "), text));
    });
    return box;
  };

  // One grid of matrices with a switch of rule, and the difference to the baseline.
  const bar = document.getElementById("rules");
  let rule = results.rule;
  let difference = false;
  const fill = () => {
    for (const button of bar.children) {
      button.setAttribute("aria-pressed", String(button.value === "difference" ? difference : button.value === rule));
    }
    for (const text of document.querySelectorAll("[data-rule]")) text.hidden = text.dataset.rule !== rule;
    for (const place of document.querySelectorAll("#matrices td[data-cell]")) {
      const cell = of.get(place.dataset.cell);
      const mine = cell?.rules[rule];
      const other = cell && cell.baseline !== null ? results.cells[cell.baseline].rules[rule] : null;
      const shown = mine && (!difference || other);
      place.classList.toggle("empty", !shown);
      place.replaceChildren(shown ? matrix(mine.counts, difference ? other.counts : null) : difference && mine ? "baseline" : "no decisions");
    }
  };
  bar.addEventListener("click", (event) => {
    const value = event.target.value;
    if (!value) return;
    if (value === "difference") difference = !difference;
    else rule = value;
    fill();
  });

  // The slider: what a combination decides at any threshold on its scores.
  const panel = document.getElementById("try");
  const at = (name) => panel.querySelector("[data-is=" + name + "]");
  const [select, slider] = [at("cell"), at("slider")];
  const last = results.thresholds.length - 1;
  let cell = null;
  let view = null;
  let announcing = 0;
  const counts = (k) => [results.negatives - cell.fp[k], cell.fp[k], cell.fn[k], results.positives - cell.fn[k]];

  const show = () => {
    const k = Number(slider.value);
    const [tn, fp, fn, tp] = counts(k);
    const values = { tn, fp, fn, tp };
    const totals = { tn: tn + fp, fp: tn + fp, fn: fn + tp, tp: fn + tp };
    for (const [name, value] of Object.entries(values)) {
      const box = at(name);
      const share = ratio(value, totals[name]);
      box.style.setProperty("--r", (share || 0).toFixed(3));
      box.querySelector("b").textContent = page.count(value);
      box.querySelector("small").textContent = page.percent(share);
    }
    const cost = page.html("p", {}, "cost per 1,000 rows ", page.html("strong", { "data-is": "cost" }, page.amount(1000 * cell.cost[k])));
    at("report").replaceChildren(report(counts(k)), cost);
    const text = String(results.thresholds[k]);
    at("threshold").textContent = text;
    slider.setAttribute("aria-valuetext", "threshold " + text);
    for (const button of at("jumps").children) button.setAttribute("aria-pressed", String(Number(button.value) === k));
    view?.signal("at", k).run();
    // read out when the slider rests, not at every step on the way
    clearTimeout(announcing);
    announcing = setTimeout(() => {
      at("announcement").textContent = "At the threshold " + text + ", " + page.count(tp) + " of " + page.count(tp + fn)
        + " positives found with " + page.count(fp) + " false alarms, cost " + page.amount(1000 * cell.cost[k]) + " per 1,000 rows.";
    }, 400);
  };
  const course = () => {
    const highest = Math.max(...cell.cost) || 1;
    return results.thresholds.flatMap((threshold, k) => {
      const { positive } = rates(counts(k));
      const lines = { precision: positive.precision, recall: positive.recall, F1: positive.f1, cost: cell.cost[k] / highest };
      return Object.entries(lines).filter((pair) => Number.isFinite(pair[1]))
        .map(([measure, value]) => ({ at: k, threshold, measure, value }));
    });
  };
  const choose = () => {
    cell = results.cells[Number(select.value)];
    at("name").textContent = cell.name;
    at("jumps").replaceChildren(...Object.entries(cell.rules).map(([name, one]) => {
      const button = page.html("button", { type: "button", value: one.at, "data-jump": name }, name.replace(/_/g, " "), " ", page.html("small", {}, page.number(one.threshold)));
      button.addEventListener("click", () => {
        slider.value = one.at;
        show();
      });
      return button;
    }));
    view?.data("course", course());
    show();
  };
  slider.max = last;
  results.cells.forEach((one, k) => select.append(page.html("option", { value: k }, one.name)));
  select.value = results.first;
  select.addEventListener("change", choose);
  slider.addEventListener("input", show);
  choose();
  const opening = cell.rules[results.rule] ?? Object.values(cell.rules)[0];
  if (opening) slider.value = opening.at;
  const spec = page.read("script[data-spec=course]");
  spec.datasets = { ...spec.datasets, course: course() };
  page.draw(document.getElementById("course"), spec).then((result) => {
    view = result.view;
    show();
  });
  show();

  // The panel of a combination, below its row of the leaderboard.
  const GRID = 100;
  const line = (one, name) => one.curve.map((y, k) => ({ name, x: k / GRID, y }));
  const detail = (one, columns) => {
    const baseline = one.baseline === null ? null : results.cells[one.baseline];
    const boxes = Object.entries(one.rules).map(([name, mine]) => page.html("div", { class: "box" },
      page.html("h3", {}, name.replace(/_/g, " "), " ", page.html("small", {}, "threshold " + page.number(mine.threshold))),
      matrix(mine.counts), report(mine.counts),
      page.html("p", { class: "note" }, "cost per 1,000 rows " + page.amount(1000 * mine.cost)
        + (mine.changed === null ? "" : "; " + page.percent(mine.changed) + " of the rows change between repeats"))));
    const chart = page.html("div", { class: "chart" });
    const content = page.html("td", { colspan: columns }, page.html("div", { class: "boxes" }, ...boxes), chart,
      page.html("p", { class: "note" }, "In MLflow: the run ", page.html("code", {}, one.key), " of the experiment ",
        page.html("code", {}, document.querySelector("h1").textContent), "."));
    const spec = page.read("script[data-spec=panel]");
    spec.datasets = {
      ...spec.datasets,
      curves: [...line(one, one.name), ...(baseline ? line(baseline, baseline.name) : [])],
      points: one.reliability.map(([side, predicted, observed, low, high]) => (
        { side: side === "raw" ? "raw" : "recalibrated", predicted, observed, low, high })),
    };
    return { row: page.html("tr", { class: "detail" }, content), ready: () => page.draw(chart, spec) };
  };
  const table = document.getElementById("cells");
  for (const row of [...table.tBodies[0].rows]) {
    const one = of.get(row.dataset.cell);
    if (!one) continue;
    const head = row.cells[0];
    const button = page.html("button", { type: "button", class: "opens", "aria-expanded": "false" }, ...head.childNodes);
    head.prepend(button);
    const toggle = () => {
      const opened = row.nextElementSibling?.classList.contains("detail");
      table.querySelectorAll("tr.detail").forEach((other) => other.remove());
      table.querySelectorAll(".opens").forEach((other) => other.setAttribute("aria-expanded", "false"));
      if (opened) return;
      const { row: made, ready } = detail(one, row.cells.length);
      row.after(made);
      button.setAttribute("aria-expanded", "true");
      ready();
    };
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      toggle();
    });
    row.addEventListener("click", toggle);
  }
})();
