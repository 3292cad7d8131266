// The line at the top: what is wrong now, the worst first, or that nothing is.

import { Children, element, setAttribute, setText } from "./dom.js";

const COUNTED_S = /\d+(\.\d+)? s\b/g; // grows while a trouble stays the same

const byId = (id) => document.getElementById(id);

export class TroublesView {
  constructor() {
    this.announced = null;
    this.list = new Children(
      byId("trouble-list"),
      () => element("li"),
      (node, trouble) => setText(node, `${sign(trouble)} ${word(trouble)}: ${trouble.text}`),
    );
  }

  show({ troubles, sources }) {
    const isWell = troubles.length === 0;
    setAttribute(document.body, "data-trouble", isWell ? null : word(troubles[0]));
    byId("troubles").hidden = isWell;
    byId("all-well").hidden = !isWell;
    if (isWell) {
      const configured = sources.filter(({ state }) => state !== "").length; // others have accounts alone
      const works = configured === 1 ? "1 source works" : `${configured} sources work`;
      setText(byId("all-well"), `✓ Nothing is wrong: ${works}, the server and the disk take data.`);
    } else {
      const count = troubles.length === 1 ? "" : `${troubles.length} troubles: `;
      const all = troubles.map((trouble) => `${sign(trouble)} ${trouble.text}`);
      setText(byId("trouble-line"), `${count}${all.join(" · ")}`);
    }
    this.#announce(isWell ? "Nothing is wrong." : troubles.map(({ text }) => text).join("; "));
    this.list.show(troubles, (trouble) => JSON.stringify([trouble.level, trouble.code, trouble.text]));
  }

  /** A screen reader reads troubles when they change, and not the seconds that they last. */
  #announce(words) {
    const lasting = words.replace(COUNTED_S, "");
    if (lasting === this.announced) return;
    this.announced = lasting;
    setText(byId("trouble-announcement"), words);
  }
}

function sign({ level }) {
  return level > 1 ? "✖" : "⚠";
}

function word({ level }) {
  return level > 1 ? "critical" : "warning";
}
