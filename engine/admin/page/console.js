// The console: asks the management plane every two seconds and shows what it says. Everything from the node is
// set as text, never as markup.

const EVERY_MS = 2000;
const SHOWN = 20;
const KEY = "catena-token";
const $ = (id) => document.getElementById(id);

// ---- asking ----

class Refused extends Error {}

async function ask(path, method = "GET") {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
  const answer = await fetch(path, { method, headers, cache: "no-store" });
  if (answer.status === 401) throw new Refused("This is not the token of this node.");
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail || json.title);
  return json;
}

// ---- building ----

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value;
    else if (key === "click") element.addEventListener("click", value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const word = (text, tone = "") => make("span", { class: `word ${tone}` }, text);
const short = (digest) => digest.replace("sha256:", "").slice(0, 12);
const plural = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

function time(ms) {
  const at = new Date(ms);
  return make("time", { datetime: at.toISOString() }, at.toLocaleString());
}

// Columns: [heading, cell, class?].
function table(caption, columns, rows) {
  const cell = (name, content, style) => make(name, style ? { class: style } : {}, content);
  const heading = ([text, , style]) => {
    const th = cell("th", text, style === "number" ? style : "");
    th.scope = "col";
    return th;
  };
  return make("table", {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...columns.map(heading))),
    make("tbody", {}, ...rows.map((row) =>
      make("tr", {}, ...columns.map(([, of, style]) => cell("td", of(row), style))))));
}

function fold(key, title, ...content) {
  return make("details", { "data-key": key }, make("summary", { "data-key": `${key}/summary` }, title), ...content);
}

// Shows a section anew only when what it shows has changed, and gives focus and open folds back.
const shown = new Map();

function show(id, data, render) {
  const text = JSON.stringify(data);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const place = $(id);
  const keyed = () => [...place.querySelectorAll("[data-key]")];
  const open = new Set(keyed().filter((e) => e.open).map((e) => e.dataset.key));
  const focus = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  place.replaceChildren(...[render(data)].flat());
  for (const element of keyed()) {
    if (open.has(element.dataset.key)) element.open = true;
    if (focus && element.dataset.key === focus) element.focus();
  }
}

// ---- showing ----

function health(troubles) {
  $("health").classList.toggle("wrong", troubles.length > 0);
  if (troubles.length === 0) return "Everything flows.";
  const says = troubles.length === 1 ? "Something is wrong:" : `${troubles.length} things are wrong:`;
  return [says, make("ul", {}, ...troubles.map((trouble) => make("li", {}, trouble)))];
}

const steps = (rows) => table("Steps", [
  ["step", (s) => s.id],
  ["bundle", (s) => s.bundle],
  ["version", (s) => s.version],
  ["digest", (s) => make("span", { title: s.digest }, short(s.digest)), "code"],
], rows);

function tally(m) {
  const parts = [
    `${plural(m.in, "message")} in`,
    `${m.out.toLocaleString()} to the output`,
    `${m.term.toLocaleString()} ended by a step`,
    `${m.dead.toLocaleString()} dead`,
    `${m.in_flight.toLocaleString()} in flight`,
  ];
  if (m.returned > 0) parts.push(`${m.returned.toLocaleString()} given back`);
  if (m.skipped > 0) parts.push(`${plural(m.skipped, "step")} skipped`);
  return parts.join(", ");
}

function laneState(lane) {
  if (lane.halted) return word(`stopped: ${lane.halted}`, "bad");
  if (lane.failing) return word(`starting again: ${lane.failing}`, "bad");
  return lane.parked > 0 ? "some wait to be tried again" : "flows";
}

function chain(c) {
  const runs = c.generation !== null;
  const tone = c.refused || c.lanes.some((l) => l.halted || l.failing) ? "bad" : "good";
  const count = (of) => (lane) => of(lane).toLocaleString();
  return make("article", { class: `card ${tone}` },
    make("div", { class: "row" },
      make("h3", {}, c.id),
      runs ? word(`generation ${c.generation} runs`, "good") : word("does not run", "bad"),
      runs ? make("span", { class: "faint" }, `${c.input} → ${c.output}`) : null),
    make("p", { class: "faint" }, tally(c.messages)),
    c.steps.length > 0 ? steps(c.steps) : null,
    c.lanes.length > 0 ? table("Lanes, one for each partition of the input", [
      ["partition", (l) => String(l.partition), "number"],
      ["not done yet", count((l) => l.lag), "number"],
      ["in hand", count((l) => l.in_flight), "number"],
      ["wait for a retry", count((l) => l.parked), "number"],
      ["state", laneState],
    ], c.lanes) : null,
    c.refused ? make("div", {},
      make("p", {}, word(`The file ${c.path} as it is now has mistakes:`, "bad")),
      make("pre", { tabindex: "0", "data-key": `chain/${c.id}/report` }, c.refused.report.trimEnd())) : null);
}

