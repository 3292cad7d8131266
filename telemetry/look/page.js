// The ids of a log, each of which unfolds into its bytes over time. What a bus said becomes text nodes alone.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = 96; // of a heat map over time; where frames were left out a third of it
const SHOWN_ROWS = 15; // frames around the cursor
const UNITS = { voltage: "V", current: "A", temperature: "°C", charge: "%" };
const SHORT = { multiplexer: "pages", transfer: "transport", charge: "charge %" };
const PLOTTED = ["voltage", "current", "temperature", "charge", "number"];
const PLAIN = ["constant", "changes"]; // what says nothing more than the bits do
const byId = (id) => document.getElementById(id);

/** A new element. properties: attributes, or `text`. */
function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") made.textContent = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A drawing of paths [class, d], which are made of numbers, and stretched over its place. */
function drawing(width, height, paths) {
  const holder = document.createElement("template");
  const drawn = paths.map(([kind, d]) => `<path class="${kind}" d="${d}"></path>`).join("");
  const box = `viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true"`;
  holder.innerHTML = `<svg ${box}>${drawn}</svg>`;
  return holder.content.firstChild;
}

const hex = (byte) => byte.toString(16).toUpperCase().padStart(2, "0");
const count = (number) => number.toLocaleString("en");
const short = (number, digits = 4) => `${Number(number.toPrecision(digits))}`;
const seconds = (t) => `${t.toFixed(t >= 1000 ? 1 : 3)} s`;
const milliseconds = (ms) => (ms >= 1000 ? `${short(ms / 1000, 3)} s` : `${short(ms, 3)} ms`);

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** The colour of a share of frames in which a bit flips: 0 never, 1 from 1 of 64 on, 8 all. */
function levelOf(share) {
  return share === 0 ? 0 : Math.max(1, Math.min(8, 8 + Math.round((Math.log2(share) * 7) / 6)));
}

/** The bits of a number, its lowest first, as DBC counts them: start of Motorola is the highest one. */
function placesOf({ start, bits, isLittle }) {
  const places = [];
  for (let at = start; places.length < bits; ) {
    places.push(at);
    if (isLittle) at += 1;
    else at += at % 8 ? -1 : 15;
  }
  return isLittle ? places : places.reverse();
}

function fieldOf({ place, factor, offset }) {
  const isPart = place.bit_count < 8 * place.byte_count;
  const isLittle = isPart || place.is_little_endian;
  const start = 8 * place.byte + (isPart ? place.shift : isLittle ? 0 : 7);
  return { start, bits: place.bit_count, isLittle, isSigned: place.is_signed, factor, offset };
}

/** The frames of an id that the page has. */
class Frames {
  constructor(entry) {
    this.width = entry.longest;
    this.rows = bytesOf(entry.rows);
    this.lengths = bytesOf(entry.lengths);
    const ticks = bytesOf(entry.ticks);
    const view = new DataView(ticks.buffer);
    this.times = Float64Array.from({ length: ticks.length / 4 }, (_, at) => view.getUint32(4 * at, true) * data.tick_s);
    this.begins = new Uint8Array(this.times.length); // 1: did not come right after the one before
    for (const at of [0, ...entry.gaps]) this.begins[at] = 1;
    this.isSample = entry.gaps.length > 0;
  }

  get count() {
    return this.times.length;
  }

  byte(row, at) {
    return at < this.lengths[row] ? this.rows[row * this.width + at] : null;
  }

  row(at) {
    return this.rows.subarray(at * this.width, at * this.width + this.lengths[at]);
  }

  /** The value of a field in a frame; null where it is too short. */
  value(row, field, places) {
    let raw = 0;
    for (let bit = 0; bit < places.length; bit += 1) {
      const byte = this.byte(row, places[bit] >> 3);
      if (byte === null) return null;
      if ((byte >> (places[bit] & 7)) & 1) raw += 2 ** bit;
    }
    if (field.isSigned && raw >= 2 ** (places.length - 1)) raw -= 2 ** places.length;
    return raw * field.factor + field.offset;
  }

