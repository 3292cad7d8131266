// The service itself: sources, the three accounts, spool and server, newest events.

import { Children, element, setAttribute, setText } from "./dom.js";
import { bytes, count, duration, number, timeOfDay, words } from "./format.js";

const WELL = ["receiving", "reading", "waiting: the spool is half full", "ended"];
const LEVELS = [
  ["info", "information"],
  ["⚠ warning", "warning"],
  ["✖ critical", "critical"],
];
const MOST_CAPTURES = 4;
const BAD = ["kernel dropped", "lost", "evicted", "damaged", "dead"];
const ENDS = ["acknowledged", "reduced", "evicted", "damaged", "dead"];

const byId = (id) => document.getElementById(id);

export class GatewayView {
  constructor() {
    this.sources = new Children(byId("sources"), makeSource, updateSource);
    this.accounts = ["bus", "frames", "points"].map(
      (name) => new Children(byId(`account-${name}`), makeCount, updateCount),
    );
    this.service = new Children(byId("service"), makeFact, (node, fact) =>
      setText(node.lastChild, fact.text),
    );
    this.events = new Children(byId("events"), makeEvent, () => {});
  }

  show(live) {
    this.sources.show(live.sources, (source) => source.source);
    const [bus, frames, points, missing] = accounts(live);
    [bus, frames, points].forEach((counts, index) =>
      this.accounts[index].show(Object.entries(counts), ([name]) => name),
    );
    const balance = byId("balance");
    setText(
      balance,
      missing === 0
        ? "✓ every point made is accounted for"
        : `⚠ ${count(missing)} points are not accounted for`,
    );
    balance.classList.toggle("is-bad", missing !== 0);
    this.service.show(facts(live), (fact) => fact.name);
    const times = new Map();
    this.events.show(live.events, (event) => {
      const key = JSON.stringify([
        event.time_ns,
        event.code,
        event.source,
        event.pack,
        event.charger,
        event.active,
        event.text,
      ]);
      times.set(key, (times.get(key) ?? 0) + 1);
      return `${key} ${times.get(key)}`;
    });
  }
}

function makeSource(source) {
  const cells = [
    element("td", { role: "cell" }),
    ...["frames/s", "load", "read", "unknown", "lost"].map((label) =>
      element("td", { role: "cell", "data-label": label }),
    ),
  ];
  return element(
    "tr",
    { role: "row" },
    element(
      "th",
      { role: "rowheader", scope: "row" },
      element("span", { text: source.source }),
      element("span", { class: "device" }),
    ),
    ...cells,
  );
}

function updateSource(row, source) {
  const [header, state, rate, load, read, unknown, lost] = row.children;
  setText(header.lastChild, source.device);
  header.classList.toggle("broad", source.device !== "");
  const isConfigured = source.state !== "";
  const isWell = !isConfigured || WELL.includes(source.state);
  const said = isConfigured ? source.state : "no longer configured";
  setText(state, isWell ? said : `⚠ ${said}`);
  state.classList.toggle("is-warning", !isWell);
  setText(rate, number(source.frames_per_s, source.frames_per_s < 100 ? 1 : 0));
  load.hidden = source.bus_load_pct === null;
  setText(load, load.hidden ? "" : `${number(source.bus_load_pct, 1)} %`);
  setText(read, count(source.read));
  setText(unknown, count(source.unknown));
  const reasons = Object.entries(source.lost);
  const sum = reasons.reduce((total, [, each]) => total + each, 0);
  const why = reasons.map(([reason, each]) => `${words(reason)} ${count(each)}`).join(", ");
  setText(lost, sum === 0 ? "0" : `⚠ ${count(sum)}: ${why}`);
  lost.classList.toggle("is-bad", sum !== 0);
  lost.classList.toggle("broad", sum !== 0);
}

