// The past minutes of each pack: what the service remembers, then what this page has seen.

const LENGTH_MS = 600_000;
export const FIELDS = ["voltage_v", "current_a", "soc_pct", "temp_max_c"];
const EVERY_MS = 950;

/** Of one pack: times (of performance.now()) and, by field, the value at each; null where it was not known. */
export class History {
  constructor() {
    this.times = [];
    this.values = Object.fromEntries(FIELDS.map((field) => [field, []]));
  }

  add(time, values) {
    if (this.times.length && time - this.times.at(-1) < EVERY_MS) return;
    this.times.push(time);
    for (const field of FIELDS) this.values[field].push(values[field] ?? null);
    let old = 0;
    while (this.times[old] < time - LENGTH_MS) old += 1;
    this.#cut(old);
  }

  /** What the service sends of the time before; what this page saw earlier than that stays. */
  takeOver(times, received) {
    const keep = this.times.findIndex((time) => time >= times[0]);
    const kept = keep < 0 ? this.times.length : keep;
    this.times = [...this.times.slice(0, kept), ...times];
    for (const field of FIELDS) this.values[field] = [...this.values[field].slice(0, kept), ...received[field]];
  }

  #cut(count) {
    if (count === 0) return;
    this.times.splice(0, count);
    for (const field of FIELDS) this.values[field].splice(0, count);
  }
}

/** Of all packs. */
export class Histories {
  constructor() {
    this.known = new Map();
  }

  of(pack, source) {
    const key = JSON.stringify([pack, source]);
    if (!this.known.has(key)) this.known.set(key, new History());
    return this.known.get(key);
  }

  async load() {
    const answer = await fetch("/api/history");
    if (!answer.ok) return;
    const received = await answer.json();
    const now = performance.now();
    const times = received.ages_s.map((age) => now - age * 1000);
    if (times.length === 0) return;
    for (const pack of received.packs) this.of(pack.pack, pack.source).takeOver(times, pack);
  }
}
