// Numbers as people read them.

export function milliseconds(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function bytes(number) {
  if (number < 1000) return `${number} B`;
  return number < 1e6 ? `${(number / 1e3).toFixed(number < 1e4 ? 1 : 0)} KB` : `${(number / 1e6).toFixed(1)} MB`;
}

/** Seconds as one unit. */
export function duration(seconds) {
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    const number = Math.floor(seconds / size);
    if (number >= 1) return `${number} ${name}${number > 1 ? "s" : ""}`;
  }
  const number = Math.max(0, Math.floor(seconds));
  return `${number} second${number === 1 ? "" : "s"}`;
}

export function ago(seconds) {
  return seconds < 10 ? "just now" : `${duration(seconds)} ago`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

export const CACHE = {
  HIT: "from the cache",
  STALE: "an older picture, at once; a new one is on its way",
  DERIVED: "made from a photograph taken before",
  MISS: "the page was visited for it",
  COALESCED: "shared with somebody who asked at the same time",
  PLACEHOLDER: "a placeholder; the picture is being taken",
};

export const VERDICT = {
  ok: "the page itself",
  blank: "nothing but one colour",
  error: "an error page",
  challenge: "a wall against robots",
  login: "a form to log in",
  parked: "a parked domain",
  consent: "a consent dialogue",
};
