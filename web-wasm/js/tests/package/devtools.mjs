// Chromium's tabs, by its own protocol, over the two pipes of `--remote-debugging-pipe`.

/** What opens, closes and crashes tabs of a browser that this process started. */
export class Devtools {
  #pipe;
  #lastId = 0;
  #waiting = new Map();
  #rest = "";

  constructor(child) {
    this.#pipe = child.stdio[3];
    child.stdio[4].setEncoding("utf8").on("data", (text) => this.#hear(text));
    // The browser may be gone before this is.
    for (const pipe of [child.stdio[3], child.stdio[4]]) pipe.on("error", () => {});
  }

  #hear(text) {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    }
  }

  #call(method, params, sessionId) {
    this.#lastId += 1;
    this.#pipe.write(`${JSON.stringify({ id: this.#lastId, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#lastId, { resolve, reject });
    });
  }

  /** Opens a page in a tab of its own, and returns the tab's id. */
  async open(url) {
    return (await this.#call("Target.createTarget", { url })).targetId;
  }

  async close(targetId) {
    await this.#call("Target.closeTarget", { targetId });
  }

  /** Ends a tab's process; nothing of the page runs any more. */
  async crash(targetId) {
    const { sessionId } = await this.#call("Target.attachToTarget", { targetId, flatten: true });
    // There is nobody left to answer.
    this.#call("Page.crash", {}, sessionId).catch(() => {});
  }

  /** Ends the shared workers of an address, as the browser may. */
  async endWorkers(url) {
    const { targetInfos } = await this.#call("Target.getTargets", {});
    const found = targetInfos.filter((one) => one.type === "shared_worker" && one.url === url);
    for (const { targetId } of found) await this.close(targetId);
    return found.length;
  }
}
