// Advertising: one auction of six bidders for each of two slots, the winner's frame, and its impression pixels.
start(0.4);
const BIDDERS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"], TIMEOUT = 1000;
const SLOTS = [{ name: "rectangle", width: 300, height: 250 }, { name: "anchor", width: 728, height: 90 }];
const bid = async (slot, bidder) => {
  const response = await fetch(at("advertising", `bid.json?slot=${slot.name}&bidder=${bidder}`));
  const offers = (await response.json()).offers.map((each) => ({ ...each, bidder, price: each.price * (1 + BIDDERS.indexOf(bidder) / 10) }));
  return offers.sort((one, other) => other.price - one.price)[0];
};
const auction = async (slot) => {
  const late = new Promise((resolve) => setTimeout(resolve, TIMEOUT));
  const offers = await Promise.all(BIDDERS.map((bidder) => Promise.race([bid(slot, bidder), late])));
  return offers.filter(Boolean).sort((one, other) => other.price - one.price)[0];
};
const place = (slot) => {
  const box = document.createElement("div");
  box.className = "adsbygoogle";
  box.style.cssText = `width:${slot.width}px;height:${slot.height}px;margin:16px auto;background:#f4f4f4`;
  if (slot.name === "anchor") {
    box.style.cssText += ";position:fixed;left:0;right:0;bottom:0;margin:0 auto;z-index:2147483000;box-shadow:0 0 6px #0006";
    document.body.append(box);
  } else {
    (document.querySelector("main, section, article, .container, .page-body") ?? document.body).prepend(box);
  }
  return box;
};
const fill = async (slot) => {
  const box = place(slot), offer = await auction(slot);
  if (!offer) return;
  const frame = document.createElement("iframe");
  [frame.width, frame.height] = [slot.width, slot.height];
  frame.style.cssText = "border:0";
  frame.src = at("creatives", `creative.html?slot=${slot.name}&bidder=${offer.bidder}`);
  box.append(frame);
  for (const pixel of ["impression", "win", "match"]) new Image().src = at("advertising", `pixel.gif?event=${pixel}&price=${offer.price}`);
};
const ready = () => SLOTS.forEach(fill);
if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready);
else ready();
