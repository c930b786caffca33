// Finish the animations that end within a time of their beginning; their number. The page then receives their events.
(endMs) => {
  const finite = runningAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime <= endMs);
  for (const animation of finite) animation.finish();
  return finite.length;
}
