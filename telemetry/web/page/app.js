// The page: live values as they come, and how old they are while they do not.

import { Children, setText } from "./dom.js";
import { follow } from "./feed.js";
import { timeOfDay } from "./format.js";
import { GatewayView } from "./gateway.js";
import { FIELDS, Histories } from "./history.js";
import { SignalsView } from "./signals.js";
import { TroublesView } from "./troubles.js";
import { ChargerCard, PackCard } from "./vehicle.js";

const STUCK_S = 4; // a pipeline that has sent nothing new for so long

const byId = (id) => document.getElementById(id);
const histories = new Histories();
const gateway = new GatewayView();
const signals = new SignalsView();
const troubles = new TroublesView();
const packs = new Children(byId("packs"), (pack) => new PackCard(pack), showPack);
const chargers = new Children(
  byId("chargers"),
  (charger) => new ChargerCard(charger),
  (card, charger) => card.show(charger, waited_s()),
);

const meters = new Children(
  byId("meters"),
  (meter) => new ChargerCard(meter, "Meter"),
  (card, meter) => card.show(meter, waited_s()),
);

let live = null; // what came last
let received = 0; // when, by performance.now()
let lostAt = null;
let stuckAt = null;

follow({
  onOpen() {
    histories.load().then(show, () => {});
  },
  onLive(values) {
    live = values;
    received = performance.now();
    lostAt = null;
    remember();
    show();
  },
  onLost() {
    lostAt ??= new Date();
    show();
  },
});
setInterval(show, 1000);

function waited_s() {
  return (performance.now() - received) / 1000;
}

function remember() {
  for (const pack of live.packs) {
    const fresh = FIELDS.filter((field) => !pack.stale.includes(field)).map((field) => [
      field,
      pack.battery[field],
    ]);
    histories.of(pack.pack, pack.source).add(received, Object.fromEntries(fresh));
  }
}

function show() {
  showConnection();
  if (live === null) return;
  setText(byId("vehicle"), live.vehicle);
  document.title = `${live.troubles.length ? "⚠ " : ""}${live.vehicle} – nev-telemetry`;
  troubles.show(live);
  packs.show(live.packs, (pack) => JSON.stringify([pack.pack, pack.source]));
  chargers.show(live.chargers, (charger) => JSON.stringify([charger.charger, charger.source]));
  meters.show(live.meters, (meter) => JSON.stringify([meter.charger, meter.source]));
  const isNothingMapped = live.packs.length + live.chargers.length + live.meters.length === 0;
  byId("no-packs").hidden = !isNothingMapped;
  signals.offer(isNothingMapped);
  gateway.show(live);
}

function showPack(card, pack) {
  card.show(pack, waited_s());
  card.draw(histories.of(pack.pack, pack.source), performance.now());
}

/** A notice stays the same while its cause lasts: it is read aloud once, and not every second. */
function showConnection() {
  const stuck_s = live === null ? 0 : live.gauges.status_age_s + waited_s();
  if (stuck_s <= STUCK_S) stuckAt = null;
  let state = "live";
  let notice = "";
  if (lostAt !== null) {
    state = "lost";
    notice =
      live === null
        ? "The service does not answer. Trying again every few seconds."
        : `Connection to the service lost at ${timeOfDay(lostAt)}. The values below are from then. ` +
          "Trying again every few seconds.";
  } else if (live === null) {
    state = "connecting";
  } else if (stuck_s > STUCK_S) {
    state = "stuck";
    stuckAt ??= new Date(Date.now() - stuck_s * 1000);
    notice =
      `The service has sent nothing new since ${timeOfDay(stuckAt)}: something holds it up, mostly the disk. ` +
      "The values below are from then.";
  }
  document.body.dataset.connection = state;
  setText(
    byId("connection-words"),
    { live: "live", lost: "connection lost", stuck: "held up", connecting: "connecting …" }[state],
  );
  byId("notice").hidden = notice === "";
  if (byId("notice").textContent !== notice) setText(byId("notice"), notice);
}
