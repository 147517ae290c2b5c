// Time against gain: measurements are in one element of the page only, so the chart is drawn here.
(() => {
  const figure = document.getElementById("time-figure");
  const parts = ["resample_seconds", "fit_seconds", "predict_seconds"];
  const points = (page.results?.cells ?? []).flatMap((cell) => {
    const mine = page.measured[cell.strategy + "/" + cell.model] ?? {};
    const seconds = parts.reduce((sum, name) => sum + (mine[name] ?? 0), 0);
    return cell.gain === null || cell.level === "placebo" || !(seconds > 0) ? [] : [{ ...cell, name: cell.strategy + " / " + cell.model, seconds }];
  });
  if (!figure) return;
  if (!points.length) {
    figure.append(page.html("p", {}, "There are no measurements, or there is no baseline."));
    return;
  }
  const [WIDTH, HEIGHT] = [760, 420];
  const [LEFT, RIGHT, TOP, BOTTOM] = [66, WIDTH - 16, 28, HEIGHT - 46];
  const signed = (value) => (value > 0 ? "+" : "") + page.number(value);

  // Seconds by powers of ten; differences to the farthest, unless that is far from most others (as in the forest plot).
  const exponents = points.map((point) => Math.log10(point.seconds));
  const [from, to] = [Math.floor(Math.min(...exponents)), Math.max(Math.ceil(Math.max(...exponents)), Math.floor(Math.min(...exponents)) + 1)];
  const far = points.map((point) => Math.abs(point.gain)).filter((value) => value > 0).sort((a, b) => a - b);
  const usual = 1.5 * (far[Math.floor(0.75 * (far.length - 1))] ?? 0.1);
  const limit = Math.max(far[far.length - 1] ?? 0.1, 1e-9) > 2 * usual ? usual : far[far.length - 1] ?? 0.1;
  const inside = (value) => Math.max(-limit, Math.min(limit, value));
  const values = points.map((point) => inside(point.gain));
  const room = 0.06 * (Math.max(...values, 0) - Math.min(...values, 0) || 1);
  const [low, high] = [Math.min(...values, 0) - room, Math.max(...values, 0) + room];
  const x = (seconds) => LEFT + ((RIGHT - LEFT) * (Math.log10(seconds) - from)) / (to - from);
  const y = (gain) => BOTTOM - ((BOTTOM - TOP) * (inside(gain) - low)) / (high - low);

  const drawing = page.svg("svg", { viewBox: "0 0 " + WIDTH + " " + HEIGHT, width: WIDTH, height: HEIGHT, role: "img",
    "aria-label": "Seconds of each combination against its difference from the baseline. Both are in the leaderboard.",
    style: "--natural: " + WIDTH + "px" });
  const text = (content, attributes) => drawing.append(page.svg("text", attributes, content));
  for (let power = from; power <= to; power += 1) {
    const at = x(10 ** power);
    drawing.append(page.svg("path", { d: "M" + at + " " + TOP + "V" + BOTTOM, class: "rule" }));
    text(power < 0 ? (10 ** power).toFixed(-power) : page.count(10 ** power), { x: at, y: BOTTOM + 17, "text-anchor": "middle" });
  }
  const rough = (high - low) / 5;
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = base * ([1, 2, 5, 10].find((factor) => factor * base >= rough) ?? 10);
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) {
    const at = y(k * step);
    drawing.append(page.svg("path", { d: "M" + LEFT + " " + at + "H" + RIGHT, class: k === 0 ? "zero" : "rule" }));
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    text((k > 0 ? "+" : "") + page.minus((k * step).toFixed(digits)), { x: LEFT - 8, y: at + 4, "text-anchor": "end" });
  }
  text("seconds: resampling, fitting, predicting (log scale)", { x: (LEFT + RIGHT) / 2, y: HEIGHT - 8, "text-anchor": "middle" });
  text("difference in average precision", { x: 0, y: 0, "text-anchor": "middle", transform: "translate(14 " + (TOP + BOTTOM) / 2 + ") rotate(-90)" });

  // Those for which no other is as fast and ranks as well. Gains are over different baselines and cannot be compared.
  const front = [...points].sort((a, b) => a.seconds - b.seconds || b.score - a.score)
    .reduce((best, point) => (best.length && point.score <= best[best.length - 1].score ? best : [...best, point]), []);

  const shapes = {
    none: (cx, cy) => page.svg("circle", { cx, cy, r: 5, class: "hollow" }),
    data: (cx, cy) => page.svg("circle", { cx, cy, r: 4.5 }),
    algorithm: (cx, cy) => page.svg("rect", { x: cx - 4.2, y: cy - 4.2, width: 8.4, height: 8.4 }),
    hybrid: (cx, cy) => page.svg("path", { d: "M" + cx + " " + (cy - 6) + "l6 6l-6 6l-6 -6z" }),
  };
  const edge = (cx, cy, up) => page.svg("path", { d: "M" + (cx - 5) + " " + cy + "h10l-5 " + (up ? -8 : 8) + "z" });
  for (const point of points) {
    const [cx, cy] = [x(point.seconds), y(point.gain)];
    const out = inside(point.gain) !== point.gain;
    const shape = out ? edge(cx, cy, point.gain > 0) : (shapes[point.level] ?? shapes.data)(cx, cy);
    shape.classList.add("point", point.side ?? "holds");
    shape.append(page.svg("title", {}, point.name + ": " + page.seconds(point.seconds) + " s, " + signed(point.gain)));
    drawing.append(shape);
  }
  const taken = [];
  for (const point of [...front].reverse()) {
    const wide = 6.8 * point.name.length;
    const left = Math.min(x(point.seconds) - 6, RIGHT - wide);
    const box = { left, right: left + wide, middle: y(point.gain) - 14 };
    if (left < LEFT || taken.some((other) => Math.abs(other.middle - box.middle) < 14 && other.left < box.right && box.left < other.right)) continue;
    taken.push(box);
    text(point.name, { x: left, y: box.middle + 4, class: "name" });
  }
  figure.append(page.html("div", { class: "scroll", role: "region", "aria-label": "Time against gain", tabindex: "0" }, drawing));

  const list = document.getElementById("time-front");
  for (const point of front) {
    const gain = point.level === "none" ? "baseline" : signed(point.gain) + " over the baseline";
    const text = ": " + page.seconds(point.seconds) + " s, average precision " + page.number(point.score) + ", " + gain;
    list.append(page.html("li", {}, page.html("strong", {}, point.name), text));
  }
})();
