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

/** Title and advice of each verdict that is not the page. */
export const VERDICT_BADGE = {
  blank: ["Blank page", "Nothing was on the page. A longer delay or an element to wait for may help."],
  error: ["Error page", "The site returned an error instead of the page."],
  challenge: ["Bot challenge", "The site checks whether its visitor is a person, and did not show the page."],
  login: ["Login form", "The page needs a login. Cookies or request headers of a session may help."],
  parked: ["Parked domain", "The domain has no site of its own."],
  consent: ["Consent dialog", "A dialog covers the page, and could not be rejected."],
};

/** Title and advice of each flag in X-Capture. */
export const FLAG = {
  partial: ["Not complete", "The page was still loading when its time was over. It is captured as it was then."],
  truncated: ["Cut off", "The page is longer than an image may be. The end is missing."],
  "features-unavailable": ["Not classified", "The page did not report its content in time, so the verdict is from the pixels only."],
};
