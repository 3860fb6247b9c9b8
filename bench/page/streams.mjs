// The benchmarks of streams and buckets, with nats.js's packages on a connection of either library.

/** How many messages an answer may bring, here as in the client for Rust; half of them ask for more. */
const BATCH = 500;

export class Streams {
  constructor({ AckPolicy, Kvm, jetstream, jetstreamManager }, connection) {
    this.connection = connection;
    this.explicit = AckPolicy.Explicit;
    this.jetstream = jetstream(connection);
    this.manager = () => jetstreamManager(connection);
    this.buckets = new Kvm(connection);
  }

  close() {
    return this.connection.close();
  }

  async publish(subject, size, count) {
    const payload = new Uint8Array(size);
    const times = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      const began = performance.now();
      await this.jetstream.publish(subject, payload);
      times[i] = performance.now() - began;
    }
    return times;
  }

  async pipelined(subject, size, count, window) {
    const payload = new Uint8Array(size);
    let left = count;
    const publish = async () => {
      while (left > 0) {
        left -= 1;
        await this.jetstream.publish(subject, payload);
      }
    };
    await Promise.all(Array.from({ length: window }, publish));
  }

  /** Reads a stream from its beginning, in order; how many bytes that were. */
  async ordered(stream, count) {
    return this.#read(await this.jetstream.consumers.get(stream), count, () => {});
  }

  /** Reads a stream by a consumer that wants each message acknowledged. */
  async acknowledged(stream, count) {
    const manager = await this.manager();
    const { name } = await manager.consumers.add(stream, { ack_policy: this.explicit });
    const consumer = await this.jetstream.consumers.get(stream, name);
    const bytes = await this.#read(consumer, count, (message) => message.ack());
    await this.connection.flush();
    return bytes;
  }

  async #read(consumer, count, each) {
    const options = { max_messages: BATCH, threshold_messages: BATCH / 2 };
    const messages = await consumer.consume(options);
    let bytes = 0;
    let left = count;
    for await (const message of messages) {
      bytes += message.data.length;
      each(message);
      left -= 1;
      if (left === 0) break;
    }
    return bytes;
  }

  /** Watches a bucket until as many keys have been told as it has; how many bytes their values were. */
  async watch(name, count) {
    const bucket = await this.buckets.open(name);
    let bytes = 0;
    let left = count;
    for await (const entry of await bucket.watch()) {
      bytes += entry.value.length;
      left -= 1;
      if (left === 0) break;
    }
    return bytes;
  }
}
