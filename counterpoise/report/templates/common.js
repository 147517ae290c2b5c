"use strict";
// What the other scripts share: data of the page, and numbers and elements formatted as in the templates.
const page = (() => {
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
  const minus = (text) => text.replace(/-/g, "\u2212");

  // As `number` in counterpoise/evaluation/summary.py: three decimals, or two significant digits below 0.01.
  const number = (value) => {
    if (!Number.isFinite(value)) return "\u2013";
    if (value !== 0 && Math.abs(value) < 0.01) {
      const rounded = Number(value.toPrecision(2));
      const digits = Math.min(1 - Math.floor(Math.log10(Math.abs(rounded))), 6);
      return minus(rounded.toFixed(Math.max(digits, 3)));
    }
    return minus(value.toLocaleString("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 }));
  };
  const percent = (share) => {
    if (!Number.isFinite(share)) return "";
    const value = 100 * share;
    return value >= 1 || value === 0 ? value.toFixed(1) + " %" : value >= 0.005 ? value.toFixed(2) + " %" : "<0.01 %";
  };
  const count = (value) => value.toLocaleString("en");
  const seconds = (value) => (value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3));

  // An element with attributes and children; texts are never read as HTML.
  const create = (space) => (name, attributes = {}, ...children) => {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const html = create("http://www.w3.org/1999/xhtml");
  const svg = create("http://www.w3.org/2000/svg");

  const options = (select, names) => select.replaceChildren(...names.map((name) => html("option", { value: name }, name)));

  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  for (const element of document.querySelectorAll("[data-without-script]")) element.hidden = true;
  return { measured: read("measured") ?? {}, results: read("results"), minus, number, percent, count, seconds, html, svg, options };
})();
