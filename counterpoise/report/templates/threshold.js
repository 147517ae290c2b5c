// The slider: what a combination decides at any threshold on its scores.
(() => {
  const panel = document.getElementById("try");
  const results = page.results;
  if (!panel || !results.cells.length) return;
  const at = (name) => panel.querySelector("[data-is=" + name + "]");
  const [strategy, model, slider] = ["strategy", "model", "slider"].map(at);
  const models = () => results.cells.filter((cell) => cell.strategy === strategy.value).map((cell) => cell.model);
  let cell = null;
  let announcing = 0;

  const ratio = (part, whole) => (whole ? part / whole : NaN);
  const decided = (k) => {
    const [fp, fn] = [cell.fp[k], cell.fn[k]];
    const [tn, tp] = [results.negatives - fp, results.positives - fn];
    return {
      counts: { tn, fp, fn, tp },
      shares: { tn: ratio(tn, tn + fp), fp: ratio(fp, tn + fp), fn: ratio(fn, fn + tp), tp: ratio(tp, fn + tp) },
      rates: {
        precision: ratio(tp, tp + fp), recall: ratio(tp, tp + fn), f1: ratio(2 * tp, 2 * tp + fp + fn),
        specificity: ratio(tn, tn + fp), cost: cell.cost[k] / results.scale,
      },
    };
  };
  const threshold = (k) => String(results.thresholds[k]);

  const show = () => {
    const k = Number(slider.value);
    const { counts, shares, rates } = decided(k);
    for (const [name, value] of Object.entries(counts)) {
      const box = at(name);
      box.style.setProperty("--r", (shares[name] || 0).toFixed(3));
      box.querySelector("b").textContent = page.count(value);
      box.querySelector("small").textContent = page.percent(shares[name]);
    }
    for (const [name, value] of Object.entries(rates)) at(name).textContent = page.number(value);
    at("threshold").textContent = threshold(k);
    slider.setAttribute("aria-valuetext", "threshold " + threshold(k));
    for (const button of at("jumps").children) button.setAttribute("aria-pressed", String(Number(button.value) === k));
    mark(k);
    // read out when the slider rests, not at every step on the way
    clearTimeout(announcing);
    announcing = setTimeout(() => {
      const precision = counts.tp + counts.fp ? "precision " + page.number(rates.precision) : "no row called positive";
      at("announcement").textContent = "At the threshold " + threshold(k) + ", " + page.count(counts.tp) + " of "
        + page.count(counts.tp + counts.fn) + " positives found with " + page.count(counts.fp) + " false positives: "
        + precision + ", recall " + page.number(rates.recall) + ", F1 " + page.number(rates.f1) + ", cost "
        + page.number(rates.cost) + ".";
    }, 400);
  };

  // The course of the rates over all positions of the slider, below it and as wide.
  const WIDTH = 1000;
  const HEIGHT = 220;
  const last = results.thresholds.length - 1;
  const x = (k) => (WIDTH * k) / last;
  const needle = page.svg("path", { class: "needle" });
  const mark = (k) => needle.setAttribute("d", "M" + x(k).toFixed(1) + " 0V" + HEIGHT);
  const draw = () => {
    const lines = ["precision", "recall", "f1"].map((name) => {
      let path = "";
      let pen = "M";
      for (let k = 0; k <= last; k += 1) {
        const value = decided(k).rates[name];
        if (Number.isFinite(value)) path += pen + x(k).toFixed(1) + " " + (HEIGHT * (1 - value)).toFixed(1);
        pen = Number.isFinite(value) ? "L" : "M";
      }
      return page.svg("path", { d: path, class: "line " + name });
    });
    const rules = [0, 0.25, 0.5, 0.75, 1].map((share) => page.svg("path", { d: "M0 " + HEIGHT * share + "H" + WIDTH, class: "rule" }));
    at("course").replaceChildren(...rules, ...lines, needle);
  };

  const choose = () => {
    cell = results.cells.find((one) => one.strategy === strategy.value && one.model === model.value);
    at("name").textContent = cell.strategy + " with " + cell.model;
    at("jumps").replaceChildren(...cell.rules.map(([rule, k, mean]) => {
      const button = page.html("button", { type: "button", value: k, "data-rule": rule }, rule.replace(/_/g, " "));
      button.append(" ", page.html("small", {}, page.number(mean)));
      button.addEventListener("click", () => {
        slider.value = k;
        show();
      });
      return button;
    }));
    draw();
    show();
  };

  slider.max = last;
  page.options(strategy, [...new Set(results.cells.map((one) => one.strategy))]);
  const [first, then] = results.first;
  strategy.value = first;
  page.options(model, models());
  model.value = then;
  strategy.addEventListener("change", () => {
    const before = model.value;
    page.options(model, models());
    if (models().includes(before)) model.value = before;
    choose();
  });
  model.addEventListener("change", choose);
  slider.addEventListener("input", show);
  choose();
  at("jumps").querySelector("button")?.click(); // the first rule is the fixed threshold
})();
