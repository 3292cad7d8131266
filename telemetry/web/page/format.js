// Numbers, ages and names as people read them.

export const STALE_S = 10;

export function number(value, decimals, sign = false) {
  const text = Math.abs(value).toLocaleString("en", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  const isZero = !/[1-9]/.test(text);
  if (value < 0 && !isZero) return `−${text}`;
  return sign && !isZero ? `+${text}` : text;
}

export function count(value) {
  return Math.round(value).toLocaleString("en");
}

/** `12 s`, `3 min`, `5 h`, `4 d`. */
export function duration(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function bytes(value) {
  return value < 1e6 ? `${number(value / 1e3, 0)} kB` : `${number(value / 1e6, 1)} MB`;
}

/** A name of the data model as words: `cell_min_v` -> `cell min v`. */
export function words(name) {
  return name.replaceAll("_", " ");
}

/** A signal's value: what a database makes of it, without the noise of a binary fraction. */
export function signalValue(value) {
  if (typeof value !== "number") return anything(value);
  const digits = Number.isInteger(value) ? {} : { maximumSignificantDigits: 7 };
  return value.toLocaleString("en", digits).replace("-", "−");
}

/** A value without a place of its own. */
export function anything(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return value.toLocaleString("en", { maximumFractionDigits: 3 });
  return String(value);
}

export function timeOfDay(date) {
  return date.toLocaleTimeString("en-GB");
}

/** `08:12`, of another day `26 Nov 08:12`. */
export function moment(date, now) {
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}
