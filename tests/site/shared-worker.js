let trace = false;
self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => (data === "set" ? (trace = true) : port.postMessage(trace));
};
