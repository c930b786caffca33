// Try to reach a canary on loopback in every way that needs nobody's help; done when each has failed or time is up.
async (tcp, udp, milliseconds) => {
  const ways = [];
  const way = (start) => ways.push(new Promise(start).catch(() => 0));
  way((done) => fetch(`http://127.0.0.1:${tcp}/`, { mode: "no-cors" }).then(done, done));
  way((done) => { const image = new Image(); image.onload = image.onerror = done; image.src = `http://localhost:${tcp}/`; });
  way((done) => { const socket = new WebSocket(`ws://[::1]:${tcp}/`); socket.onopen = socket.onerror = done; });
  way((done) => {
    const connection = new RTCPeerConnection({ iceServers: [
      { urls: `stun:127.0.0.1:${udp}` },
      { urls: `turn:127.0.0.1:${tcp}?transport=tcp`, username: "canary", credential: "canary" },
    ] });
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
    connection.createDataChannel("canary");
    // What is going to be sent is sent at once; only giving up takes WebRTC long.
    const sent = () => setTimeout(done, 250);
    connection.createOffer().then((offer) => connection.setLocalDescription(offer)).then(sent, done);
  });
  await Promise.race([Promise.all(ways), new Promise((done) => setTimeout(done, milliseconds))]);
  return ways.length;
}
