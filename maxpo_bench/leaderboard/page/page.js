"use strict";

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/* What a cell is sorted by: a number, a text, or null for what is missing. "3–5" counts as 3, "≥1000" as 1000, "= ei" as a text. */
function sortKey(text, isNumeric) {
  const trimmed = text.trim();
  if (!isNumeric || trimmed.startsWith("= ")) return trimmed === "" || trimmed === "–" ? null : trimmed;
  const value = parseFloat(trimmed.replace(/^≥/, "").replace("−", "-"));
  return Number.isNaN(value) ? null : value;
}

/* Compare two keys, direction 1 ascending, -1 descending; null comes last either way, numbers before texts. */
function compareKeys(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return direction * (typeof a === "number" ? a - b : collator.compare(a, b));
}

/* The row of evidence below a row, while it is open. */
const opened = new Map();

function cellText(row, column) {
  const cell = row.cells[column];
  return (cell.querySelector("button, em") || cell.firstChild || cell).textContent;
}

/* Sort a table's rows by one column, from the order they came in; keys are read once. */
function sortTable(body, rows, keys, direction) {
  const order = rows.map((row, at) => at).sort((a, b) => compareKeys(keys[a], keys[b], direction) || a - b);
  const sorted = order.flatMap((at) => (opened.has(rows[at]) ? [rows[at], opened.get(rows[at])] : [rows[at]]));
  body.replaceChildren(...sorted);
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const label = head.querySelector("span");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label.textContent;
    label.replaceWith(button);
    let keys = null;
    button.addEventListener("click", () => {
      keys ??= rows.map((row) => sortKey(cellText(row, column), head.dataset.sort === "number"));
      const best = head.dataset.best === "high" ? -1 : 1;
      const was = head.getAttribute("aria-sort");
      const now = was ? (was === "ascending" ? -1 : 1) : best;
      sortTable(body, rows, keys, now);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", now > 0 ? "ascending" : "descending");
    });
  });
  heads[0].setAttribute("aria-sort", "ascending");
}

/* Give every row a button that opens its evidence below it; a row keeps the number that it has in the packed data. */
function makeOpenable(rows, names, pack) {
  rows.forEach((row, at) => {
    const cell = row.cells[1];
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.append(...Array.from(cell.childNodes).filter((node) => node.nodeName !== "I"));
    cell.prepend(button);
    button.addEventListener("click", async () => toggle(row, button, `d${at}`, evidenceOf(await pack, names, at)));
  });
}

function toggle(row, button, id, evidence) {
  const isOpen = opened.has(row);
  if (isOpen) {
    opened.get(row).remove();
    opened.delete(row);
    button.removeAttribute("aria-controls");
  } else {
    const below = document.createElement("tr");
    below.className = "d";
    below.id = id;
    below.setAttribute("role", "row");
    const cell = below.insertCell();
    cell.setAttribute("role", "cell");
    cell.colSpan = row.cells.length;
    cell.append(describe(evidence, "entries/"));
    row.after(below);
    opened.set(row, below);
    button.setAttribute("aria-controls", id);
  }
  button.setAttribute("aria-expanded", String(!isOpen));
}

/* Roles in so many words, for browsers that forget a table's where rows are laid out as grids. */
function nameRoles(table) {
  table.setAttribute("role", "table");
  for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
  for (const row of table.rows) {
    row.setAttribute("role", "row");
    for (const cell of row.cells) {
      cell.setAttribute("role", cell.tagName === "TD" ? "cell" : cell.scope === "col" ? "columnheader" : "rowheader");
    }
  }
}

/* Open the entry that the address names, as in index.html#entry=ei. */
function openNamed(rows, names) {
  const row = rows[names.indexOf(new URLSearchParams(location.hash.slice(1)).get("entry"))];
  if (!row) return;
  const button = row.querySelector("button");
  if (!opened.has(row)) button.click();
  row.scrollIntoView();
  button.focus({ preventScroll: true });
}

