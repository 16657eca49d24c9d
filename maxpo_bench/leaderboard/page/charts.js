"use strict";

/* Draws the evidence of an entry. Texts become text nodes and attributes only, never markup. */

const REFERENCE_NAME = "ei_l2o";

function make(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const h = (tag, attributes = {}, ...children) => make(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) =>
  make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children.map(String));

function svg(width, height, label, ...children) {
  const node = make(
    document.createElementNS("http://www.w3.org/2000/svg", "svg"),
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "chart" },
    children,
  );
  return node;
}

const short = (value) => String(Number(value.toPrecision(3)));
const percent = (share) => `${Math.round(100 * share)}%`;
const times = (log) => (log >= Math.log2(999) ? "≥1000×" : `${Number((2 ** log).toPrecision(2))}×`);

/* Round steps from one end to the other, at most five. */
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((each) => each >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) found.push(at);
  return found;
}

/* A path through the points that are there; a gap where one is missing. */
function path(xs, ys, x, y) {
  let d = "";
  let pen = "M";
  ys.forEach((value, at) => {
    if (value === null || value === undefined) pen = "M";
    else {
      d += `${pen}${x(xs[at]).toFixed(1)},${y(value).toFixed(1)}`;
      pen = "L";
    }
  });
  return d;
}

/* A line chart: lines are [class, values], band is [low values, high values]. */
function chart({ label, xs, xTicks, xName, bottom, top, yText, lines, band }) {
  const [width, height, left, right, up, down] = [270, 150, 36, 10, 7, 32];
  const span = xs[xs.length - 1] - xs[0] || 1;
  const x = (value) => left + ((width - left - right) * (value - xs[0])) / span;
  const y = (value) => up + ((height - up - down) * (top - value)) / (top - bottom || 1);
  const parts = ticks(bottom, top).flatMap((tick) => [
    s("path", { class: "grid", d: `M${left},${y(tick).toFixed(1)}H${width - right}` }),
    s("text", { class: "y", x: left - 6, y: (y(tick) + 4).toFixed(1) }, yText(tick)),
  ]);
  for (const [at, text] of xTicks) parts.push(s("text", { x: x(at).toFixed(1), y: height - down + 14 }, text));
  parts.push(s("text", { class: "name", x: (left + width - right) / 2, y: height - 4 }, xName));
  if (band) {
    const kept = xs.map((_, at) => at).filter((at) => band[0][at] !== null && band[1][at] !== null);
    const along = (values) => kept.map((at) => `${x(xs[at]).toFixed(1)},${y(values[at]).toFixed(1)}`);
    parts.push(s("path", { class: "band", d: `M${[...along(band[0]), ...along(band[1]).reverse()].join("L")}Z` }));
  }
  for (const [kind, values] of lines) parts.push(s("path", { class: kind, d: path(xs, values, x, y) }));
  return svg(width, height, label, ...parts);
}

/* What the lines of a chart are: [class, text] each. */
const key = (...items) =>
  h("p", { class: "key" }, ...items.map(([kind, text]) => h("span", { class: kind }, text)));

const panel = (title, ...children) => h("section", { class: "panel" }, h("h3", {}, title), ...children);

function etaPanel({ eta, name }) {
  if (!eta) return null;
  const logs = eta.groups.map(Math.log2);
  const reached = (shares) => {
    const at = shares.findIndex((share) => share !== null && share >= 0.95);
    return at < 0 ? `below 95% up to ${eta.groups[eta.groups.length - 1]} groups` : `95% from ${eta.groups[at]} groups on`;
  };
  const isReference = name === REFERENCE_NAME || !eta.reference.some((share) => share !== null);
  const label = `Share of the step kept, by groups averaged: ${name} ${reached(eta.share)}; ${REFERENCE_NAME} ${reached(eta.reference)}`;
  const marks = eta.groups.map((groups, at) => [logs[at], String(groups)]).filter((_, at) => at % 4 === 0);
  const lines = isReference ? [["own", eta.share]] : [["reference", eta.reference], ["own", eta.share]];
  return panel(
    "Step kept, η(B)",
    chart({ label, xs: logs, xTicks: marks, xName: "groups averaged, B", bottom: 0, top: 1, yText: percent, lines }),
    key(["own", name], ...(isReference ? [] : [["reference", REFERENCE_NAME]])),
    h("p", {}, `${reached(eta.share)}.`),
  );
}

