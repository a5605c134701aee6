// Numbers and times as a person reads them. Prices stay the exact decimal text that the server sent.

/** Return `"64825.11"` as `"64,825.11"`, digit for digit. */
export function formatDecimal(text) {
  const [whole, fraction] = String(text).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Return `"-0.43"` as `"−0.43 %"`, with its sign. */
export function formatChange(text) {
  const sign = text.startsWith("-") ? "−" : "+";
  return `${sign}${text.replace(/^[-+]/, "")} %`;
}

/** Return `up`, `down` or nothing for a change in percent. */
export function signOf(text) {
  const value = Number(text);
  return value > 0 ? "up" : value < 0 ? "down" : "";
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** Return an ISO time as the reader's own clock shows it. */
export function formatTime(iso) {
  return clock.format(new Date(iso));
}

/** Return the label of a candle's time, as fine as its length asks for. */
export function formatCandleTime(ms, seconds) {
  if (seconds >= 14_400) return days.format(ms);
  return (seconds < 60 ? clock : minutes).format(ms);
}