/* Arrows move between the rows' buttons and between the headings'; Escape closes a row. */
function moveByKeys(table) {
  table.addEventListener("keydown", (event) => {
    const head = event.target.closest("thead th");
    if (head && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      const next = event.key === "ArrowLeft" ? head.previousElementSibling : head.nextElementSibling;
      if (next) focusIn(event, next);
    }
    const row = event.target.closest("tbody tr:not(.d)") || event.target.closest("tr.d")?.previousElementSibling;
    if (!row) return;
    if (event.key === "Escape" && opened.has(row)) {
      row.querySelector("button").click();
      focusIn(event, row);
    }
    if (!event.target.matches("tbody th > button")) return;
    const all = Array.from(table.tBodies[0].rows).filter((each) => !each.hidden && !each.matches(".d"));
    const at = all.indexOf(row);
    const goal = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (goal === -1) focusIn(event, table.tHead.querySelector("[aria-sort]"));
    else if (all[goal]) focusIn(event, all[goal]);
  });
  table.tHead.addEventListener("keydown", (event) => {
    const first = Array.from(table.tBodies[0].rows).find((row) => !row.hidden);
    if (event.key === "ArrowDown" && first) focusIn(event, first);
  });
}

function focusIn(event, element) {
  event.preventDefault();
  element.querySelector("button").focus();
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

/* Show the entries of a class, a track and a kind of rewards that contain every word; hide tables without any. */
function makeFilter(box, rows, pack) {
  const entries = rows.map((row) => ({ row, table: row.closest("section").id, text: row.textContent.toLowerCase() }));
  const value = (id) => document.getElementById(id).value;
  const status = box.querySelector("[role=status]");
  const none = document.querySelector(".none");
  const apply = () => {
    const words = value("find").toLowerCase().split(/\s+/).filter(Boolean);
    const [klass, track, rewards] = ["class", "track", "rewards"].map(value);
    const isFiltered = Boolean(words.length || klass || track || rewards);
    let shown = 0;
    const filled = new Set();
    for (const { row, table, text } of entries) {
      const isMeant =
        (!klass || klass === table) &&
        (!track || (track === "stateful") === row.classList.contains("s")) &&
        (!rewards || (rewards === "binary") === row.classList.contains("y"));
      row.hidden = !isMeant || !words.every((word) => text.includes(word));
      if (opened.has(row)) opened.get(row).hidden = row.hidden;
      if (!row.hidden) filled.add(table);
      shown += !row.hidden;
    }
    for (const section of document.querySelectorAll("section.board")) {
      section.hidden = isFiltered && !filled.has(section.id);
    }
    none.hidden = !isFiltered || shown > 0;
    status.textContent = isFiltered ? `${shown} of ${entries.length} shown` : "";
  };
  box.addEventListener("input", apply);
  none.querySelector("button").addEventListener("click", () => {
    for (const field of box.querySelectorAll("input, select")) field.value = "";
    apply();
    document.getElementById("find").focus();
  });
  box.hidden = false;
  apply();
  return pack.then(({ text }) => {
    entries.forEach((entry, at) => (entry.text += ` ${text[at].join(" ").toLowerCase()}`));
    apply();
  });
}

function start() {
  const rows = Array.from(document.querySelectorAll("section.board tbody tr"));
  const name = (row) => Array.from(row.cells[1].childNodes, (node) => (node.nodeName === "I" ? "" : node.textContent)).join("");
  const names = rows.map(name);
  const pack = unpack(document.getElementById("evidence").textContent.trim());
  makeOpenable(rows, names, pack);
  for (const table of document.querySelectorAll("section.board table")) {
    nameRoles(table);
    makeSortable(table);
    moveByKeys(table);
  }
  document.querySelectorAll(".frame").forEach(watchWidth);
  makeFilter(document.querySelector(".find"), rows, pack);
  addEventListener("hashchange", () => openNamed(rows, names));
  openNamed(rows, names);
}

if (typeof document !== "undefined") start();
if (typeof module !== "undefined") module.exports = { sortKey, compareKeys };