function learningPanel({ learning, reference, name }) {
  if (!learning) return null;
  const other = name === REFERENCE_NAME || !reference ? null : reference;
  const isShared = other && other.iterations.join() === learning.iterations.join();
  const top = isShared ? Math.max(learning.top, other.top) : learning.top;
  const xs = learning.iterations;
  const last = learning.mean[learning.mean.length - 1];
  const label = `Return on the maze while training: ${name} ends at ${last === null ? "nothing known" : short(last)}`;
  const lines = [...(isShared ? [["reference", other.mean]] : []), ["own", learning.mean]];
  return panel(
    "Learning on the maze",
    chart({
      label, xs, xName: "iterations", bottom: learning.bottom, top, yText: short, lines,
      xTicks: ticks(xs[0], xs[xs.length - 1]).map((tick) => [tick, short(tick)]),
      band: [learning.low, learning.high],
    }),
    key(["own", name], ["band", "95% interval"], ...(isShared ? [["reference", REFERENCE_NAME]] : [])),
    h("p", {}, `Step size ${learning.rate}, chosen on other seeds.`),
  );
}

function familiesPanel({ families, name }) {
  if (!families || name === REFERENCE_NAME) return null;
  const { rows, pairs, low, high } = families;
  const [width, step, left, right, up] = [270, 16, 60, 44, 4];
  const x = (log) => left + 8 + ((width - left - right - 16) * (log - low)) / (high - low);
  const height = up + step * rows.length + 18;
  const every = high - low > 5 ? [0.001, 0.01, 0.1, 1, 10, 100, 1000] : high - low > 1.5 ? [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32] : [0.6, 0.8, 1, 1.25, 1.5, 2];
  const round = every.filter((ratio) => Math.log2(ratio) >= low && Math.log2(ratio) <= high);
  const parts = round.flatMap((ratio) => [
    s("path", { class: ratio === 1 ? "one" : "grid", d: `M${x(Math.log2(ratio)).toFixed(1)},${up}V${height - 16}` }),
    s("text", { x: x(Math.log2(ratio)).toFixed(1), y: height - 4 }, `${ratio}`),
  ]);
  rows.forEach((row, at) => {
    const middle = up + step * (at + 0.5);
    parts.push(s("text", { class: "y", x: left - 6, y: middle + 4 }, row.name));
    parts.push(s("text", { class: "end", x: width - right + 6, y: middle + 4 }, row.mean === null ? "–" : times(row.mean)));
    for (const log of row.logs) {
      if (log !== null) parts.push(s("circle", { class: log > 0.07 ? "loses" : "dot", cx: x(log).toFixed(1), cy: middle, r: 3 }));
    }
  });
  const lost = rows.filter((row) => row.mean !== null && row.mean > 0.07).map((row) => `${row.name} ${times(row.mean)}`);
  const verdict = lost.length ? `Loses on ${lost.join(", ")}.` : `Nowhere behind ${REFERENCE_NAME} by more than 5%.`;
  const label = `B95 relative to ${REFERENCE_NAME} by kind of bandit: ${rows.map((row) => `${row.name} ${row.mean === null ? "not known" : times(row.mean)}`).join(", ")}`;
  const at = pairs.map(([n, k]) => `(${n}, ${k})`).join(", ");
  return panel(
    "Where it loses",
    svg(width, height, label, ...parts),
    h("p", {}, verdict, ` A dot for each (n, K) of ${at}; right of 1 it needs more groups.`),
  );
}

function languagePanel({ language, name }) {
  if (!language) return null;
  const { k, base, reference, seeds, scores } = language;
  const share = (values) => values.map((value) => (value === null ? null : value / 1000));
  const logs = k.map(Math.log2);
  const at = (values) => values.map((value, i) => `pass@${k[i]} ${value === null ? "not known" : percent(value / 1000)}`).join(", ");
  const isReference = name === REFERENCE_NAME || !reference.some((value) => value !== null);
  const lines = [["base", share(base)], ...(isReference ? [] : [["reference", share(reference)]]), ["own", share(scores)]];
  return panel(
    "Tiny language model",
    chart({
      label: `Share of questions solved: ${name} ${at(scores)}`, xs: logs, xName: "tries, k", bottom: 0, top: 1,
      yText: percent, lines, xTicks: k.map((tries, i) => [logs[i], String(tries)]),
    }),
    key(["own", name], ...(isReference ? [] : [["reference", REFERENCE_NAME]]), ["base", "before training"]),
    h("p", {}, `pass@k, mean over ${seeds} seeds, the same for all.`),
  );
}

/* What a kind of certificate was decided by, and how an instance's number is written. */
const DECIDED = { biased: ["cosine", (value) => value.toFixed(2)], direction: ["constant", short] };

