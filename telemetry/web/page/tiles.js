// Cells or sensors as a heat map: number and value of each, the lowest and the highest marked.

import { Children, element, setAttribute, setText } from "./dom.js";
import { number } from "./format.js";
import { keptWords } from "./values.js";

const STRONGEST_PCT = 56;

export class TileMap {
  /** least: how far from the median a value must be, at least, for the strongest colour. */
  constructor({ title, noun, unit, decimals, least, differenceUnit, differenceFactor, differenceDecimals }) {
    Object.assign(this, {
      noun,
      unit,
      decimals,
      least,
      differenceUnit,
      differenceFactor,
      differenceDecimals,
      chosen: null,
    });
    this.summary = element("span");
    this.low = element("span");
    this.high = element("span");
    this.list = element("ol", {
      class: "tiles",
      tabindex: "0",
      "aria-label": `${title}; arrow keys choose one`,
    });
    this.readout = element("p", { class: "readout", "aria-live": "polite" });
    this.root = element(
      "section",
      { class: "map", "aria-label": title },
      element(
        "div",
        { class: "map-head" },
        element("h3", {}, `${title} `, this.summary),
        element(
          "span",
          { class: "legend" },
          this.low,
          element("span", { class: "scale", "aria-hidden": "true" }),
          this.high,
        ),
      ),
      this.list,
      this.readout,
    );
    this.tiles = new Children(
      this.list,
      (item) => this.#make(item),
      (tile, item) => this.#update(tile, item),
    );
    this.list.addEventListener("pointerover", (event) => this.#choose(event.target.closest(".tile")));
    this.list.addEventListener(
      "pointerleave",
      () => document.activeElement !== this.list && this.#choose(null),
    );
    this.list.addEventListener("click", (event) => this.#choose(event.target.closest(".tile")));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("blur", () => this.#choose(null));
  }

  /** values: from the first on; null where one is not known; kept: as of `Values`, of the oldest. */
  show(values, isOld, kept) {
    this.values = values;
    this.root.hidden = values.length === 0;
    const known = values.filter((value) => value !== null).sort((one, other) => one - other);
    if (known.length === 0) return;
    this.lowest = known[0];
    this.highest = known.at(-1);
    // An end that more than a quarter share, as coarse sensors do, says nothing: it is not marked.
    const most = Math.max(2, Math.floor(known.length / 4));
    this.ends = new Map();
    if (known[most] !== this.lowest) this.ends.set(this.lowest, "lowest");
    if (known.at(-1 - most) !== this.highest) this.ends.set(this.highest, "highest");
    if (this.lowest === this.highest) this.ends.clear();
    this.median = known[Math.floor(known.length / 2)];
    this.reach = Math.max(this.highest - this.median, this.median - this.lowest, this.least);
    this.root.classList.toggle("is-old", isOld);
    const difference = (this.highest - this.lowest) * this.differenceFactor;
    const spread = number(Number(difference.toPrecision(9)), this.differenceDecimals); // 23.5, not 23.49999
    setText(
      this.summary,
      `${values.length}, spread ${spread} ${this.differenceUnit}${isOld ? " (old)" : ""}` +
        (kept ? `, each ${keptWords({ kept })}` : ""),
    );
    setText(this.low, `▼ ${number(this.lowest, this.decimals)}`);
    setText(this.high, `▲ ${number(this.highest, this.decimals)} ${this.unit}`);
    this.tiles.show(
      values.map((value, index) => ({ value, index })),
      (item) => item.index,
    );
    this.#read();
  }

  #make({ index }) {
    const tile = element("li", { class: "tile", "data-index": index });
    tile.append(element("span", { class: "number", text: index + 1 }), element("span", { class: "value" }));
    return tile;
  }

  #update(tile, { value, index }) {
    setText(tile.lastChild, value === null ? "–" : number(value, this.decimals));
    tile.classList.toggle("is-unknown", value === null);
    tile.classList.toggle("is-chosen", index === this.chosen);
    const share = value === null ? 0 : (value - this.median) / this.reach;
    tile.style.setProperty("--hue", `var(--${share < 0 ? "low" : "high"})`);
    tile.style.setProperty("--share", `${Math.round(Math.abs(share) * STRONGEST_PCT)}%`);
    setAttribute(tile, "data-end", this.ends.get(value) ?? null);
  }

  #choose(tile) {
    this.chosen = tile ? Number(tile.dataset.index) : null;
    for (const each of this.list.children) each.classList.toggle("is-chosen", each === tile);
    this.#read();
  }

  #key(event) {
    const columns = getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const wanted = this.chosen === null ? 0 : this.chosen + step;
    this.#choose(this.list.children[Math.min(Math.max(wanted, 0), this.values.length - 1)]);
  }

  #read() {
    const value = this.chosen === null ? undefined : this.values[this.chosen];
    if (value === undefined) {
      setText(this.readout, "");
      return;
    }
    const name = `${this.noun} ${this.chosen + 1}`;
    if (value === null) {
      setText(this.readout, `${name}: not known`);
      return;
    }
    const off = (value - this.median) * this.differenceFactor;
    const amount = number(Math.abs(off), this.differenceDecimals);
    const where = /[1-9]/.test(amount)
      ? `${amount} ${this.differenceUnit} ${off < 0 ? "below" : "above"} the median`
      : "at the median";
    const end =
      { lowest: ", the lowest", highest: ", the highest" }[this.list.children[this.chosen]?.dataset.end] ??
      "";
    setText(this.readout, `${name}: ${number(value, this.decimals)} ${this.unit}, ${where}${end}`);
  }
}
