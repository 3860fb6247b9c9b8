import { wsconnect } from "web-wasm-js";
import { talk } from "./talk.js";

onmessage = async ({ data }) => {
  const talking = wsconnect(data).then(talk);
  postMessage(await talking.catch((error) => ({ error: error.stack })));
};
