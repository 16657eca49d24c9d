"use strict";

/* Reads what site_pack.py has packed: see there for what stands where. */

const TOP = 89;
const MISSING = 90;
const KINDS = { e: "exact", p: "proportional", d: "direction", b: "biased", n: "null" };

/* Bytes of a text in base 85 (RFC 1924). */
function fromBase85(text) {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
  const value = new Uint8Array(128);
  for (let i = 0; i < 85; i++) value[digits.charCodeAt(i)] = i;
  const words = new DataView(new ArrayBuffer(4 * Math.ceil(text.length / 5)));
  for (let at = 0, to = 0; at < text.length; at += 5, to += 4) {
    let word = 0;
    for (let i = at; i < at + 5; i++) word = 85 * word + (i < text.length ? value[text.charCodeAt(i)] : 84);
    words.setUint32(to, word);
  }
  return new Uint8Array(words.buffer, 0, Math.floor((4 * text.length) / 5));
}

/* The packed data as an object; a promise, as browsers inflate in streams. */
async function unpack(text) {
  const stream = new Blob([fromBase85(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

/* Levels of a text: each is the difference to one of others, or else to the one before. */
function toLevels(text, near) {
  let before = 0;
  return Array.from(text, (character, at) => {
    const code = character.charCodeAt(0);
    before = ((near ? near[at] : before) + code - 35 - (code > 92)) % 91;
    return before;
  });
}

/* Numbers at levels between two ends; null for what is missing. */
const toNumbers = (levels, low, high) =>
  levels.map((level) => (level === MISSING ? null : low + (level / TOP) * (high - low)));

function readCurve(pack, packed) {
  if (!packed) return null;
  const [grid, bottom, top, mean, low, high, rate] = packed;
  const middle = toLevels(mean);
  const [lows, highs] = [low, high].map((line) => toNumbers(toLevels(line, middle), bottom, top));
  return { iterations: pack.grids[grid], bottom, top, mean: toNumbers(middle, bottom, top), low: lows, high: highs, rate };
}

function readCertificate(pack, packed) {
  if (!packed) return [];
  const [shape, kinds, constants, others, deciding] = packed;
  const constant = constants.split(" ");
  return pack.shapes[shape].map(([n, k, labels], at) => {
    const found = deciding[at];
    const cosine = (character) => (character === " " ? null : (135 - character.codePointAt(0)) / 100);
    const instances = typeof found === "string" ? Array.from(found, cosine) : found || labels.map(() => 0);
    return { n, k, labels, kind: KINDS[kinds[at]], constant: constant[at], other: others ? others[at] : 0, instances };
  });
}

/* One row for each family: its ratios at every (n, K) and their geometric mean, the worst first. */
function readFamilies(pack, packed) {
  if (!packed) return null;
  const [shape, low, high, text] = packed;
  const [families, pairs] = pack.families[shape];
  const logs = toNumbers(toLevels(text, text.split("").fill(0)), low, high);
  const rows = families.map((name, at) => {
    const own = logs.slice(at * pairs.length, (at + 1) * pairs.length);
    const known = own.filter((value) => value !== null);
    const mean = known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
    return { name, logs: own, mean };
  });
  rows.sort((a, b) => (b.mean ?? -Infinity) - (a.mean ?? -Infinity));
  return { rows, pairs, low: Math.min(low, -0.2), high: Math.max(high, 0.2) };
}

function readRelatives(names, packed) {
  const found = [];
  for (let at = 0; at < packed.length; at += 2) {
    found.push([typeof packed[at] === "number" ? names[packed[at]] : packed[at], packed[at + 1] / 1000]);
  }
  return found;
}

/* Everything known of the entry with this number; names are those of all entries. */
function evidenceOf(pack, names, at) {
  const [summary, source, by] = pack.text[at];
  const [etaShape, share] = pack.eta[at] || [];
  const [groups, ours] = pack.etas[etaShape] || [];
  const [model, ...scores] = pack.language[at] || [];
  const [k, base, reference, seeds] = pack.models[model] || [];
  return {
    name: names[at],
    page: pack.pages[at] || `${names[at]}.html`,
    summary,
    source,
    by,
    copies: names.filter((_, other) => pack.linked[other] === names[at]),
    figures: pack.figures[at].split("|").map((text, column) => [pack.headings[column], text]).filter(([, text]) => text),
    certificate: readCertificate(pack, pack.certificates[at]),
    eta: share ? { groups, share: toNumbers(toLevels(share), 0, 1), reference: toNumbers(toLevels(ours), 0, 1) } : null,
    learning: readCurve(pack, pack.learning[at]),
    reference: readCurve(pack, pack.reference),
    families: readFamilies(pack, pack.byFamily[at]),
    language: k ? { k, base, reference, seeds, scores } : null,
    relatives: readRelatives(names, pack.relatives[at]),
    provenance: pack.provenance[at].map((fact) => pack.facts[fact]),
    command: pack.commands[at].replaceAll("\0", names[at]),
    verification: pack.verification[at],
  };
}

if (typeof module !== "undefined") module.exports = { fromBase85, toLevels, toNumbers, unpack, evidenceOf };
