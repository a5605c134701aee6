// What bots say to each other, and a line to talk to them.

import { formatTime } from "./format.js";

export function createBots(store, actions) {
  const list = document.getElementById("bot-messages");
  const form = document.getElementById("bot-form");
  const button = form.querySelector("button");
  const listening = new AbortController();

  function element(name, text, className = "") {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  }

  function line({ from, to, text, time }) {
    const item = document.createElement("li");
    const stamp = element("time", formatTime(time));
    stamp.dateTime = time;
    item.append(stamp, element("b", to ? `${from} → ${to}` : from), element("span", text));
    return item;
  }

  function drawMessages() {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const none = element("li", "No bot has said anything yet.", "empty");
    list.replaceChildren(...(store.botMessages.length ? store.botMessages.map(line) : [none]));
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  function submit(event) {
    event.preventDefault();
    const { text, to } = form.elements;
    if (actions.sendToBots(text.value, to.value.trim() || undefined)) text.value = "";
    text.focus();
  }

  form.addEventListener("submit", submit, listening);
  drawMessages();

  return {
    draw(changed) {
      if (changed.has("bots")) drawMessages();
      if (changed.has("connection")) button.disabled = store.connection.state !== "live";
    },
    destroy: () => listening.abort(),
  };
}
