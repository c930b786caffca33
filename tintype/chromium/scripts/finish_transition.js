// Finish the view transition under way; the number of finished animations and of the transition itself. Its animations exist
// from the moment on at which the old and the new state are drawn, and it ends one frame after them.
async (endMs) => {
  const transition = document.activeViewTransition;
  if (!transition) return 0;
  await transition.ready.catch(() => {});
  const finished = finishAnimations(endMs);
  await Promise.race([transition.finished.catch(() => {}), drawFrame()]);
  return finished + 1;
}
