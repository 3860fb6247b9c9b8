// Reads a stream, and answers the test's questions about what came of it.

import init, { Reader } from "./reader.js";

const state = document.getElementById("state");
const begin = async () => {
  await init();
  const asked = new URLSearchParams(location.search);
  globalThis.reader = await Reader.begin(asked.get("server"), asked.get("stream"), asked.get("subject"));
  state.textContent = "begun";
};
begin().catch((error) => {
  state.textContent = `failed: ${error}`;
});