function verdict(r) {
  const words = {
    live: r.replaced === null ? `generation ${r.generation} is live`
      : `generation ${r.replaced} → ${r.generation} is live`,
    refused: r.chain === null ? "cannot be used; nothing that runs has changed"
      : r.generation === null ? "refused; the chain does not run"
      : `refused; generation ${r.generation} runs on`,
    removed: `removed; generation ${r.replaced} ended`,
    unchanged: "changes nothing that runs",
  };
  const tones = { live: "good", refused: "bad" };
  return [words[r.verdict] ?? r.verdict, tones[r.verdict] ?? ""];
}

// A receipt without a chain is about files that concern none, or that are too broken to say which.
function about(r) {
  const paths = (r.refused.length > 0 ? r.refused : r.cause).map((file) => file.path);
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  return paths.slice(0, 3).join(", ") + more;
}

// The files whose change led to it; not those that were only looked at, nor all there were at a start.
function causes(r) {
  const words = { added: "is new", changed: "changed", removed: "is gone" };
  const changed = r.chain === null ? [] : r.cause.filter((file) => file.change in words);
  const more = changed.length > 5 ? [`and ${changed.length - 5} more files`] : [];
  return [...changed.slice(0, 5).map((file) => `${file.path} ${words[file.change]}`), ...more];
}

function receipt(r) {
  const [text, tone] = verdict(r);
  const ms = (n) => `${n < 10 ? n.toFixed(1) : n.toFixed(0)} ms`;
  const p = r.phases;
  const place = (w) => (w.line > 0 ? `${w.file}:${w.line}:${w.column}` : w.file);
  const warnings = r.warnings.map((w) => `${place(w)}: ${w.message}${w.hint ? `; ${w.hint}` : ""}`);
  const lines = [...causes(r), ...r.changes, ...r.refused.map((file) => `${file.path}: ${file.reason}`)];
  return make("article", { class: `card ${tone}` },
    make("div", { class: "row" },
      make("h3", {}, `#${r.number} ${r.chain ?? about(r)}`), word(text, tone), time(r.at_ms)),
    lines.length > 0 ? make("ul", {}, ...lines.map((line) => make("li", {}, line))) : null,
    ...warnings.map((line) => make("p", {}, word(`warning: ${line}`, "bad"))),
    r.verdict === "live" ? make("p", { class: "faint" },
      `Read in ${ms(p.read_ms)}, compiled in ${ms(p.compile_ms)}, tested in ${ms(p.test_ms)}, `
      + `swapped in ${ms(p.swap_ms)}${r.replaced === null ? "" : `, the old one ended after ${ms(p.drain_ms)}`}.`) : null,
    r.messages ? make("p", { class: "faint" },
      `${r.drained ? "The old generation in the end" : "The old generation so far"}: ${tally(r.messages)}.`) : null,
    r.report ? make("pre", { tabindex: "0", "data-key": `receipt/${r.number}/report` }, r.report.trimEnd()) : null);
}

function letter(l) {
  const button = (title, does, doing) => make("button", { type: "button", "data-key": `letter/${l.number}/${title}`,
    "aria-label": `${title}: dead letter ${l.number}`, click: () => does(l.number) }, doing);
  const purging = button("Purge", purge, "Purge");
  // The bus cannot give it back.
  if (l.damaged) {
    return make("article", { class: "card bad" },
      make("div", { class: "row" }, make("h3", {}, `#${l.number}`), word("damaged", "bad"), purging),
      make("p", {}, l.damaged));
  }
  const why = [`${l.error.code}: ${l.error.sentence}`, ...l.error.backtrace.map((frame) => `    ${frame}`)];
  const facts = [
    `from ${l.stream}, partition ${l.partition}, message ${l.sequence}`,
    `generation ${l.generation}`,
    l.bundle ? `bundle ${l.bundle.name} ${l.bundle.version}` : null,
    plural(l.attempts, "attempt"),
    l.path.length > 0 ? `went through ${l.path.join(" → ")}` : null,
  ];
  const again = l.replayed ? word(`sent again as message ${l.replayed.sequence}`, "good")
    : button("Send again", replay, "Send again");
  return make("article", { class: "card bad" },
    make("div", { class: "row" },
      make("h3", {}, `#${l.number} ${l.chain}${l.step ? `, step ${l.step}` : ""}`),
      word(l.error.code, "bad"), again, purging, time(l.at_ms)),
    make("p", {}, l.error.sentence),
    fold(`letter/${l.number}`, "More",
      make("p", { class: "faint" }, facts.filter(Boolean).join("; ")),
      make("pre", { tabindex: "0" }, why.join("\n")),
      make("pre", { tabindex: "0" }, JSON.stringify(l.message, null, 2))));
}

