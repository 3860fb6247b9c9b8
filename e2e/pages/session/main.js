// Connects to NATS with nothing: neither a key nor a token, only what the browser does by itself.

import init, { wsconnect } from "./client.js";

const element = (id) => document.getElementById(id);
const show = (state) => {
  element("connection").dataset.state = state;
};

// As far as this page is concerned, signing in is a call, and what comes of it is not for scripts.
const call = async (method, headers, body) => {
  const answer = await fetch("/v1/session", { method, headers, body });
  element("answer").textContent = answer.status;
};
element("begin").addEventListener("click", () => {
  const authorization = `Bearer ${element("key").value}`;
  call("POST", { authorization, "content-type": "application/json" }, "{}");
});
element("end").addEventListener("click", () => call("DELETE"));
element("cookie").textContent = document.cookie;

const connect = async () => {
  await init();
  const servers = new URLSearchParams(location.search).get("server");
  const connection = await wsconnect({ servers });
  const callback = (error, update) => {
    if (error) {
      throw error;
    }
    const item = document.createElement("li");
    item.className = "update";
    const line = document.createElement("span");
    line.className = "line";
    line.textContent = update.string();
    item.append(line);
    element("updates").append(item);
  };
  connection.subscribe("com.scaling-ws.updates", { callback });
  show("connected");
  element("connects").textContent = connection.stats().connects;
  for await (const event of connection.status()) {
    if (event.type === "connect") {
      show("connected");
      element("connects").textContent = connection.stats().connects;
    } else if (event.type === "disconnect") {
      show("reconnecting");
    }
  }
  show("closed");
};
connect().catch((error) => {
  show("closed");
  console.info(error);
});