/** Counts by name, of each account; and how many points are in none. */
function accounts(live) {
  const sum = (pattern) =>
    Object.entries(live.accounts).reduce(
      (total, [name, each]) => (pattern.test(name) ? total + each : total),
      0,
    );
  const bus = { read: sum(/^bus\/[^/]+\/read$/), "kernel dropped": sum(/^bus\/[^/]+\/kernel_dropped$/) };
  const frames = {
    decoded: sum(/^frames\/[^/]+\/decoded$/),
    absorbed: sum(/^frames\/[^/]+\/absorbed$/),
    "without signals": sum(/^frames\/[^/]+\/without_signals$/),
    unknown: sum(/^frames\/[^/]+\/unknown$/),
    lost: sum(/^frames\/[^/]+\/lost\//),
  };
  frames["in flight"] = bus.read - sum(/^frames\//);
  const points = { made: sum(/^points\/made\//) };
  for (const end of ENDS) points[end] = live.accounts[`points/${end}`] ?? 0;
  points["in memory"] = live.gauges.points_waiting_memory;
  points["on disk"] = live.gauges.points_waiting_disk;
  const ended = Object.entries(points).reduce(
    (total, [name, each]) => (name === "made" ? total : total + each),
    0,
  );
  return [bus, frames, points, points.made - ended];
}

function makeCount([name]) {
  return element("tr", {}, element("th", { scope: "row", text: name }), element("td"));
}

function updateCount(row, [name, value]) {
  const isBad = BAD.includes(name) && value > 0;
  setText(row.lastChild, isBad ? `⚠ ${count(value)}` : count(value));
  row.lastChild.classList.toggle("is-bad", isBad);
}

/** The newest captures: those that go on, and what the black box has of each. */
function captures({ captures: all = [], accounts }) {
  const shown = all.slice(0, MOST_CAPTURES).map(({ id, goes_on, raw_bytes }) => {
    const raw = raw_bytes > 0 ? `, ${bytes(raw_bytes)} of raw frames` : "";
    return `${id}${goes_on ? " goes on" : ""}${raw}`;
  });
  if (all.length > MOST_CAPTURES) shown.push(`and ${all.length - MOST_CAPTURES} more`);
  const over = accounts["triggers/over_per_hour"] ?? 0;
  if (over > 0) shown.push(`${count(over)} were over per_hour`);
  return shown.length > 0 ? [["captures", shown.join("; ")]] : [];
}

function facts(live) {
  const { state, gauges } = live;
  const factor = gauges.bound_factor ?? 1;
  const shown = [
    ["server", `${gauges.sink_held ? "⚠ " : ""}${state.sink}`],
    ["spool", `${gauges.spool_volatile ? "⚠ " : ""}${state.spool}`],
    ["spool size", bytes(gauges.spool_bytes)],
    ["oldest that waits", duration(gauges.spool_oldest_s)],
    ...(factor > 1 ? [["bounds", `multiplied by ${factor}`]] : []),
    ...captures(live),
    ["up for", duration(gauges.uptime_s)],
    ["memory", gauges.memory_bytes === undefined ? "not known" : bytes(gauges.memory_bytes)],
    ["processor", `${number((100 * gauges.cpu_s) / Math.max(gauges.uptime_s, 1), 1)} %`],
  ];
  return shown.map(([name, text]) => ({ name, text }));
}

function makeFact({ name }) {
  const isBroad = ["server", "spool", "captures"].includes(name);
  return element(
    "div",
    { class: isBroad ? "fact broad" : "fact" },
    element("dt", { text: name }),
    element("dd"),
  );
}

function makeEvent(event) {
  const date = new Date(event.time_ns / 1e6);
  const [label, level] = event.active ? (LEVELS[event.level] ?? LEVELS[0]) : ["✓ over", "over"];
  const about = [
    event.source,
    event.pack && `pack ${event.pack}`,
    event.charger && `charger ${event.charger}`,
    event.capture && `capture ${event.capture}`,
  ]
    .filter(Boolean)
    .join(", ");
  const time = element("time", {
    datetime: date.toISOString(),
    title: date.toLocaleString(),
    text: timeOfDay(date),
  });
  const what = element(
    "span",
    { class: "what" },
    element("span", { class: "level", text: label }),
    ` ${words(event.code)} `,
    element("span", { class: "about", text: about }),
  );
  const made = element("li", {}, time, what);
  setAttribute(made, "data-level", level);
  if (event.text) made.append(element("span", { class: "text", text: event.text }));
  return made;
}
