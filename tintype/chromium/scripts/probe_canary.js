// Try to reach a canary on loopback in every way that a page has; ends when each has failed or the time is up.
async (tcp, udp, milliseconds) => {
  const attempts = [];
  const attempt = (start) => attempts.push(new Promise(start).catch(() => 0));
  attempt((done) => fetch(`http://127.0.0.1:${tcp}/`, { mode: "no-cors" }).then(done, done));
  attempt((done) => { const image = new Image(); image.onload = image.onerror = done; image.src = `http://localhost:${tcp}/`; });
  attempt((done) => { const socket = new WebSocket(`ws://[::1]:${tcp}/`); socket.onopen = socket.onerror = done; });
  attempt((done) => {
    const connection = new RTCPeerConnection({ iceServers: [
      { urls: `stun:127.0.0.1:${udp}` },
      { urls: `turn:127.0.0.1:${tcp}?transport=tcp`, username: "canary", credential: "canary" },
    ] });
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
    connection.createDataChannel("canary");
    // WebRTC sends immediately; only giving up takes it long.
    const sent = () => setTimeout(done, 250);
    connection.createOffer().then((offer) => connection.setLocalDescription(offer)).then(sent, done);
  });
  await Promise.race([Promise.all(attempts), new Promise((done) => setTimeout(done, milliseconds))]);
  return attempts.length;
}
