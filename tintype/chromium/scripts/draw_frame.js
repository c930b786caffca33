// Wait until a frame is drawn.
() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
