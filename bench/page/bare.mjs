// The limit: a websocket that speaks just enough NATS to be served, and looks at nothing that it
// need not look at.
import { burst, turn } from "./turn.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const open = (url) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onerror = reject;
    socket.onmessage = () => {
      const session = new Session(socket);
      socket.send('CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n');
      session.flush().then(() => resolve(session), reject);
    };
  });

export const memory = () => 0;

/** Bytes, repeated into one array. */
const repeated = (bytes, count) => {
  const all = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i += 1) all.set(bytes, i * bytes.length);
  return all;
};

const operation = (line, size) => {
  const start = encoder.encode(`${line} ${size}\r\n`);
  const bytes = new Uint8Array(start.length + size + 2);
  bytes.set(start);
  bytes.set([13, 10], start.length + size);
  return bytes;
};

class Session {
  ways = ["bytes"];

  constructor(socket) {
    this.socket = socket;
  }

  receive(_how, subject) {
    this.socket.send(`SUB ${subject} 1\r\n`);
    return new ByteCounter(this.socket, subject);
  }

  /** Waits for so many bytes. */
  bytes(count) {
    let left = count;
    return new Promise((resolve) => {
      this.socket.onmessage = ({ data }) => {
        left -= data.byteLength;
        if (left <= 0) resolve();
      };
    });
  }

  flush() {
    const answer = new Promise((resolve) => {
      this.socket.onmessage = ({ data }) => {
        if (decoder.decode(data).includes("PONG")) resolve();
      };
    });
    this.socket.send("PING\r\n");
    return answer;
  }

  async close() {
    this.socket.onmessage = null;
    this.socket.close();
  }

  async publish(subject, size, count) {
    const atOnce = burst(size);
    const frame = repeated(operation(`PUB ${subject}`, size), atOnce);
    const one = frame.length / atOnce;
    for (let sent = 0; sent < count; sent += atOnce) {
      this.socket.send(frame.subarray(0, one * Math.min(atOnce, count - sent)));
      await turn();
    }
    await this.flush();
  }

  async publishFlushed(subject, size, count) {
    const message = operation(`PUB ${subject}`, size);
    const times = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      const began = performance.now();
      this.socket.send(message);
      await this.flush();
      times[i] = performance.now() - began;
    }
    return times;
  }

  async requests(subject, size, count) {
    const [question, answer] = this.ask(subject, size);
    const times = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      const began = performance.now();
      const answered = this.bytes(answer);
      this.socket.send(question);
      await answered;
      times[i] = performance.now() - began;
    }
    return times;
  }

  /** The next questions go out as answers come in, each in a frame of its own. */
  async pipelined(subject, size, count, window) {
    const [question, answer] = this.ask(subject, size);
    let bytes = 0;
    let sent = 0;
    const send = (upTo) => {
      while (sent < Math.min(count, upTo)) {
        this.socket.send(question);
        sent += 1;
      }
    };
    const all = new Promise((resolve) => {
      this.socket.onmessage = ({ data }) => {
        bytes += data.byteLength;
        const answered = Math.floor(bytes / answer);
        send(answered + window);
        if (answered >= count) resolve();
      };
    });
    send(window);
    await all;
  }

  /** A question, and how many bytes its answer has. */
  ask(subject, size) {
    const inbox = "_INBOX.bare";
    this.socket.send(`SUB ${inbox} 2\r\n`);
    const question = operation(`PUB ${subject} ${inbox}`, size);
    return [question, operation(`MSG ${inbox} 2`, size).length];
  }
}

/** Counts bytes up to those of a number of messages. */
class ByteCounter {
  constructor(socket, subject) {
    this.socket = socket;
    this.subject = subject;
  }

  arm(count, size) {
    const one = operation(`MSG ${this.subject} 1`, size).length;
    let left = count * one;
    let first = 0;
    this.all = new Promise((resolve) => {
      this.socket.onmessage = ({ data }) => {
        if (first === 0) first = performance.now();
        left -= data.byteLength;
        if (left <= 0) resolve({ bytes: count * size, elapsed: performance.now() - first });
      };
    });
  }

  done() {
    return this.all;
  }
}
