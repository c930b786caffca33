// Consent manager: loads its styles and its list of vendors, and shows a bar over a darkened page until the visitor chooses.
start(0.3);
const PURPOSES = ["storage", "basic ads", "profiles", "personal ads", "content", "measurement", "research", "development"];
const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const encode = (vendors, consents) => btoa(vendors.map(({ id }) => (consents ? id % 64 : 0)).map((code) => String.fromCharCode(code)).join(""));
const styles = element("link", { rel: "stylesheet", href: at("consent", "consent.css") });
document.head.append(styles);
const vendorsOf = fetch(at("consent", "vendors.json")).then((response) => response.json());
const stored = () => /consent=/.test(document.cookie);
let root = null, isChosen = stored();
const close = (vendors, consents) => {
  if (isChosen) return;
  isChosen = true;
  document.cookie = `consent=${encode(vendors.slice(0, 100), consents)}; max-age=3600; path=/`;
  navigator.sendBeacon(at("consent", "receipt"), JSON.stringify({ consents, vendors: vendors.length }));
  root?.remove();
};
const show = ({ vendors }) => {
  const button = (id, text, consents) => element("button", { id, textContent: text, onclick: () => close(vendors, consents) });
  const list = element("ul", { hidden: true }, ...vendors.slice(0, 300).map(({ name, purposes }) =>
    element("li", {}, `${name}: ${purposes.map((each) => PURPOSES[each]).join(", ")}`)));
  const text = `We and our ${vendors.length} partners store cookies on your device, to show personal ads and to measure them. Do you consent to this use of cookies?`;
  const banner = element("div", { id: "CybotCookiebotDialog", role: "dialog", ariaModal: "true", ariaLabel: "Cookie consent" },
    element("p", { textContent: text }),
    button("CybotCookiebotDialogBodyButtonDecline", "Reject all", false),
    button("CybotCookiebotDialogBodyButtonAccept", "Accept all cookies", true), list);
  root = element("div", {}, element("div", { id: "CybotCookiebotDialogBodyUnderlay" }), banner);
  document.body.append(root);
};
window.Cookiebot = { hasResponse: isChosen, submitCustomConsent: (...consents) => vendorsOf.then(({ vendors }) => close(vendors, consents.some(Boolean))) };
window.__tcfapi = (command, version, callback) => callback({ command, version, gdprApplies: true, eventStatus: isChosen ? "tcloaded" : "cmpuishown" }, true);
const ready = () => vendorsOf.then((list) => { if (!isChosen) show(list); });
if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready);
else ready();