  /** How often each bit flips, in columns of time: [flips of column and bit, pairs of column and byte]. */
  flips(chosen, columns, from, to) {
    const flips = new Uint32Array(columns * this.width * 8);
    const pairs = new Uint32Array(columns * this.width);
    for (let at = 1; at < chosen.length; at += 1) {
      const [before, row] = [chosen[at - 1], chosen[at]];
      const t = this.times[row];
      if (t < from || t > to || this.isCut(before, row)) continue;
      const column = Math.min(columns - 1, Math.floor(((t - from) / (to - from || 1)) * columns));
      const least = Math.min(this.lengths[before], this.lengths[row]);
      for (let byte = 0; byte < least; byte += 1) {
        const cell = column * this.width + byte;
        pairs[cell] += 1;
        let changed = this.rows[before * this.width + byte] ^ this.rows[row * this.width + byte];
        for (; changed; changed &= changed - 1) flips[8 * cell + 31 - Math.clz32(changed & -changed)] += 1;
      }
    }
    return [flips, pairs];
  }

  /** Whether frames were left out between two. */
  isCut(before, row) {
    for (let at = before + 1; at <= row; at += 1) if (this.begins[at]) return true;
    return false;
  }
}

/** One path a level, of cells [x, y, level] of a size. */
function heat(cells, width, height) {
  const levels = Array.from({ length: 9 }, () => "");
  for (const [x, y, level] of cells) levels[level] += `M${x} ${y}h${width}v${height}h-${width}z`;
  return levels.map((d, level) => [`l${level}`, d]).filter(([, d]) => d);
}

class Entry {
  constructor(entry, number) {
    Object.assign(this, entry, { number });
    this.frameData = new Frames(entry);
    const all = Array.from({ length: this.frameData.count }, (_, at) => at);
    [this.flips, this.pairs] = this.frameData.flips(all, 1, 0, Infinity);
    const moved = this.flips.reduce((sum, flips, bit) => sum + (flips ? flips / this.pairs[bit >> 3] : 0), 0);
    this.changes = moved / Math.max(1, this.flips.length);
    this.kinds = [...new Set(this.findings.map((one) => one.kind))];
    const words = this.findings.flatMap((one) => [one.kind, one.words]);
    this.words = [this.id, this.known, this.channel, ...words].join("\n").toLowerCase();
    this.root = make("details", { id: `id-${number}` }, this.#summary());
    this.root.addEventListener("toggle", () => {
      if (this.root.open) (this.inside ??= new Inside(this)).show();
    });
  }

  #summary() {
    const period = this.period_ms === null ? "" : `${milliseconds(this.period_ms)} ± ${milliseconds(this.jitter_ms)}`;
    const length = this.shortest === this.longest ? `${this.longest}` : `${this.shortest}–${this.longest}`;
    const name = make("span", { class: "name", text: this.known });
    if (channels.length > 1) name.append(make("small", { text: this.channel }));
    const finger = make("span", { class: "finger", title: "flips of each bit, byte by byte, the highest bit first" });
    if (this.longest) finger.append(this.#finger());
    const kinds = this.kinds.filter((kind) => !PLAIN.includes(kind));
    const tags = kinds.map((kind) => make("span", { class: `tag ${kind}`, text: SHORT[kind] ?? kind }));
    return make(
      "summary",
      {},
      make("span", { class: "id", text: this.id }),
      name,
      make("span", { class: "number", text: count(this.frames), title: "frames in the log" }),
      make("span", { class: "number", text: period, title: "median period, and the median distance from it" }),
      make("span", { class: "number length", text: length, title: "bytes" }),
      finger,
      make("span", { class: "tags" }, ...tags),
    );
  }

  #finger() {
    const cells = [];
    let cuts = "";
    for (let byte = 0; byte < this.longest; byte += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const share = this.flips[8 * byte + bit] / (this.pairs[byte] || 1);
        cells.push([8 * byte + 7 - bit, 0, levelOf(share)]);
      }
      if (byte && this.longest <= 16) cuts += `M${8 * byte} 0v1`;
    }
    const drawn = drawing(8 * this.longest, 1, [...heat(cells, 1, 1), ["cut", cuts]]);
    drawn.style.inlineSize = `${Math.min(100, (100 * this.longest) / 8)}%`;
    return drawn;
  }

  /** Whether a text is in its words, or bytes or ASCII in its frames. */
  holds(text) {
    if (!text || this.words.includes(text.toLowerCase())) return true;
    this.letters ??= Array.from({ length: this.frameData.count }, (_, at) =>
      String.fromCharCode(...this.frameData.row(at)),
    ).join("\n");
    const bytes = /^[0-9a-f]{2}( [0-9a-f]{2})+$/i.test(text)
      ? String.fromCharCode(...text.split(" ").map((each) => parseInt(each, 16)))
      : text;
    return bytes.length > 1 && this.letters.includes(bytes);
  }
}

