// One value over the past ten minutes, as a line.

import { element, setAttribute, setText } from "./dom.js";
import { duration, number, STALE_S } from "./format.js";

const WIDTH = 600;
const HEIGHT = 100;
const GAP_MS = 5000; // a longer pause between samples is no line
const STEPS = 60; // of the arrow keys, over the whole curve
const SPANS_MS = [60_000, 120_000, 300_000, 600_000]; // what the curves show: as much as is known

export class Curve {
  constructor({ title, field, unit, decimals, least, zero = false }) {
    Object.assign(this, { title, field, unit, decimals, least, zero, cursor: null });
    this.reading = element("b");
    this.path = element("path");
    this.zeroLine = element("line", { x1: 0, x2: WIDTH, hidden: "" });
    this.cursorLine = element("line", { class: "cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
    const svg = element(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      this.zeroLine,
      this.path,
      this.cursorLine,
    );
    this.from = element("span");
    this.top = element("span", { class: "tick top" });
    this.bottom = element("span", { class: "tick bottom" });
    this.plot = element(
      "div",
      {
        class: "plot",
        role: "slider",
        tabindex: "0",
        "aria-label": `${title} over the past minutes`,
        "aria-valuemin": 0,
        "aria-valuemax": STEPS,
      },
      svg,
      this.top,
      this.bottom,
    );
    const plot = this.plot;
    plot.addEventListener("pointermove", (event) => {
      this.#point((event.clientX - plot.getBoundingClientRect().left) / plot.clientWidth);
    });
    plot.addEventListener("pointerleave", () => this.#point(null));
    plot.addEventListener("keydown", (event) => this.#key(event));
    plot.addEventListener("blur", () => this.#point(null));
    this.root = element(
      "figure",
      { class: "curve" },
      element("figcaption", {}, element("span", { text: title }), this.reading),
      plot,
      element("div", { class: "times", "aria-hidden": "true" }, this.from, element("span", { text: "now" })),
    );
  }

  show(history, now) {
    this.history = history;
    this.now = now;
    const values = history.values[this.field];
    const known = values.filter((value) => value !== null);
    this.root.hidden = known.length === 0;
    if (known.length === 0) return;
    const age = now - history.times[0];
    this.span = SPANS_MS.find((span) => span >= age) ?? SPANS_MS.at(-1);
    setText(this.from, `${duration(this.span / 1000)} ago`);
    const [low, high] = this.#range(known);
    const y = (value) => HEIGHT - ((value - low) / (high - low)) * HEIGHT;
    let path = "";
    let before = -Infinity;
    history.times.forEach((time, index) => {
      const value = values[index];
      if (value === null) {
        before = -Infinity;
        return;
      }
      if (now - time > this.span) return;
      const x = WIDTH * (1 - (now - time) / this.span);
      path += `${time - before > GAP_MS ? "M" : "L"}${x.toFixed(1)} ${y(value).toFixed(2)}`;
      if (before === -Infinity) path += "h0.01";
      before = time;
    });
    setAttribute(this.path, "d", path);
    const hasZero = this.zero && low < 0 && high > 0;
    for (const end of ["y1", "y2"]) setAttribute(this.zeroLine, end, hasZero ? y(0).toFixed(2) : "-10");
    setText(this.top, number(high, this.decimals));
    setText(this.bottom, number(low, this.decimals));
    this.#read();
  }

  /** The range of the scale: what there is, and never so little that noise looks like a storm. */
  #range(known) {
    let low = Math.min(...known);
    let high = Math.max(...known);
    const missing = this.least - (high - low);
    if (missing > 0) [low, high] = [low - missing / 2, high + missing / 2];
    const margin = (high - low) * 0.08;
    return [low - margin, high + margin];
  }

  /** Arrow keys step through the past, Home is its beginning, End and Escape the present. */
  #key(event) {
    const now = Math.round((this.cursor ?? 1) * STEPS);
    const wanted = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: STEPS, Escape: STEPS }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    this.#point(wanted >= STEPS ? null : Math.max(wanted, 0) / STEPS);
  }

  #point(share) {
    this.cursor = share;
    setAttribute(this.cursorLine, "visibility", share === null ? "hidden" : "visible");
    if (share !== null) {
      for (const end of ["x1", "x2"]) setAttribute(this.cursorLine, end, (share * WIDTH).toFixed(1));
    }
    this.#read();
  }

  #read() {
    if (!this.history) return;
    const { times } = this.history;
    const values = this.history.values[this.field];
    let index = values.length - 1;
    if (this.cursor !== null) {
      const wanted = this.now - (1 - this.cursor) * this.span;
      index = times.reduce(
        (best, time, each) => (Math.abs(time - wanted) < Math.abs(times[best] - wanted) ? each : best),
        index,
      );
    }
    const value = values[index];
    const age_s = (this.now - times[index]) / 1000;
    const when = this.cursor === null && age_s <= STALE_S ? "" : ` ${duration(age_s)} ago`;
    const reading = value === null ? `not known${when}` : `${number(value, this.decimals)} ${this.unit}${when}`;
    setText(this.reading, reading);
    setAttribute(this.plot, "aria-valuenow", `${Math.round((this.cursor ?? 1) * STEPS)}`);
    setAttribute(this.plot, "aria-valuetext", reading);
  }
}
