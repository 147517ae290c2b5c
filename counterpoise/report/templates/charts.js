// Numbers and elements as in the templates, and charts that answer to the pointer.
const page = (() => {
  const read = (selector) => JSON.parse(document.querySelector(selector)?.textContent ?? "null");
  const minus = (text) => text.replace(/-/g, "\u2212");

  // Ties go to the even digit, as in Python.
  const local = (value, least, most = least) => minus(value.toLocaleString("en", { minimumFractionDigits: least, maximumFractionDigits: most, roundingMode: "halfEven" }));

  // As `number` in counterpoise/evaluation/summary.py: three decimals, or two significant digits below 0.01.
  const number = (value) => {
    if (!Number.isFinite(value)) return "\u2013";
    if (value !== 0 && Math.abs(value) < 0.01) {
      const rounded = Number(value.toPrecision(2));
      const digits = Math.min(1 - Math.floor(Math.log10(Math.abs(rounded))), 6);
      return minus(rounded.toFixed(Math.max(digits, 3)));
    }
    return local(value, 3);
  };
  const seconds = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  const percent = (share) => {
    if (!Number.isFinite(share)) return "";
    const value = 100 * share;
    return value >= 1 || value === 0 ? value.toFixed(1) + " %" : value >= 0.005 ? value.toFixed(2) + " %" : "<0.01 %";
  };
  const count = (value) => local(value, 0, Math.abs(value) >= 1000 ? 0 : 1);

  const amount = (value) => {
    const size = Math.abs(value);
    return size > 0 && size < 1 ? number(value) : local(value, size >= 100 || !size ? 0 : 1);
  };

  // An element with attributes and children; texts are never read as HTML.
  const html = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  // On a phone, legends have one column, and long titles and names several lines.
  const narrowed = (key, value) => {
    if (key === "legend" && value?.columns) return { ...value, columns: 1 };
    if (key === "y" && value?.type === "nominal") return { ...value, axis: { ...value.axis, labelExpr: "split(datum.label, ', ')" } };
    if ((key === "x" || key === "y") && value?.title) return { ...value, title: value.title.match(/.{1,30}(?:\s|$)/g) };
    return value;
  };
  // As wide as its place: one panel fills it, several are spread evenly over rows.
  const draw = (element, given) => {
    const place = element.clientWidth;
    const narrow = place > 0 && place < 600;
    const spec = narrow ? JSON.parse(JSON.stringify(given, narrowed)) : given;
    if (narrow && spec.usermeta) spec.height += 12 * spec.usermeta.rows;
    if (spec.hconcat && narrow) {
      spec.vconcat = spec.hconcat.map((one) => ({ ...one, width: place - 80 }));
      delete spec.hconcat;
    }
    const single = !spec.facet && !spec.hconcat && !spec.vconcat;
    if (spec.facet && place) {
      const panels = spec.facet.sort.length;
      const most = Math.max(1, Math.floor((place - 60) / (spec.spec.width + 35)));
      spec.columns = Math.ceil(panels / Math.ceil(panels / most));
      const room = Math.floor((place - 60) / spec.columns) - 55;
      spec.spec.width = Math.max(Math.min(spec.spec.width, place - 80), Math.min(room, 1.5 * spec.spec.width));
    }
    if (place) spec.config.axisY.labelLimit = Math.min(spec.config.axisY.labelLimit, 0.5 * place);
    const wide = single ? { ...spec, width: "container", autosize: { type: "fit-x", contains: "padding" } } : spec;
    const done = vegaEmbed(element, wide, { actions: false, renderer: "svg", tooltip: { theme: "custom" }, logLevel: 1 });
    done.then((result) => { element.view = result.view; });
    return done;
  };
  const specs = new Map(
    [...document.querySelectorAll("script[data-chart]")].map((script) => [script.dataset.chart, script]),
  );
  const show = (name) => {
    const script = specs.get(name);
    const element = document.getElementById(name);
    if (!script || !element || element.view || !element.clientWidth) return;
    specs.delete(name);
    element.redraw = () => {
      if (!element.clientWidth || element.clientWidth === element.drawn) return;
      element.drawn = element.clientWidth;
      element.view?.finalize();
      draw(element, JSON.parse(script.textContent));
    };
    element.redraw();
  };
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => document.querySelectorAll(".chart").forEach((element) => element.redraw?.()), 200);
  });
  // drawn when they come into view: the picture that is there already stays until then
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) show(entry.target.id);
  }, { rootMargin: "300px" });
  for (const name of specs.keys()) {
    const element = document.getElementById(name);
    if (element.querySelector("svg")) watcher.observe(element);
    else setTimeout(show, 0, name);  // paper shows it as well, whether or not it was in view
  }

  // Figures of one place as tabs.
  document.querySelectorAll(".tabs").forEach((tabs, k) => {
    const figures = [...tabs.querySelectorAll(":scope > figure")];
    if (figures.length < 2) return;
    const bar = html("div", { class: "controls jumps", role: "tablist" });
    const choose = (chosen) => figures.forEach((figure, n) => {
      figure.hidden = n !== chosen;
      bar.children[n].setAttribute("aria-selected", String(n === chosen));
      bar.children[n].tabIndex = n === chosen ? 0 : -1;
      if (n === chosen) show(figure.querySelector(".chart").id);
    });
    figures.forEach((figure, n) => {
      const label = figure.querySelector("figcaption").textContent.split(/[:.]/)[0];
      figure.id = "tab-" + k + "-" + n;
      figure.setAttribute("role", "tabpanel");
      const button = html("button", { type: "button", role: "tab", "aria-controls": figure.id }, label);
      button.addEventListener("click", () => choose(n));
      bar.append(button);
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = [...bar.children].indexOf(document.activeElement);
      const next = (at + step + figures.length) % figures.length;
      choose(next);
      bar.children[next].focus();
    });
    tabs.prepend(bar);
    choose(0);
  });

  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  // a deep link opens what it points into
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
      if (element.hidden) document.querySelector(`[aria-controls="${element.id}"]`)?.click();
    }
    (target?.closest(".tabs") ?? target)?.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
  return { read, number, amount, seconds, percent, count, html, draw };
})();
