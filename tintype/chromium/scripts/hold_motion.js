// Bring everything that moves to a moment that is the same in each capture: animations that end within endMs of their beginning
// to their end, others to momentMs; animated images to their first frame, a marquee to its content, loops of animation frames
// to a moment of page_clock.js. Runs in the isolated world of every frame. Returns the number of finished animations, whether
// something has moved to its moment, the numbers of frames and of videos that play, and whether loops have to go on: each call
// brings them forward by a number of frames.
async (key, endMs, momentMs, calls) => {
  findClosedRoots(key);
  // The compositor draws an animation that is paused before its first frame as if there were none.
  if (runningAnimations().some(({ pending }) => pending)) await drawFrame();
  const finished = (await finishTransition(endMs)) + finishAnimations(endMs);
  const endless = runningAnimations();
  for (const animation of endless) {
    animation.pause();
    animation.currentTime = momentMs;
  }
  let moved = finished > 0 || endless.length > 0;
  const trees = deepTrees();
  const all = (selector) => trees.flatMap((tree) => [...tree.querySelectorAll(selector)]);

  // SMIL: one time for all animations of a drawing.
  const moving = new Map();
  for (const animation of all("animate, animateTransform, animateMotion, set")) {
    const drawing = animation.closest("svg:not(svg svg)");
    const repeats = ["repeatCount", "repeatDur"].some((name) => animation.getAttribute(name) === "indefinite");
    if (drawing && !drawing.animationsPaused()) moving.set(drawing, repeats || moving.get(drawing));
  }
  for (const [drawing, repeats] of moving) {
    drawing.pauseAnimations();
    drawing.setCurrentTime((repeats ? momentMs : endMs) / 1000);
  }

  for (const marquee of all("marquee")) {
    if (marquee.scrollAmount === 0) continue;
    const still = marquee.cloneNode(); // one that moves goes on with its way, whatever its attributes are
    still.scrollAmount = 0;
    marquee.before(still);
    still.append(...marquee.childNodes);
    marquee.remove();
    moved = true;
  }

  const root = document.documentElement;
  if (root && getComputedStyle(root).getPropertyValue("image-animation") !== "stopped") { // see stop_images.js
    root.style?.setProperty("image-animation", "stopped", "important");
  }

  const videos = all("video").filter(({ paused }) => !paused).length;
  const left = !dispatchEvent(new CustomEvent(`${key}-hold`, { cancelable: true, detail: calls }));
  return { finished, moved, frames: length, videos, left };
}
