"use strict";

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/* What a cell is sorted by: a number, a text, or null for what is missing. "3–5" counts as 3, "≥1000" as 1000, "= ei" as a text. */
function sortKey(text, isNumeric) {
  const trimmed = text.trim();
  if (!isNumeric || trimmed.startsWith("= ")) return trimmed === "" || trimmed === "–" ? null : trimmed;
  const value = parseFloat(trimmed.replace(/^≥/, ""));
  return Number.isNaN(value) ? null : value;
}

/* Compare two keys, direction 1 ascending, -1 descending; null comes last either way. */
function compareKeys(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  return direction * (typeof a === "number" ? a - b : collator.compare(a, b));
}

function cellText(body, column) {
  const cell = body.rows[0].cells[column];
  return (cell.querySelector("b, summary, em") || cell).textContent;
}

/* Sort a table's bodies (an entry and its details) by one column, from the order they came in. */
function sortTable(table, bodies, column, isNumeric, direction) {
  const keyed = bodies.map((body) => ({ body, key: sortKey(cellText(body, column), isNumeric) }));
  keyed.sort((a, b) => compareKeys(a.key, b.key, direction));
  const fragment = document.createDocumentFragment();
  for (const { body } of keyed) fragment.append(body);
  table.append(fragment);
}

function makeSortable(table) {
  const bodies = Array.from(table.tBodies);
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const label = head.querySelector("span");
    const button = document.createElement("button");
    button.type = "button";
    button.title = label.title;
    button.textContent = label.textContent;
    label.replaceWith(button);
    button.addEventListener("click", () => {
      const best = head.dataset.best === "high" ? -1 : 1;
      const was = head.getAttribute("aria-sort");
      const now = was ? (was === "ascending" ? -1 : 1) : best;
      sortTable(table, bodies, column, head.dataset.sort === "number", now);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", now > 0 ? "ascending" : "descending");
    });
  });
  heads[0].setAttribute("aria-sort", "ascending");
}

/* Say so, and shade the edge, where a table has more columns to its right than the window shows. */
function watchWidth(frame) {
  const scroll = frame.querySelector(".scroll");
  const hint = document.createElement("p");
  hint.className = "hint";
  hint.textContent = "scroll for more columns →";
  frame.before(hint);
  const update = () => {
    const hidden = scroll.scrollWidth - scroll.clientWidth;
    hint.hidden = hidden <= 1;
    frame.classList.toggle("more", hidden - scroll.scrollLeft > 1);
  };
  scroll.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(scroll);
  update();
}

/* Show the entries that contain every word of the query, and hide tables without any. */
function makeFilter(box) {
  const entries = Array.from(document.querySelectorAll("tbody"), (body) => ({
    body,
    text: body.textContent.toLowerCase(),
  }));
  const input = box.querySelector("input");
  const status = box.querySelector("[role=status]");
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { body, text } of entries) {
      body.hidden = !words.every((word) => text.includes(word));
      shown += !body.hidden;
    }
    for (const section of document.querySelectorAll("section.board")) {
      section.hidden = words.length > 0 && !section.querySelector("tbody:not([hidden])");
    }
    status.textContent = words.length ? `${shown} of ${entries.length} shown` : "";
  };
  input.addEventListener("input", apply);
  box.hidden = false;
  apply();
}

if (typeof document !== "undefined") {
  document.querySelectorAll("section.board table").forEach(makeSortable);
  document.querySelectorAll(".frame").forEach(watchWidth);
  makeFilter(document.querySelector(".find"));
}
if (typeof module !== "undefined") module.exports = { sortKey, compareKeys };
