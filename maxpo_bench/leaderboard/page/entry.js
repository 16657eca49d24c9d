"use strict";

/* The pictures of one entry's own page; its figures stand there without scripts, too. */
async function draw() {
  const pack = await unpack(document.getElementById("evidence").textContent.trim());
  const evidence = evidenceOf(pack, pack.names, 0);
  const charts = [etaPanel, familiesPanel, learningPanel, languagePanel].map((make) => make(evidence)).filter(Boolean);
  document.getElementById("charts").append(...charts);
}

draw();
