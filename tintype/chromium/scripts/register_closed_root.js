// Called on a closed shadow root, which DevTools can reach and scripts cannot: deep_query.js finds it by its host.
function () { (globalThis.closedRoots ??= new WeakMap()).set(this.host, this); }