function certificateRow(pair, isAligned) {
  const [what, write] = DECIDED[pair.kind] || ["residual", short];
  const cell = (value) => (value === null ? "–" : write(value));
  const other = pair.other ? `, gradient of K = ${pair.other}` : "";
  const constant = pair.constant === "" ? "varies" : pair.constant;
  const cells = isAligned
    ? pair.instances.map((value) => h("td", what === "cosine" && value < 0.95 ? { class: "low" } : {}, cell(value)))
    : [h("td", { class: "t" }, pair.instances.map((value, at) => `${pair.labels[at]} ${cell(value)}`).join(", "))];
  return h(
    "tr", {},
    h("th", { scope: "row" }, `n ${pair.n}, K ${pair.k}`),
    h("td", { class: "t" }, pair.kind + other),
    h("td", {}, constant),
    h("td", { class: "t" }, what),
    ...cells,
  );
}

function certificatePanel({ certificate, name }) {
  if (!certificate.length) return null;
  const isAligned = certificate.every((pair) => pair.labels.join("|") === certificate[0].labels.join("|"));
  const labels = isAligned ? certificate[0].labels : ["hidden bandits"];
  const head = ["n, K", "Kind", "Constant", "Decided by", ...labels].map((text, at) =>
    h("th", { scope: "col", ...(at < 4 && at !== 2 ? { class: "t" } : {}) }, text),
  );
  const table = h(
    "table", {},
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...certificate.map((pair) => certificateRow(pair, isAligned))),
  );
  const node = panel(
    "Certificate",
    h("p", {}, "Expectation on hidden bandits, every outcome enumerated. Shown for each bandit is what decides the kind: the cosine with the gradient, the constant before it, or what remains beside it (the residual; 0 up to rounding)."),
    h("div", { class: "scroll plain", role: "region", tabindex: "0", "aria-label": `Certificate of ${name}` }, table),
  );
  node.classList.add("wide");
  return node;
}

const list = (items) =>
  h("dl", {}, ...items.flatMap(([term, ...texts]) => [h("div", {}, h("dt", {}, term), h("dd", {}, ...texts))]));

function verificationPanel({ verification }) {
  if (!verification) return null;
  const [date, agrees, by, beacon, count] = verification;
  return panel("Verification", list([
    ["Result", agrees ? "in agreement" : "not in agreement"],
    ["Date", date || "–"],
    ["By", by || "–"],
    ["Public value", beacon ? h("code", {}, `${beacon}…`) : "–"],
    ["Compared", `${count} figures`],
  ]));
}

const entryLink = (name) => h("a", { href: `#entry=${encodeURIComponent(name)}` }, name);

/* Figures of which the row has the value. */
const INTERVALS = { B95: "B95, interval", Maze: "Maze, interval", Variance: "Variance, interval", "LM gain": "LM gain, interval" };

/* The evidence of an entry as one element; folder is where the entries' own pages lie. */
function describe(evidence, folder) {
  const { name, page, summary, source, by, copies, relatives, provenance, command } = evidence;
  const about = [["Paper", linked(source)], ["By", by], ["Also", ...copies.flatMap((copy, at) => (at ? [", ", entryLink(copy)] : [entryLink(copy)]))]].filter(([, text]) => text);
  const charts = [etaPanel, familiesPanel, learningPanel, languagePanel].map((draw) => draw(evidence)).filter(Boolean);
  const certificate = certificatePanel(evidence);
  const lists = [
    panel("More figures", list(evidence.figures.map(([term, text]) => [INTERVALS[term] || term, text]))),
    relatives.length ? panel("Closest relatives", list(relatives.map(([other, share]) => [entryLink(other), share.toFixed(3)])), h("p", {}, "Cosine of the advantages on the same rewards; 1 is a copy up to scale.")) : null,
    verificationPanel(evidence),
    provenance.length ? panel("Provenance", list(provenance.map(([term, text]) => [term, h("code", {}, text)]))) : null,
  ];
  return h(
    "div", { class: "evidence" },
    h("div", { class: "about" }, summary ? h("p", {}, summary) : null, about.length ? list(about) : null),
    charts.length ? h("div", { class: "panels" }, ...charts) : null,
    certificate,
    h("div", { class: "panels lists" }, ...lists),
    command ? h("p", { class: "command" }, "Reproduce it: ", h("code", { tabindex: "0" }, command)) : null,
    h("p", {}, h("a", { href: folder + encodeURIComponent(page) }, `All figures of ${name}`)),
  );
}

/* A text in which https addresses and arXiv numbers are links. */
function linked(text) {
  if (!text) return "";
  const node = h("span");
  text.split(/(https?:\/\/[^\s<>"'`\\]+[\w/#=&]|\barXiv[: ]?\d{4}\.\d{4,5}\b)/i).forEach((part, at) => {
    const number = /^arXiv[: ]?([\d.]+)$/i.exec(part);
    if (at % 2) node.append(h("a", { href: number ? `https://arxiv.org/abs/${number[1]}` : part }, part));
    else node.append(part);
  });
  return node;
}

if (typeof module !== "undefined") module.exports = { ticks, path };
