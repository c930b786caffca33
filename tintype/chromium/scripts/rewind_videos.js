// Bring the videos that play to their first frame, and wait until they show it.
async () => {
  const rewind = async (video) => {
    video.pause();
    if (!video.currentTime || !video.seekable.length) return;
    const done = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
    video.currentTime = 0;
    await done;
  };
  const videos = deepTrees().flatMap((tree) => [...tree.querySelectorAll("video")]);
  await Promise.all(videos.filter(({ paused }) => !paused).map(rewind));
}
