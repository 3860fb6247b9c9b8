// Who is alive is told by Web Locks: the browser frees them when a tab or a worker is gone, however it
// went.

/** Takes a lock that nobody else has, and returns what lets go of it. */
export function hold(name) {
  return new Promise((held, failed) => {
    const holding = navigator.locks.request(name, () => new Promise((release) => held(release)));
    holding.catch(failed);
  });
}

/** Calls `then` once nobody holds a lock; not if the signal is given before. */
export function whenFree(name, signal, then) {
  const free = navigator.locks.request(name, { mode: "shared", signal }, () => {});
  // The signal's word.
  free.then(() => signal.aborted || then(), () => {});
}