/** A plot of a field over time, beside others that have the same time and cursor. */
class Plot {
  constructor(inside, kind = "") {
    this.inside = inside;
    this.top = make("span", { class: "range top" });
    this.bottom = make("span", { class: "range bottom" });
    this.cursor = make("span", { class: "cursor" });
    this.canvas = make("div");
    this.root = make("div", { class: `plot ${kind}` }, this.canvas, this.top, this.bottom, this.cursor);
    this.root.addEventListener("pointermove", (event) => inside.point(this.#time(event)));
    this.root.addEventListener("pointerdown", (event) => this.#drag(event));
    this.root.addEventListener("dblclick", () => inside.zoom(inside.first, inside.last));
  }

  #time(event) {
    const box = this.root.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    return this.inside.from + share * (this.inside.to - this.inside.from);
  }

  #drag(event) {
    if (event.pointerType === "touch" || event.button) return;
    const begun = this.#time(event);
    const mark = make("span", { class: "drag" });
    this.root.append(mark);
    this.root.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const [left, right] = [begun, this.#time(moved)].sort((a, b) => a - b).map((t) => this.inside.share(t));
      Object.assign(mark.style, { insetInlineStart: `${left}%`, inlineSize: `${right - left}%` });
    };
    const end = (ended) => {
      this.root.removeEventListener("pointermove", move);
      mark.remove();
      const [left, right] = [begun, this.#time(ended)].sort((a, b) => a - b);
      if (this.inside.share(right) - this.inside.share(left) > 1) this.inside.zoom(left, right);
    };
    this.root.addEventListener("pointermove", move);
    this.root.addEventListener("pointerup", end, { once: true });
  }

  mark(share) {
    this.cursor.hidden = !(share >= 0 && share <= 100);
    this.cursor.style.insetInlineStart = `${share}%`;
  }

  /** Draw the values of a field: a step from frame to frame, a faint one where frames were left out. */
  line(field, unit = "", pages = []) {
    const { frames, from, to } = this.inside;
    const places = placesOf(field);
    const points = [];
    let [low, high] = [Infinity, -Infinity];
    for (const row of this.inside.rowsInView(pages)) {
      const value = frames.value(row, field, places);
      points.push([frames.times[row], value, row]);
      if (value === null || frames.times[row] < from || frames.times[row] > to) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    this.top.textContent = high < low ? "no value" : `${short(high, 6)} ${unit}`;
    this.bottom.textContent = high > low ? `${short(low, 6)} ${unit}` : "";
    const span = high - low || 1;
    const x = (t) => (((t - from) / (to - from || 1)) * 1000).toFixed(1);
    const y = (value) => (high > low ? 94 - ((value - low) / span) * 88 : 50).toFixed(1);
    let [line, leap] = ["", ""];
    let before = null;
    for (const [t, value, row] of points) {
      if (value === null) {
        before = null;
        continue;
      }
      const isOn = before !== null && !frames.isCut(before[2], row);
      if (isOn) line += `H${x(t)}V${y(value)}`;
      else {
        if (before !== null) leap += `M${x(before[0])} ${y(before[1])}L${x(t)} ${y(value)}`;
        line += `M${x(t)} ${y(value)}h.1`;
      }
      before = [t, value, row];
    }
    this.canvas.replaceChildren(drawing(1000, 100, [["grid", "M0 50H1000"], ["leap", leap], ["line", line]]));
    return [low, high];
  }

  /** Draw how often the bits of a byte flip over time, the highest on top. */
  heat(byte, columns, flips, pairs) {
    const { width } = this.inside.frames;
    const cells = [];
    for (let column = 0; column < columns; column += 1) {
      const cell = column * width + byte;
      for (let bit = 0; pairs[cell] && bit < 8; bit += 1) {
        cells.push([column, 7 - bit, levelOf(flips[8 * cell + bit] / pairs[cell])]);
      }
    }
    this.canvas.replaceChildren(drawing(columns, 8, heat(cells, 1.03, 0.92)));
  }
}

/** What an id unfolds into. */
class Inside {
  constructor(entry) {
    this.entry = entry;
    this.frames = entry.frameData;
    this.first = this.frames.times.reduce((least, t) => Math.min(least, t));
    this.last = this.frames.times.reduce((most, t) => Math.max(most, t));
    [this.from, this.to] = [this.first, this.last];
    this.at = 0;
    this.page = null;
    const pages = entry.findings.find((one) => one.kind === "multiplexer" && one.place);
    this.selector = pages && fieldOf(pages);
    this.field = { start: 0, bits: Math.min(8, 8 * this.frames.width), isLittle: true, isSigned: false, factor: 1, offset: 0 };
    const guessed = entry.findings.find((one) => PLOTTED.includes(one.kind) && one.place);
    if (guessed) this.field = fieldOf(guessed);
    this.root = make("div", { class: "inside", tabindex: "0", role: "group", "aria-label": `Frames of ${entry.id}: arrow keys go from one to the next` });
    entry.root.append(this.root);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.plots = [];
    if (this.frames.width) this.#build();
    else this.root.append(make("p", { text: "Its frames carry no bytes." }));
  }

  #plot(kind) {
    const plot = new Plot(this, kind);
    this.plots.push(plot);
    return plot;
  }

  #build() {
    this.readout = make("span", { class: "at", "aria-live": "off" });
    const button = (text, label, act) => {
      const made = make("button", { type: "button", text, title: label, "aria-label": label });
      made.addEventListener("click", act);
      return made;
    };
    this.player = button("▶ play", "play the frames (p)", () => this.play());
    this.bar = make("div", { class: "bar" }, this.player);
    this.bar.append(
      button("−", "wider (−)", () => this.#scale(2)),
      button("+", "closer (+)", () => this.#scale(0.5)),
      button("all", "the whole time (0)", () => this.zoom(this.first, this.last)),
      ...this.#pages(),
      this.readout,
    );
    this.strips = Array.from({ length: this.frames.width }, (_, byte) => this.#strip(byte));
    const axis = () => make("div", { class: "axis" }, make("span"), make("span"), make("span"));
    this.axes = [axis(), axis()];
    this.stripGrid = make("div", { class: "strips" }, ...this.strips.flatMap((one) => one.parts), make("div"), ...this.axes);
    this.dump = make("pre", { tabindex: "-1" });
    this.windows = this.entry.findings.filter((one) => PLOTTED.includes(one.kind) && one.place).map((one) => this.#window(one));
    const frames = make("section", {}, make("h3", { text: "Frames around the cursor" }), this.dump);
    this.root.append(
      this.bar,
      make("div", { class: "two" }, make("section", {}, make("h3", { text: "Bits" }), make("div", { class: "table" }, this.#bits())), frames),
      make("section", {}, make("h3", { text: "Bytes over time, and their bits that flip" }), this.stripGrid),
    );
    if (this.windows.length) {
      const figures = make("div", { class: "windows" }, ...this.windows.map((one) => one.root));
      this.root.append(make("section", {}, make("h3", { text: "Numbers, and what they move like" }), figures));
    }
    const whole = this.entry.findings.filter((one) => !one.place && one.words);
    for (const one of whole) this.root.prepend(make("p", {}, make("b", { text: one.kind }), ` ${one.words}`));
    this.root.append(this.#explorer());
  }

  #pages() {
    if (!this.selector) return [];
    const places = placesOf(this.selector);
    const values = new Set(Array.from({ length: this.frames.count }, (_, row) => this.frames.value(row, this.selector, places)));
    values.delete(null);
    const choice = make("select", { "aria-label": "page of the multiplexer" }, make("option", { value: "", text: "all pages" }));
    for (const value of [...values].sort((a, b) => a - b)) choice.append(make("option", { value, text: `page ${value}` }));
    choice.addEventListener("change", () => {
      this.page = choice.value === "" ? null : Number(choice.value);
      this.draw();
    });
    return [choice];
  }

  /** The findings of which a byte is a part. */
  #of(byte) {
    return this.entry.findings.filter(({ place }) => place && place.byte <= byte && byte < place.byte + place.byte_count);
  }

  #strip(byte) {
    const kinds = [...new Set(this.#of(byte).map((one) => SHORT[one.kind] ?? one.kind))].join(", ");
    const label = make("div", { class: "label" }, make("b", { text: `byte ${byte}` }), " ", make("small", { text: kinds }));
    const first = this.frames.byte(0, byte);
    const isFlat = this.frames.times.every((_, row) => this.frames.byte(row, byte) === first);
    const [line, map] = [this.#plot(isFlat ? "flat" : ""), this.#plot(isFlat ? "flat" : "")];
    return { parts: [label, line.root, map.root], line, map };
  }

  #window(finding) {
    const field = fieldOf(finding);
    const unit = UNITS[finding.kind] ?? "";
    const value = make("span", { class: "value" });
    const plot = this.#plot("tall");
    const last = finding.place.byte + finding.place.byte_count - 1;
    const bytes = last === finding.place.byte ? `byte ${last}` : `bytes ${finding.place.byte}–${last}, ${field.isLittle ? "little-endian" : "big-endian"}`;
    const caption = make("figcaption", {}, make("b", { text: finding.kind }), make("span", { class: "faint", text: bytes }), value, make("span", { class: "why", text: finding.words }));
    return { root: make("figure", {}, caption, plot.root), plot, field, unit, value, pages: finding.pages };
  }

  #bits() {
    const head = ["byte", "7", "6", "5", "4", "3", "2", "1", "0", "hex", "dec", "range", "is"];
    const row = make("tr", {}, ...head.map((text) => make("th", { scope: "col", text, ...(text === "range" && { class: "wide" }) })));
    this.cells = [];
    const body = make("tbody");
    for (let byte = 0; byte < this.frames.width; byte += 1) {
      const bits = Array.from({ length: 8 }, (_, at) => make("td", { class: "bit", "data-bit": 8 * byte + 7 - at }));
      const [inHex, decimal, range] = [make("td", { class: "hex" }), make("td", { class: "number" }), make("td", { class: "wide faint" })];
      const what = this.#of(byte).map((one) => (one.place.byte < byte ? "↑" : one.words && one.kind !== "number" ? `${one.kind}: ${one.words}` : one.kind));
      body.append(make("tr", {}, make("th", { scope: "row", text: byte }), ...bits, inHex, decimal, range, make("td", { class: "what", text: what.join("; ") })));
      this.cells.push({ bits: bits.reverse(), inHex, decimal, range });
    }
    const bitOf = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest?.("[data-bit]")?.dataset.bit;
    body.addEventListener("pointerdown", (event) => {
      const begun = bitOf(event);
      if (begun === undefined) return;
      const end = (ended) => this.#choose(Number(begun), Number(bitOf(ended) ?? begun));
      body.addEventListener("pointerup", end, { once: true });
    });
    return make("table", { class: "bits" }, make("thead", {}, row), body);
  }

  /** Take the bits from one to another: upwards they are little-endian, as are those of one byte. */
  #choose(from, to) {
    const order = (bit) => 8 * (bit >> 3) + 7 - (bit & 7);
    const isLittle = order(to) < order(from) || from >> 3 === to >> 3;
    const [first, last] = order(from) < order(to) ? [from, to] : [to, from];
    if (from >> 3 === to >> 3) this.#explore({ start: last, bits: first - last + 1, isLittle });
    else if (isLittle) this.#explore({ start: 8 * (first >> 3), bits: 8 * ((last >> 3) - (first >> 3) + 1), isLittle });
    else this.#explore({ start: first, bits: order(last) - order(first) + 1, isLittle });
  }

  #explore(change) {
    this.field = { ...this.field, ...change };
    this.draw();
  }

  #explorer() {
    const input = (label, key, properties) => {
      const made = make("input", { type: "number", step: "any", ...properties });
      made.addEventListener("input", () => {
        if (made.value !== "" && made.checkValidity()) this.#explore({ [key]: Number(made.value) });
      });
      this.inputs[key] = made;
      return make("label", { text: label }, made);
    };
    this.inputs = {};
    const most = 8 * this.frames.width;
    const order = make("select", {}, make("option", { value: "1", text: "little-endian" }), make("option", { value: "0", text: "big-endian" }));
    order.addEventListener("change", () => {
      const [byte, isLittle] = [this.field.start >> 3, order.value === "1"];
      this.#explore({ isLittle, ...(this.field.bits % 8 === 0 && { start: 8 * byte + (isLittle ? 0 : 7) }) });
    });
    const signed = make("input", { type: "checkbox" });
    signed.addEventListener("change", () => this.#explore({ isSigned: signed.checked }));
    Object.assign(this.inputs, { order, signed });
    const form = make(
      "form",
      {},
      input("first bit", "start", { min: 0, max: most - 1, step: 1 }),
      input("bits", "bits", { min: 1, max: Math.min(52, most), step: 1 }),
      make("label", { text: "order" }, order),
      make("label", { class: "check" }, signed, " signed"),
      input("factor", "factor", {}),
      input("offset", "offset", {}),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    this.explored = this.#plot("tall");
    this.value = make("span", { class: "value" });
    this.words = make("code", { class: "hex" });
    const caption = make("figcaption", {}, make("span", { class: "faint", text: "Drag over bits, upwards for little-endian, or type; the line below goes into a DBC." }), this.value);
    return make("section", { class: "explore" }, make("h3", { text: "Any number" }), form, make("figure", {}, caption, this.explored.root), this.words);
  }

  /** Those of some frames that have one of these pages; all without any page. */
  of(pages, rows) {
    if (!this.selector || !pages.length) return rows;
    const places = placesOf(this.selector);
    return rows.filter((row) => pages.includes(this.frames.value(row, this.selector, places)));
  }

  /** The frames in view, and one at each side. */
  rowsInView(pages) {
    const { times } = this.frames;
    const rows = this.of(pages, this.rows);
    const first = rows.findIndex((row) => times[row] >= this.from);
    const after = rows.findIndex((row) => times[row] > this.to);
    return rows.slice(Math.max(0, first - 1), after < 0 ? undefined : after + 1);
  }

  share(t) {
    return (100 * (t - this.from)) / (this.to - this.from || 1);
  }

  show() {
    if (this.frames.width) this.draw();
  }

  draw() {
    const all = Array.from({ length: this.frames.count }, (_, at) => at);
    this.rows = this.of(this.page === null ? [] : [this.page], all);
    if (!this.rows.includes(this.at)) this.at = this.rows[0];
    const columns = this.frames.isSample ? COLUMNS / 3 : COLUMNS;
    const [flips, pairs] = this.frames.flips(this.rows, columns, this.from, this.to);
    this.strips.forEach(({ line, map }, byte) => {
      const [low, high] = line.line({ start: 8 * byte, bits: 8, isLittle: true, isSigned: false, factor: 1, offset: 0 });
      map.heat(byte, columns, flips, pairs);
      this.cells[byte].range.textContent = low < high ? `${low}–${high}` : low === high ? `${low}` : "";
    });
    this.#colour(columns, flips, pairs);
    for (const one of this.windows) one.plot.line(one.field, one.unit, one.pages);
    this.#drawExplored();
    for (const axis of this.axes) {
      [...axis.children].forEach((each, at) => (each.textContent = seconds(this.from + ((this.to - this.from) * at) / 2)));
    }
    this.point(this.frames.times[this.at], this.at);
  }

  #colour(columns, flips, pairs) {
    const { width } = this.frames;
    const chosen = new Set(placesOf(this.field));
    this.cells.forEach(({ bits }, byte) => {
      let all = 0;
      for (let column = 0; column < columns; column += 1) all += pairs[column * width + byte];
      bits.forEach((cell, bit) => {
        let flipped = 0;
        for (let column = 0; column < columns; column += 1) flipped += flips[8 * (column * width + byte) + bit];
        const share = all ? flipped / all : 0;
        cell.className = `bit l${levelOf(share)}${chosen.has(8 * byte + bit) ? " chosen" : ""}`;
        cell.title = share ? `bit ${8 * byte + bit} flips in ${short(100 * share, 2)} % of the frames` : `bit ${8 * byte + bit} never flips`;
      });
    });
  }

  #drawExplored() {
    const { start, bits, isLittle, isSigned, factor, offset } = this.field;
    const [low, high] = this.explored.line(this.field);
    const { inputs } = this;
    for (const key of ["start", "bits", "factor", "offset"]) {
      if (inputs[key] !== document.activeElement) inputs[key].value = this.field[key];
    }
    inputs.order.value = isLittle ? "1" : "0";
    inputs.signed.checked = isSigned;
    const range = low <= high ? `[${short(low, 12)}|${short(high, 12)}]` : "[0|0]";
    this.words.textContent = ` SG_ Name : ${start}|${bits}@${isLittle ? 1 : 0}${isSigned ? "-" : "+"} (${factor},${offset}) ${range} "" Vector__XXX`;
  }

  /** Put the cursor on the frame next to a time. */
  point(t, exact) {
    const { times } = this.frames;
    this.at = exact ?? this.rows.reduce((best, row) => (Math.abs(times[row] - t) < Math.abs(times[best] - t) ? row : best), this.rows[0]);
    const share = this.share(times[this.at]);
    for (const plot of this.plots) plot.mark(share);
    const before = this.#before(this.rows.indexOf(this.at));
    this.readout.textContent = `frame ${count(this.rows.indexOf(this.at) + 1)} of ${count(this.rows.length)}, at ${seconds(times[this.at])}`;
    this.cells.forEach(({ bits, inHex, decimal }, byte) => {
      const value = this.frames.byte(this.at, byte);
      const changed = before === null || value === null ? 0 : value ^ (this.frames.byte(before, byte) ?? value);
      inHex.textContent = value === null ? "" : hex(value);
      decimal.textContent = value ?? "";
      bits.forEach((cell, bit) => {
        cell.textContent = value === null ? "" : (value >> bit) & 1;
        cell.classList.toggle("flipped", Boolean((changed >> bit) & 1));
      });
    });
    for (const { field, unit, value, pages } of [...this.windows, { field: this.field, unit: "", value: this.value, pages: [] }]) {
      const here = this.of(pages, [this.at]).length ? this.frames.value(this.at, field, placesOf(field)) : null;
      value.textContent = here === null ? "" : `${short(here, 7)} ${unit}`;
    }
    this.#dumpRows();
  }

  #before(index) {
    const before = index > 0 ? this.rows[index - 1] : null;
    return before === null || this.frames.isCut(before, this.rows[index]) ? null : before;
  }

  #dumpRows() {
    const index = this.rows.indexOf(this.at);
    const first = Math.max(0, Math.min(index - (SHOWN_ROWS >> 1), this.rows.length - SHOWN_ROWS));
    const lines = this.rows.slice(first, first + SHOWN_ROWS).map((row, at) => {
      const before = this.#before(first + at);
      const line = make("span", row === this.at ? { class: "now" } : {});
      line.append(`${seconds(this.frames.times[row]).padStart(12)}  `);
      const bytes = [...this.frames.row(row)];
      bytes.forEach((byte, place) => {
        const isNew = before !== null && this.frames.byte(before, place) !== byte;
        line.append(isNew ? make("b", { text: hex(byte) }) : hex(byte), " ");
      });
      const letters = bytes.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
      line.append(`${" ".repeat(3 * (this.frames.width - bytes.length))} ${letters}`);
      return line;
    });
    const isCutBefore = (at) => first + at > 0 && this.#before(first + at) === null;
    this.dump.replaceChildren(...lines.flatMap((line, at) => [at && isCutBefore(at) ? "\n   ⋮\n" : at ? "\n" : "", line]));
  }

  zoom(from, to) {
    [this.from, this.to] = from < to ? [Math.max(from, this.first), Math.min(to, this.last)] : [this.first, this.last];
    this.draw();
  }

  #scale(factor) {
    const [middle, half] = [this.frames.times[this.at], ((this.to - this.from) / 2) * factor];
    this.zoom(middle - half, middle + half);
  }

  /** Go on by so many frames, and take the view along. */
  step(by) {
    const index = Math.max(0, Math.min(this.rows.length - 1, this.rows.indexOf(this.at) + by));
    const t = this.frames.times[this.rows[index]];
    const half = (this.to - this.from) / 2;
    this.at = this.rows[index];
    if (t < this.from || t > this.to) this.zoom(t - half, t + half);
    else this.point(t, this.at);
    return index < this.rows.length - 1;
  }

  play() {
    clearInterval(this.timer);
    const isPlaying = this.player.getAttribute("aria-pressed") === "true";
    this.player.setAttribute("aria-pressed", `${!isPlaying}`);
    this.player.textContent = isPlaying ? "▶ play" : "⏸ pause";
    if (isPlaying) return;
    if (this.rows.at(-1) === this.at) this.step(-this.rows.length);
    this.timer = setInterval(() => {
      if (!this.root.isConnected || !this.entry.root.open || !this.step(1)) this.play();
    }, 80);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button")) return;
    const act = {
      ArrowLeft: () => this.step(event.shiftKey ? -10 : -1),
      ArrowRight: () => this.step(event.shiftKey ? 10 : 1),
      Home: () => this.step(-this.rows.length),
      End: () => this.step(this.rows.length),
      "+": () => this.#scale(0.5),
      "-": () => this.#scale(2),
      0: () => this.zoom(this.first, this.last),
      p: () => this.play(),
    }[event.key];
    if (!act || !this.frames.width) return;
    event.preventDefault();
    act();
  }
}

const channels = [...new Set(data.ids.map((entry) => entry.channel))];
const entries = data.ids.map((entry, number) => new Entry(entry, number));
const ORDERS = {
  id: (one) => one.number,
  period: (one) => one.period_ms ?? Infinity,
  frames: (one) => -one.frames,
  changes: (one) => -one.changes,
  known: (one) => (one.known ? 0 : 1),
  findings: (one) => -one.kinds.filter((kind) => !PLAIN.includes(kind)).length,
};

/** Show what is looked for, in the order that is asked for. */
function show() {
  const [channel, known, kind] = ["channel", "known", "kind"].map((id) => byId(id).value);
  const [text, isMoving] = [byId("search").value.trim(), byId("moving").checked];
  const key = ORDERS[byId("order").value];
  const keys = entries.map(key);
  const wanted = entries.filter(
    (one) =>
      (!channel || one.channel === channel) &&
      (!known || (known === "yes") === Boolean(one.known)) &&
      (!kind || one.kinds.includes(kind)) &&
      (!isMoving || one.changes > 0) &&
      one.holds(text),
  );
  wanted.sort((a, b) => keys[a.number] - keys[b.number] || a.number - b.number);
  byId("ids").replaceChildren(...wanted.map((one) => one.root));
  byId("count").textContent = `${count(wanted.length)} of ${count(entries.length)} ids`;
}

function begin() {
  const inAll = `${count(data.frames)} frames in ${short(data.seconds, 5)} s from ${data.start} on`;
  const on = channels.length === 1 ? channels[0] : `${channels.length} channels`;
  byId("facts").textContent = `${inAll} · ${count(data.ids.length)} ids · ${on || "one channel"} · ${entries.filter((one) => one.known).length} ids known`;
  byId("lines").append(...data.known.map((text) => make("li", { text })));
  byId("channel").append(...channels.map((text) => make("option", { value: text, text })));
  byId("channel").parentElement.hidden = channels.length < 2;
  const kinds = new Set(entries.flatMap((one) => one.kinds));
  byId("kind").append(...[...kinds].sort().map((text) => make("option", { value: text, text })));
  const shown = entries.reduce((sum, one) => sum + one.frameData.count, 0);
  const sums = entries.reduce((sum, one) => sum + one.frames, 0);
  const notes = [
    shown < sums
      ? `The page has ${count(shown)} of ${count(sums)} frames: of each id runs of frames in succession, spread over the log. Faint lines lead over what was left out.`
      : "The page has every frame.",
  ];
  if (data.ids_left_out) notes.push(`${count(data.ids_left_out)} further ids are left out.`);
  notes.push("What bytes may be is a guess from how they move. The page holds bytes of the log, a VIN too: scrub a log before you publish its page. Made by nev-telemetry.");
  byId("foot").textContent = notes.join(" ");
  byId("tools").addEventListener("input", show);
  byId("tools").addEventListener("submit", (event) => {
    event.preventDefault();
    const [only, another] = byId("ids").children;
    if (only && !another) only.open = true;
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select");
    if (event.key === "Escape" && isTyping) event.target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      byId("search").focus();
    }
    const by = { j: 1, k: -1 }[event.key];
    if (!by) return;
    const rows = [...document.querySelectorAll("summary")];
    const here = document.activeElement?.closest?.("details")?.firstElementChild;
    const at = rows.indexOf(here) + by;
    rows[Math.max(0, Math.min(rows.length - 1, here ? at : 0))]?.focus();
  });
  show();
}

begin();
