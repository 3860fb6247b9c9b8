const { port1, port2 } = new MessageChannel();
const waiting = [];
port1.onmessage = () => waiting.shift()();

/** Lets the event loop take its turn, without the wait that timers have. */
export const turn = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(undefined);
  });

/** How many messages of a size are published in one go: what a busy page might do. */
export const burst = (size) => Math.max(1, Math.min(1000, Math.floor((1 << 20) / size)));
