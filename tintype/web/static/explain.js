// Problems of the service in words for people: what is wrong, at which field, and what to do.

import { labelOf } from "./form.js";

const HOST_LIMIT_SECONDS = 3600;
const sentence = (text) => {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return !capital || /[.!?…]$/.test(capital) ? capital : `${capital}.`;
};

/** Titles by error code, where the one of the service is not enough for a person without its documentation. */
const TITLES = {
  "target-denied": "This address is not public",
  "target-unreachable": "The page cannot be reached",
  "capture-timeout": "The page did not load in time",
  "rate-limited": "Too many requests",
  "selector-not-found": "No element matches",
  "bad-signature": "A signed URL is needed",
  "unauthorized": "An API key is needed",
};

/**
 * Explain a problem. `context` is {url, hasKey, isSigned, isImage}. Returns {title, text, fields: [[name, message]…],
 * actions: [[label, action, value]…], wait}: `wait` are the seconds until a retry makes sense, or 0.
 */
export function explain(problem, context) {
  const known = EXPLANATIONS[problem.error]?.(problem, context) ?? {};
  const fields = known.fields ?? (problem.errors ?? []).map(({ parameter, message }) => [parameter, fieldMessage(parameter, message, context)]);
  return {
    title: known.title ?? (fields.length ? titleOfFields(fields) : TITLES[problem.error] ?? problem.title),
    text: known.text ?? (fields.length || problem.detail === problem.title ? "" : sentence(problem.detail ?? "")),
    fields,
    actions: known.actions ?? [],
    wait: problem.retry_after ?? 0,
    canRetry: known.canRetry ?? problem.retry_after !== undefined,
    isLong: (problem.retry_after ?? 0) > HOST_LIMIT_SECONDS,
  };
}

const titleOfFields = (fields) => {
  if (fields[0][0] === "url" && fields.length === 1) return "Nothing was captured";
  return fields.length === 1 ? "One option is not valid" : `${fields.length} options are not valid`;
};

const EXAMPLE = "Enter the address of a page, such as https://example.com.";

function fieldMessage(name, message, { url }) {
  if (name !== "url") return sentence(`${labelOf(name)} ${message}`);
  if (!url) return EXAMPLE;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) && !/^https?:/i.test(url)) return "Only addresses that start with http:// or https:// can be captured.";
  return /scheme|start with|valid|host/.test(message) ? `This is not the address of a page. ${EXAMPLE}` : sentence(`The address ${message}`);
}

const isHttps = ({ url }) => /^https:\/\//i.test(url);
const plain = ({ url }) => url.replace(/^https:/i, "http:");
const tryHttp = (context) => [["Try http://", "url", plain(context)]];

/** How the operator permits the address of a URL; a host name is permitted by its addresses. */
function allowRule({ url }) {
  const { hostname = "", port = "", protocol = "" } = URL.canParse(url) ? new URL(url) : {};
  const isAddress = /^[\d.]+$/.test(hostname) || hostname.startsWith("[");
  return isAddress ? `others: TINTYPE_ALLOW_ADDRESSES=${hostname}:${port || (protocol === "https:" ? 443 : 80)}` : "others in TINTYPE_ALLOW_ADDRESSES.";
}

const EXPLANATIONS = {
  "target-denied": (problem, context) => ({
    fields: [["url", !/TINTYPE_ALLOW_ADDRESSES/.test(problem.detail ?? "") ? sentence(problem.detail)
      : `This service captures only pages on public addresses. The operator can permit ${allowRule(context)}`]],
    title: TITLES["target-denied"],
    text: "",
  }),
  "target-unreachable": (problem, context) => {
    const detail = problem.detail ?? "";
    const isTls = /TLS|certificate/.test(detail);
    const mayBePlain = isHttps(context) && (isTls || /does not accept|closed the connection/.test(detail));
    const advice = isTls && isHttps(context) ? "HTTPS failed. If the site has no HTTPS, try http://."
      : /resolve/.test(detail) ? "This host name does not exist. Check its spelling."
        : mayBePlain ? `${sentence(detail)} If the site has no HTTPS, try http://.` : sentence(detail);
    const isCertificate = /certificate/.test(detail);
    return { fields: [["url", isCertificate ? `${sentence(detail)} ${advice}` : advice]], text: "", title: TITLES["target-unreachable"], actions: mayBePlain ? tryHttp(context) : [] };
  },
  "capture-timeout": () => ({
    title: TITLES["capture-timeout"],
    text: "Nothing usable was on the screen before the time limit (TINTYPE_TIMEOUT).",
    actions: [["Wait for less", "field", "wait_until"]],
  }),
  "rate-limited": (problem) => ({ title: TITLES["rate-limited"], text: sentence(problem.detail.split(";")[0]) }),
  "selector-not-found": (problem) => {
    const name = ["wait_for", "selector", "click", "scroll_to"].find((each) => problem.detail.includes(each)) ?? "selector";
    return { title: TITLES["selector-not-found"], text: "", fields: [[name, sentence(`${labelOf(name)}: ${problem.detail.replace(new RegExp(`^${name}:? `), "")}`)]] };
  },
  "unusable-capture": (problem) => ({ text: "", fields: [["fail_on", sentence(problem.detail)]] , title: problem.title }),
  "unauthorized": (problem, { hasKey }) => ({
    title: hasKey ? "This API key is unknown" : TITLES.unauthorized,
    text: "",
    fields: [["key", hasKey ? "The service does not know this API key. Check it for missing characters." : "Enter your API key. The operator of the service issues it."]],
  }),
  "bad-signature": (problem, { isSigned }) => ({
    title: isSigned ? "This signed URL is not valid" : TITLES["bad-signature"],
    text: "",
    fields: [["key", isSigned ? sentence(problem.detail.replace(/^(sig|expires): /, "")) : "Run the command under “Signed URL” below, and paste its output here."]],
  }),
  "not-a-page": (problem) => ({ title: problem.title, text: "", fields: [["url", sentence(problem.detail)]] }),
};

/** The problem of a form without a page. */
export const NO_PAGE = { title: "Nothing was captured", text: "", fields: [["url", EXAMPLE]], actions: [], wait: 0 };

/** The problem of a service that does not respond. */
export const NO_RESPONSE = {
  title: "The service does not respond", text: "It may be restarting, or the network is down.", fields: [], actions: [], wait: 0, canRetry: true,
};
