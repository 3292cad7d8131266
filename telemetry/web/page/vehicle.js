// Packs, chargers and meters as cards.

import { Curve } from "./curves.js";
import { element, setText } from "./dom.js";
import { FIELDS } from "./fields.js";
import { moment, STALE_S } from "./format.js";
import { TileMap } from "./tiles.js";
import { Flags, showAge, Values } from "./values.js";

const FIGURES = ["electrical", "charge"]; // the places of what is shown large; flags are words, the others facts

/** The rows of a measurement, by where its fields have their place. */
function rowsOf(measurement) {
  const rows = FIELDS[measurement].map((row) => (row.field === "soc_pct" ? { ...row, bar: true } : row));
  const flags = rows.filter((row) => row.place === "flag");
  const figures = rows.filter((row) => FIGURES.includes(row.place));
  return { figures, flags, facts: rows.filter((row) => !flags.includes(row) && !figures.includes(row)) };
}

const PACK = rowsOf("battery");
const OTHERS = { Charger: rowsOf("charger"), Meter: rowsOf("meter") };
const PLUG = [
  { field: "phase", label: "Phase" },
  { field: "soc_pct", label: "State of charge", unit: "%", decimals: 0, bar: true },
  { field: "power_w", label: "Power", unit: "kW", decimals: 1, factor: 0.001, sign: true },
  { field: "remaining_min", label: "Time left", unit: "min", decimals: 0 },
];
const CURVES = [
  { title: "Voltage", field: "voltage_v", unit: "V", decimals: 1, least: 1 },
  { title: "Current", field: "current_a", unit: "A", decimals: 1, least: 1, zero: true },
  { title: "State of charge", field: "soc_pct", unit: "%", decimals: 1, least: 0.5 },
  { title: "Hottest sensor", field: "temp_max_c", unit: "°C", decimals: 1, least: 1 },
];
const CELLS = {
  title: "Cells",
  noun: "Cell",
  unit: "V",
  decimals: 3,
  least: 0.005,
  differenceUnit: "mV",
  differenceFactor: 1000,
  differenceDecimals: 0,
};
const SENSORS = {
  title: "Temperature sensors",
  noun: "Sensor",
  unit: "°C",
  decimals: 1,
  least: 3,
  differenceUnit: "K",
  differenceFactor: 1,
  differenceDecimals: 1,
};

class Card {
  constructor(title, source) {
    this.age = element("span", { class: "age" });
    this.figures = new Values(element("dl", { class: "figures" }), "figure");
    this.facts = new Values(element("dl", { class: "facts beneath" }), "fact");
    this.root = element(
      "article",
      { class: "card", "aria-label": title },
      element(
        "div",
        { class: "card-head" },
        element("h2", { text: title }),
        element("span", { class: "from", text: `from ${source}` }),
        this.age,
      ),
      this.figures.root,
    );
  }

  /** waited_s: how long ago the service sent this. */
  showValues(values, received, figures, facts, waited_s) {
    const stale = new Set(received.stale);
    this.isStale = (field) => stale.has(field) || waited_s > STALE_S;
    showAge(this.age, received.age_s + waited_s);
    this.figures.show(figures, values, this.isStale, received.kept);
    this.facts.show(facts, values, this.isStale, received.kept);
  }
}

const narrow = matchMedia("(max-width: 30rem)");

/** The rows, and since when what the service itself counts has been counted. */
function withBeginning(rows, counted) {
  if (counted === null) return rows;
  const since = moment(new Date(counted.since_ns / 1e6), new Date());
  return rows.map((row) => (counted.fields.includes(row.field) ? { ...row, since } : row));
}

/** Rows for the fields that have no place of their own. */
function others(values, ...tables) {
  const known = new Set(tables.flat().flatMap((row) => [row.field, row.numbered]));
  return Object.keys(values)
    .filter((field) => !known.has(field))
    .map((field) => ({ field }));
}

export class PackCard extends Card {
  constructor(pack) {
    super(`Pack ${pack.pack}`, pack.source);
    this.flags = new Flags();
    this.curves = CURVES.map((settings) => new Curve(settings));
    this.cells = new TileMap(CELLS);
    this.sensors = new TileMap(SENSORS);
    this.past = element(
      "details",
      { class: "past" },
      element("summary", {}, element("h3", { text: "The past ten minutes" })),
      element("div", { class: "curves" }, ...this.curves.map((curve) => curve.root)),
    );
    this.past.open = !narrow.matches;
    this.root.append(this.flags.root, this.facts.root, this.cells.root, this.sensors.root);
    this.#place();
    narrow.addEventListener("change", () => this.#place());
  }

  /** A small screen has the state first, and the past below it. */
  #place() {
    this.root.insertBefore(this.past, narrow.matches ? null : this.cells.root);
  }

  show(pack, waited_s) {
    const values = pack.battery;
    const { figures, facts, flags } = PACK;
    const all = [...withBeginning(facts, pack.counted), ...others(values, figures, facts, flags)];
    this.showValues(values, pack, figures, all, waited_s);
    this.flags.show(flags, values, this.isStale);
    this.cells.show(pack.cells_v, this.isStale("cells_v"), pack.kept?.cells_v);
    this.sensors.show(pack.temps_c, this.isStale("temps_c"), pack.kept?.temps_c);
  }

  draw(history, now) {
    for (const curve of this.curves) curve.show(history, now);
  }
}

export class ChargerCard extends Card {
  constructor(charger, kind = "Charger") {
    super(`${kind} ${charger.charger}`, charger.source);
    this.shown = OTHERS[kind];
    this.error = element("p", { class: "plug-error" });
    this.root.append(this.facts.root, this.error);
  }

  show(charger, waited_s) {
    const plug = charger.plug ?? null;
    const values = { ...charger.values, ...plug?.values };
    const received = { ...charger, stale: [...charger.stale, ...(plug?.stale ?? [])] };
    const figures = plug ? PLUG : this.shown.figures;
    const large = new Set(figures.map((row) => row.field));
    const rows = [...this.shown.figures, ...this.shown.facts].filter((row) => !large.has(row.field));
    this.showValues(values, received, figures, [...rows, ...others(values, figures, rows)], waited_s);
    const error = plug?.error ?? null;
    this.error.hidden = error === null;
    if (error === null) return;
    const at = moment(new Date(error.time_ns / 1e6), new Date());
    setText(this.error, `Last error, ${at}: ${error.text}`);
  }
}
