// A worker, shared or not, that connects when it is told where to.
import { init, wsconnect } from "/package/index.js";

async function talk({ url, missing }) {
  if (missing !== undefined) {
    const failed = await init(missing).then(() => false, () => true);
    await init();
    return { failed, again: true };
  }
  const nc = await wsconnect({ servers: url });
  const sub = nc.subscribe("worker.>", { max: 1 });
  nc.publish("worker.echo", "hello");
  let echo;
  for await (const message of sub) echo = message.string();
  const server = nc.info.server_name;
  await nc.close();
  return { server, echo };
}

const serve = (port) => {
  port.onmessage = async ({ data }) => {
    port.postMessage(await talk(data).catch((error) => ({ error: String(error) })));
  };
};
if ("onconnect" in globalThis) globalThis.onconnect = ({ ports }) => serve(ports[0]);
else serve(globalThis);
