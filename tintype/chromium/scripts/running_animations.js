// The animations that run now and that time moves: those of the document and of its shadow trees.
(trees = deepTrees()) =>
  trees
    .flatMap((tree) => tree.getAnimations())
    .filter(({ playState, timeline }) => playState === "running" && timeline === document.timeline)
