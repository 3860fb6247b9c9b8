/** Counts messages up to a number; the clock runs from the first one. */
export class Counter {
  arm(count) {
    this.left = count;
    this.bytes = 0;
    this.first = 0;
    this.all = new Promise((resolve) => (this.finish = resolve));
  }

  take(length) {
    if (this.first === 0) this.first = performance.now();
    this.bytes += length;
    this.left -= 1;
    if (this.left === 0) this.finish(performance.now());
  }

  async done() {
    const last = await this.all;
    return { bytes: this.bytes, elapsed: last - this.first };
  }
}
