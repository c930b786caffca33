// Numbers, durations and codes as text.

export function milliseconds(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function bytes(number) {
  if (number < 1000) return `${number} B`;
  return number < 1e6 ? `${(number / 1e3).toFixed(number < 1e4 ? 1 : 0)} KB` : `${(number / 1e6).toFixed(1)} MB`;
}

/** Seconds, in the largest unit that is at least 1. */
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

/** Meanings of X-Cache. */
export const CACHE = {
  HIT: "from the cache",
  STALE: "an older capture, while a new one runs",
  DERIVED: "rendered from a cached capture",
  MISS: "captured now",
  COALESCED: "shared with an identical request",
  PLACEHOLDER: "a placeholder, while the capture runs",
};

/** Meanings of X-Verdict. */
export const VERDICT = {
  ok: "the page",
  blank: "a blank page",
  error: "an error page",
  challenge: "a bot challenge",
  login: "a login form",
  parked: "a parked domain",
  consent: "a consent dialog",
};