const generation = (rows) => table("In memory, oldest first", [
  ["generation", (g) => String(g.generation), "number"],
  ["chain", (g) => g.chain],
  ["state", (g) => (g.current ? word("takes messages", "good") : word("finishes what it has"))],
  ["since", (g) => time(g.since_ms)],
  ["messages", (g) => tally(g.messages)],
], rows);

const shard = (rows) => table("In this process", [
  ["shard", (s) => String(s.shard), "number"],
  ["applied", (s) => s.applied.toLocaleString(), "number"],
  ["not applied yet", (s) => (s.last - s.applied).toLocaleString(), "number"],
  ["state", (s) => (s.fault ? word(`stopped: ${s.fault}`, "bad") : "flows")],
], rows);

// Rows, or a string that says why there are none to be had.
const orNone = (render, none) => (rows) => {
  if (typeof rows === "string") return make("p", {}, word(`This cannot be shown now: ${rows}.`, "bad"));
  return rows.length === 0 ? make("p", { class: "faint" }, none) : render(rows);
};
const each = (render, none) => orNone((rows) => rows.map(render), none);

// ---- doing ----

async function replay(number) {
  if (!confirm(`Send the message of dead letter ${number} through its chain again?`)) return;
  try {
    const { sequence } = await ask(`/v1/dlq/${number}/replay`, "POST");
    $("said").textContent = `Dead letter ${number} was sent again; it is message ${sequence} of its partition.`;
  } catch (error) {
    $("said").textContent = `Dead letter ${number} was not sent again: ${error.message}`;
  }
}

async function purge(number) {
  if (!confirm(`Purge dead letter ${number} and its message, for good?`)) return;
  try {
    await ask(`/v1/dlq/${number}`, "DELETE");
    $("said").textContent = `Dead letter ${number} is gone.`;
  } catch (error) {
    $("said").textContent = `Dead letter ${number} was not purged: ${error.message}`;
  }
  turn();
}

async function look() {
  const status = await ask("/v1/status");
  const letters = `dlq?order=newest&limit=${SHOWN}`;
  const lists = ["chains", `receipts?limit=${SHOWN}`, "generations", "shards", letters];
  const answers = await Promise.allSettled(lists.map((path) => ask(`/v1/${path}`)));
  const refused = answers.find((answer) => answer.reason instanceof Refused);
  if (refused) throw refused.reason;
  // What cannot be had now is a string that says why: the rest is shown all the same.
  return [status, ...answers.map((answer) => answer.value?.items ?? answer.reason.message)];
}

function tell([status, chains, receipts, generations, shards, letters]) {
  $("version").textContent = status.version;
  show("health", status.troubles, health);
  show("chains", chains, each(chain, "There is no chain yet: put a file into the folder of chains."));
  show("receipts", receipts, each(receipt, "Nothing has changed yet."));
  show("letters", letters, each(letter, "None: every message found its way."));
  show("generations", generations, orNone(generation, "None."));
  show("shards", shards, orNone(shard, "None."));
}

function mode(entering) {
  $("enter").hidden = !entering;
  $("node").hidden = entering;
  $("leave").hidden = entering;
  if (entering) $("token").focus();
}

function leave(why) {
  sessionStorage.removeItem(KEY);
  shown.clear();
  for (const id of ["health", "chains", "receipts", "letters", "generations", "shards"]) $(id).replaceChildren();
  $("said").textContent = "";
  $("refused").textContent = why;
  mode(true);
}

let timer = 0;

async function turn() {
  clearTimeout(timer);
  const entered = () => sessionStorage.getItem(KEY) !== null;
  if (!entered()) return;
  try {
    if (!document.hidden) {
      const seen = await look();
      // The token may have been forgotten meanwhile.
      if (!entered()) return;
      tell(seen);
      mode(false);
    }
  } catch (error) {
    if (error instanceof Refused) return leave(error.message);
    if (!entered()) return;
    mode(false);
    show("health", [`The node does not answer: ${error.message}. Trying again.`], health);
  }
  clearTimeout(timer);
  timer = setTimeout(turn, EVERY_MS);
}

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("token").value.trim());
  $("token").value = "";
  $("refused").textContent = "";
  turn();
});
$("leave").addEventListener("click", () => leave(""));
document.addEventListener("visibilitychange", turn);

if (sessionStorage.getItem(KEY)) turn();
else mode(true);
