import { makeError } from "./errors.js";
import { createInbox } from "./inbox.js";

const STRATEGIES = ["timer", "count", "stall", "sentinel"];
const STALL = 300;

/** Publishes a request, and returns what can be read for its answers until the strategy says enough. */
export function requestMany(connection, subject, payload, options = {}) {
  const { strategy = "timer", maxWait = 1000, maxMessages, stall = STALL } = options;
  if (!STRATEGIES.includes(strategy)) {
    throw makeError("invalid_option", `the strategy must be one of ${STRATEGIES.join(", ")}`);
  }
  if (!(maxWait >= 1)) throw makeError("invalid_option", "the option maxWait must be from 1");
  const max = strategy === "count" && maxMessages > 0 ? maxMessages : undefined;
  let stalled;
  const inbox = createInbox(connection.options.inboxPrefix);
  const each = (message) => {
    if (isNoResponders(message)) {
      sub.fail(makeError("no_responders", "nobody listens on the subject", { subject }).cause);
    } else if (strategy === "sentinel" && message.data.length === 0) {
      sub.unsubscribe();
    } else if (strategy === "stall") {
      clearTimeout(stalled);
      stalled = setTimeout(() => sub.unsubscribe(), stall);
    }
  };
  const sub = connection.listen(inbox, { max }, each);
  const enough = setTimeout(() => sub.unsubscribe(), maxWait);
  sub.closed.then(() => {
    clearTimeout(enough);
    clearTimeout(stalled);
  });
  try {
    connection.publish(subject, payload, { ...traced(options), reply: inbox });
  } catch (thrown) {
    sub.unsubscribe();
    throw thrown;
  }
  return sub;
}

/** Whether this is the server's word that nobody listens. */
export function isNoResponders(message) {
  return message.headers?.code === 503 && message.data.length === 0;
}

function traced({ headers, traceDestination, traceOnly }) {
  return { headers, traceDestination, traceOnly };
}
