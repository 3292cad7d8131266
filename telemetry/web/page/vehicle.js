// Packs, chargers and meters as cards.

import { Curve } from "./curves.js";
import { element, setText } from "./dom.js";
import { moment, STALE_S } from "./format.js";
import { TileMap } from "./tiles.js";
import { Flags, showAge, Values } from "./values.js";

const ELECTRICAL = [
  { field: "voltage_v", label: "Voltage", unit: "V", decimals: 2 },
  { field: "current_a", label: "Current", unit: "A", decimals: 2, sign: true },
  { field: "power_w", label: "Power", unit: "kW", decimals: 2, factor: 0.001, sign: true },
];
const FIGURES = [
  ...ELECTRICAL,
  { field: "soc_pct", label: "State of charge", unit: "%", decimals: 1, bar: true },
];
const FACTS = [
  { field: "soh_pct", label: "State of health", unit: "%", decimals: 1 },
  { field: "remaining_ah", label: "Remaining", unit: "Ah", decimals: 1 },
  { field: "capacity_ah", label: "Capacity", unit: "Ah", decimals: 1 },
  { field: "cell_min_v", label: "Lowest cell", unit: "V", decimals: 3, numbered: "cell_min_index" },
  { field: "cell_max_v", label: "Highest cell", unit: "V", decimals: 3, numbered: "cell_max_index" },
  { field: "cell_delta_v", label: "Cell spread", unit: "mV", decimals: 0, factor: 1000 },
  { field: "temp_min_c", label: "Coldest", unit: "°C", decimals: 1 },
  { field: "temp_max_c", label: "Hottest", unit: "°C", decimals: 1 },
  { field: "temp_switch_c", label: "Switch", unit: "°C", decimals: 1 },
  { field: "temp_balancer_c", label: "Balancer", unit: "°C", decimals: 1 },
  { field: "temp_ambient_c", label: "Ambient", unit: "°C", decimals: 1 },
  { field: "charge_limit_v", label: "Voltage at most", unit: "V", decimals: 1 },
  { field: "charge_limit_a", label: "Charging at most", unit: "A", decimals: 1 },
  { field: "discharge_limit_a", label: "Discharging at most", unit: "A", decimals: 1 },
  { field: "charged_ah", label: "Charge in", unit: "Ah", decimals: 1 },
  { field: "discharged_ah", label: "Charge out", unit: "Ah", decimals: 1 },
  { field: "charged_wh", label: "Energy in", unit: "kWh", decimals: 2, factor: 0.001 },
  { field: "discharged_wh", label: "Energy out", unit: "kWh", decimals: 2, factor: 0.001 },
  { field: "cycles", label: "Cycles", decimals: 0 },
  { field: "insulation_kohm", label: "Insulation", unit: "kΩ", decimals: 0 },
  { field: "protection_word", label: "Protection word", decimals: 0 },
  { field: "balance_word", label: "Balance word", decimals: 0 },
];
const FLAGS = [
  { field: "charging", on: "charging" },
  { field: "discharging", on: "discharging" },
  { field: "balancing", on: "balancing" },
  { field: "charge_enabled", on: "charge on", off: "⚠ charge off" },
  { field: "discharge_enabled", on: "discharge on", off: "⚠ discharge off" },
];
const PLUG = [
  { field: "phase", label: "Phase" },
  { field: "soc_pct", label: "State of charge", unit: "%", decimals: 0, bar: true },
  { field: "power_w", label: "Power", unit: "kW", decimals: 1, factor: 0.001, sign: true },
  { field: "remaining_min", label: "Time left", unit: "min", decimals: 0 },
];
const PLUG_FACTS = ELECTRICAL.filter((row) => row.field !== "power_w");
const CHARGER_FACTS = [
  { field: "requested_voltage_v", label: "Voltage asked for", unit: "V", decimals: 1 },
  { field: "requested_current_a", label: "Current asked for", unit: "A", decimals: 1, sign: true },
  { field: "max_voltage_v", label: "Voltage at most", unit: "V", decimals: 1 },
  { field: "max_current_a", label: "Current at most", unit: "A", decimals: 1 },
  { field: "energy_wh", label: "Energy given", unit: "kWh", decimals: 2, factor: 0.001 },
  { field: "energy_reverse_wh", label: "Energy taken back", unit: "kWh", decimals: 2, factor: 0.001 },
  { field: "temp_c", label: "Temperature", unit: "°C", decimals: 1 },
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
    this.figures.show(figures, values, this.isStale);
    this.facts.show(facts, values, this.isStale);
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
    const facts = [...withBeginning(FACTS, pack.counted), ...others(values, FIGURES, FACTS, FLAGS)];
    this.showValues(values, pack, FIGURES, facts, waited_s);
    this.flags.show(FLAGS, values, this.isStale);
    this.cells.show(pack.cells_v, this.isStale("cells_v"));
    this.sensors.show(pack.temps_c, this.isStale("temps_c"));
  }

  draw(history, now) {
    for (const curve of this.curves) curve.show(history, now);
  }
}

export class ChargerCard extends Card {
  constructor(charger, kind = "Charger") {
    super(`${kind} ${charger.charger}`, charger.source);
    this.error = element("p", { class: "plug-error" });
    this.root.append(this.facts.root, this.error);
  }

  show(charger, waited_s) {
    const plug = charger.plug ?? null;
    const values = { ...charger.values, ...plug?.values };
    const received = { ...charger, stale: [...charger.stale, ...(plug?.stale ?? [])] };
    const figures = plug ? PLUG : ELECTRICAL;
    const known = plug ? [...PLUG_FACTS, ...CHARGER_FACTS] : CHARGER_FACTS;
    this.showValues(values, received, figures, [...known, ...others(values, figures, known)], waited_s);
    const error = plug?.error ?? null;
    this.error.hidden = error === null;
    if (error === null) return;
    const at = moment(new Date(error.time_ns / 1e6), new Date());
    setText(this.error, `Last error, ${at}: ${error.text}`);
  }
}
