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
const FLAG = {
  partial: ["Not complete", "The page was still loading when its time was over. It is captured as it was then."],
  truncated: ["Cut off", "The page is larger than an image may be. The rest is missing."],
  "features-unavailable": ["Not classified", "The page did not report its content in time, so the verdict is from the pixels only."],
};

/** Advice for the limit at which an image was cut. */
const CUT = {
  height: "The page is longer than an image may be (TINTYPE_MAX_PAGE_HEIGHT). The end is missing.",
  pixels: "The page has more pixels than an image may have. A smaller pixel density shows more of it.",
  width: "The page is wider than an image may be. Its right side is missing.",
  format: "The page is longer than this format permits. PNG shows more of it.",
  scroller: "The element scrolls, and its box is too small to show all of it.",
  screens: "The list shows its visible rows only, and has more of them than are captured.",
};

/** [title, advice] of each known flag in an X-Capture header, such as "partial, truncated;limit=height". */
export function flagNotes(header) {
  return header.split(",").map((part) => part.split(";").map((each) => each.trim())).filter(([flag]) => FLAG[flag]).map(([flag, parameter = ""]) =>
    [FLAG[flag][0], CUT[parameter.replace(/^limit=/, "")] ?? FLAG[flag][1]]);
}
