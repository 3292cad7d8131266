// The values of a pack or a charger: figures, facts and flags; what is stale says so.

import { Children, element, setText } from "./dom.js";
import { anything, duration, number, signalValue, STALE_S, words } from "./format.js";

/** How old the newest value is. */
export function showAge(node, age_s) {
  const isOld = age_s > STALE_S;
  node.classList.toggle("is-old", isOld);
  setText(node, isOld ? `no data for ${duration(age_s)}` : `${number(age_s, 1)} s ago`);
}

const KEPT =
  "The server is sent what it takes to show each value within this bound. The last one that goes there is so old.";

/** `±0.5, kept 12 s ago`. */
export function keptWords({ kept, factor = 1 }) {
  return `±${signalValue(kept.bound * factor)}, kept ${duration(kept.age_s)} ago`;
}

/**
 * A list of names and values (`dl`), of those that are known.
 * rows: { field, label, since, unit, decimals, sign, factor, bar, numbered: field of the cell's number }.
 */
export class Values {
  constructor(root, kind) {
    this.root = root;
    this.kind = kind;
    this.rows = new Children(
      root,
      (row) => this.#make(row),
      (node, row) => this.#update(node, row),
    );
  }

  /** kept: of fields within bounds, what the server has: { bound, age_s }. */
  show(rows, values, isStale, kept = {}) {
    const known = rows.filter((row) => values[row.field] !== undefined);
    const shown = known.map((row) => ({
      ...row,
      value: values[row.field],
      of: values[row.numbered],
      stale: isStale(row.field),
      kept: kept[row.field],
    }));
    this.rows.show(shown, (row) => `${row.field} ${row.since !== undefined} ${row.kept !== undefined}`);
  }

  #make(row) {
    const value = element("span", { class: "reading" });
    const unit = element("span", { class: "unit" });
    const held = element("dd", {}, value, unit);
    const root = element(
      "div",
      { class: this.kind, "data-field": row.field },
      element("dt", { text: row.label ?? words(row.field) }),
      held,
    );
    if (row.since !== undefined) root.append(element("dd", { class: "since" }));
    if (row.kept !== undefined) root.append(element("dd", { class: "kept", title: KEPT }));
    let bar = null;
    if (row.bar) {
      bar = element("i");
      root.append(element("div", { class: "bar", "aria-hidden": "true" }, bar));
    }
    return { root, value, unit, held, bar };
  }

  #update(node, row) {
    const isNumber = typeof row.value === "number" && row.decimals !== undefined;
    setText(
      node.value,
      isNumber ? number(row.value * (row.factor ?? 1), row.decimals, row.sign) : anything(row.value),
    );
    node.held.classList.toggle("is-words", typeof row.value === "string");
    const of = row.of === undefined ? "" : ` #${number(row.of, 0)}`;
    setText(node.unit, `${row.unit ? ` ${row.unit}` : ""}${of}`);
    if (row.since !== undefined) setText(node.root.querySelector(".since"), `since ${row.since}`);
    if (row.kept !== undefined) setText(node.root.querySelector(".kept"), keptWords(row));
    node.held.classList.toggle("is-stale", row.stale);
    if (node.bar) {
      node.bar.style.setProperty("--filled", `${Math.min(Math.max(row.value, 0), 100)}%`);
      node.root.classList.toggle("is-stale-bar", row.stale);
    }
  }
}

/** Flags as words; those that are off are shown only where off is news. rows: { field, on, off }. */
export class Flags {
  constructor() {
    this.root = element("ul", { class: "flags", "aria-label": "state" });
    this.flags = new Children(
      this.root,
      () => element("li"),
      (node, flag) => {
        setText(node, flag.text);
        node.dataset.kind = flag.kind;
        node.classList.toggle("is-stale", flag.stale);
      },
    );
  }

  show(rows, values, isStale) {
    const shown = rows
      .filter((row) => values[row.field] !== undefined && (values[row.field] || row.off))
      .map((row) => ({
        field: row.field,
        text: values[row.field] ? row.on : `⚠ ${row.off}`,
        kind: values[row.field] ? "good" : "warning",
        stale: isStale(row.field),
      }));
    this.flags.show(shown, (flag) => flag.field);
  }
}
