import { makeError } from "./errors.js";
import { createInbox } from "./inbox.js";
import { isNoResponders } from "./request_many.js";

/**
 * What nats.js's packages reach through a message, to ask for the confirmation of an acknowledgement:
 * requests of their own kind, whose answers come by one subscription.
 */
export class Publisher {
  #connection;
  #requests = new Map();
  #subscribed = false;

  constructor(connection) {
    this.#connection = connection;
    this.options = connection.options;
    const cancel = (request) => this.#requests.delete(request.token);
    this.muxSubscriptions = {
      baseInbox: `${createInbox(connection.options.inboxPrefix)}.`,
      cancel,
    };
  }

  publish(subject, payload, options) {
    this.#connection.publish(subject, payload, options);
  }

  request(request) {
    this.#subscribe();
    this.#requests.set(request.token, request);
    return request;
  }

  #subscribe() {
    if (this.#subscribed) return;
    const { baseInbox } = this.muxSubscriptions;
    const callback = (error, message) => {
      if (error) this.#failAll(error);
      else this.#answer(message.subject.slice(baseInbox.length), message);
    };
    const sub = this.#connection.listen(`${baseInbox}*`, { callback });
    this.#subscribed = true;
    sub.closed.then(() => {
      this.#subscribed = false;
      this.#failAll(makeError("connection_closed", "the connection is closed"));
    });
  }

  #answer(token, message) {
    const request = this.#requests.get(token);
    if (request === undefined) return;
    const subject = request.requestSubject;
    const nobody = isNoResponders(message)
      ? makeError("no_responders", "nobody listens on the subject", { subject }).cause
      : null;
    request.resolver(nobody, message);
  }

  #failAll(error) {
    for (const request of [...this.#requests.values()]) request.cancel(error);
    this.#requests.clear();
  }
}
