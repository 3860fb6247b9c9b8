// How often the clock is looked at, in milliseconds: no browser does it more often.
const PERIOD = 4;

/**
 * How long the page could not have answered a click: the longest time between two ticks of a
 * timer. Unlike the browser's own list of long tasks it sees what is shorter than 50 ms, and many
 * tasks in a row that leave nothing in between.
 */
export class Stalls {
  constructor() {
    this.reset();
    setInterval(() => this.#tick(), PERIOD);
  }

  reset() {
    this.last = performance.now();
    this.worst = 0;
  }

  #tick() {
    const now = performance.now();
    this.worst = Math.max(this.worst, now - this.last - PERIOD);
    this.last = now;
  }

  longest() {
    this.#tick();
    return Math.max(0, this.worst);
  }
}
