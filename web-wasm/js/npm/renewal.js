/** How long before its end a credential is renewed at the latest, in milliseconds. */
const LATEST = 2000;

/**
 * For how long a credential is used of which that is `wanted`: its end is counted in whole seconds and may
 * come one sooner than it says, and the next one has to get to the server.
 */
export const usedFor = (wanted, life) => Math.min(wanted, life - Math.min(LATEST, life / 2));
