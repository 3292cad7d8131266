// All messages of databases and devices with their signals, asked for only while somebody looks at them.

import { Children, breakable, element, setText } from "./dom.js";
import { duration, number, signalValue, STALE_S } from "./format.js";

const EVERY_MS = 1000;
const GIVEN_UP_MS = 6000; // an answer that has not come by then
const FIRST_MS = 600; // the service begins to collect when it is asked for the first time
const MOST_ROWS = 500; // a filter finds the others

const byId = (id) => document.getElementById(id);

export class SignalsView {
  constructor() {
    this.card = byId("signals");
    this.filter = byId("signal-filter");
    this.messages = [];
    this.leftOut = 0;
    this.received = 0;
    this.isChosen = false; // opened, closed or used by somebody
    this.isAsking = false; // one question at a time: a browser has six connections to a service
    this.rows = new Children(byId("signal-rows"), makeRow, (row, item) => updateRow(row, item, this.#waited_s()));
    byId("signals-title").parentElement.addEventListener("click", () => (this.isChosen = true));
    this.filter.addEventListener("focus", () => (this.isChosen = true));
    this.card.addEventListener("toggle", () => this.#ask().then(() => setTimeout(() => this.#ask(), FIRST_MS)));
    this.filter.addEventListener("input", () => this.#show());
    setInterval(() => this.#ask(), EVERY_MS);
  }

  /** Open while there is nothing else to see, unless somebody has chosen. */
  offer(isNothingElse) {
    if (!this.isChosen) this.card.open = isNothingElse;
  }

  #waited_s() {
    return (performance.now() - this.received) / 1000;
  }

  async #ask() {
    if (this.isAsking || !this.card.open || document.hidden) return;
    this.isAsking = true;
    try {
      const answer = await fetch("/api/messages", { signal: AbortSignal.timeout(GIVEN_UP_MS) });
      if (answer.ok) {
        const received = await answer.json();
        this.messages = received.messages;
        this.leftOut = received.messages_left_out;
        this.received = performance.now();
      }
    } catch {
      // The connection is lost, as the line at the top says; ages grow.
    } finally {
      this.isAsking = false;
    }
    this.#show();
  }

  #show() {
    const wanted = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = [];
    let known = 0;
    let found = 0;
    for (const message of this.messages) {
      const place = [message.source, message.sender, message.message].join("\n");
      const signals = Object.keys(message.signals).filter((name) => fits(message, name, wanted));
      known += Object.keys(message.signals).length;
      found += signals.length;
      if (signals.length && items.length < MOST_ROWS) {
        items.push({ key: place, message });
        for (const name of signals) items.push({ key: `${place}\n${name}`, message, name });
      }
    }
    this.rows.show(items, (item) => item.key);
    const shown = items.filter((item) => item.name !== undefined).length;
    setText(byId("signals-count"), `${found === known ? known : `${found} of ${known}`} signals`);
    setText(byId("signals-note"), note({ known, found, shown, leftOut: this.leftOut }));
  }
}

function fits(message, name, wanted) {
  if (wanted.length === 0) return true;
  const text = [message.source, message.message, name, message.units[name] ?? "", message.sender];
  const words = text.join(" ").toLowerCase();
  return wanted.every((word) => words.includes(word));
}

function note({ known, found, shown, leftOut }) {
  if (known === 0) return "No message that is known has come yet.";
  if (found === 0) return "No signal fits the filter.";
  const more = [];
  if (shown < found) more.push(`${found - shown} more signals fit; a filter finds them.`);
  if (leftOut) more.push(`${leftOut} more messages come than are shown here.`);
  return more.join(" ");
}

function makeRow({ message, name }) {
  if (name === undefined) {
    const sender = message.sender ? `, sender ${message.sender}` : "";
    return element(
      "tr",
      { class: "message", role: "row" },
      element(
        "th",
        { scope: "rowgroup", colspan: 4, role: "rowheader" },
        element("span", { class: "name" }, ...breakable(message.message)),
        element("span", { class: "from", text: ` from ${message.source}${sender}` }),
        element("span", { class: "rate" }),
      ),
    );
  }
  return element(
    "tr",
    { role: "row" },
    element("th", { scope: "row", role: "rowheader" }, ...breakable(name)),
    element("td", { role: "cell" }),
    element("td", { class: "unit", role: "cell", text: message.units[name] ?? "" }),
    element("td", { class: "age", role: "cell" }),
  );
}

function updateRow(row, { message, name }, waited_s) {
  if (name === undefined) {
    setText(row.firstChild.lastChild, `, ${number(message.rate_per_s, 1)}/s`);
    return;
  }
  const [, value, , age] = row.children;
  const age_s = (message.ages_s[name] ?? message.age_s) + waited_s;
  setText(value, signalValue(message.signals[name]));
  value.classList.toggle("is-stale", age_s > STALE_S);
  setText(age, age_s < 100 ? `${number(age_s, 1)} s` : duration(age_s));
}
