// The line at the top: what is wrong now, the worst first, or that nothing is.

import { Children, element, setAttribute, setText } from "./dom.js";

const byId = (id) => document.getElementById(id);

export class TroublesView {
  constructor() {
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
      const works = sources.length === 1 ? "1 source works" : `${sources.length} sources work`;
      setText(byId("all-well"), `✓ Nothing is wrong: ${works}, the server and the disk take data.`);
    } else {
      const count = troubles.length === 1 ? "" : `${troubles.length} troubles: `;
      const all = troubles.map((trouble) => `${sign(trouble)} ${trouble.text}`);
      setText(byId("trouble-line"), `${count}${all.join(" · ")}`);
    }
    this.list.show(troubles, (trouble) => JSON.stringify([trouble.level, trouble.code, trouble.text]));
  }
}

function sign({ level }) {
  return level > 1 ? "⛔" : "⚠";
}

function word({ level }) {
  return level > 1 ? "critical" : "warning";
}
