// The badge that says which socket is used, in which mode, and how it is.

const WORDS = { connecting: "Connecting", live: "Live", polling: "Polling", offline: "Offline" };

export function createConnection(store) {
  const badge = document.getElementById("connection");

  function draw(changed) {
    if (!changed.has("connection")) return;
    const { state, mode, socket, id, why } = store.connection;
    Object.assign(badge.dataset, { state, mode, socket, connectionId: id ?? "" });
    document.body.dataset.state = state;
    badge.title = why ? `${socket}: ${why}` : socket;
    badge.querySelector(".state").textContent = WORDS[state];
    badge.querySelector(".mode").textContent = mode;
    badge.querySelector(".socket").textContent = socket;
    badge.querySelector(".id").textContent = id ?? "";
  }

  return { draw, destroy() {} };
}
