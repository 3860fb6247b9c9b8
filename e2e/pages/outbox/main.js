// Opens an outbox, through which the test publishes.

import init, { Writer } from "./reader.js";

const state = document.getElementById("state");
const begin = async () => {
  await init();
  const asked = new URLSearchParams(location.search);
  globalThis.writer = await Writer.begin(asked.get("server"), asked.get("subject"));
  state.textContent = "begun";
};
begin().catch((error) => {
  state.textContent = `failed: ${error}`;
});
