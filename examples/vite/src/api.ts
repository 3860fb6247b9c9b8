/** What the API grants: a JWT about a key, and what goes with it. */
export interface Grant {
  readonly jwt: string;
  /** After how many seconds a new one should be asked for. */
  readonly refresh_after: number;
  /** What the client's inboxes have to begin with. */
  readonly inbox_prefix: string;
  /** The websocket listeners that take the JWT. */
  readonly servers: readonly string[];
}

/** The API's answer, where it is not the one that was asked for. */
export class ApiError extends Error {
  /** Whether asking again is of no use. */
  readonly isFinal: boolean;

  constructor(
    status: number,
    detail: string,
    /** For how many milliseconds the API wants to be left alone. */
    readonly retryAfter: number,
  ) {
    super(`The API answered ${status}: ${detail}`);
    this.isFinal = status === 401 || status === 403;
  }
}

/** Has the API publish an update, which comes by NATS. */
export async function ping(): Promise<void> {
  await post("/ping");
}

/** Asks for a credential for this public key. */
export async function credential(nkey: string): Promise<Grant> {
  return (await post("/v1/credentials", { nkey })) as Grant;
}

async function post(path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  }).catch((error: unknown) => {
    throw new Error("The API was not reached", { cause: error });
  });
  if (answer.ok) return answer.json();
  // Its errors are problem details (RFC 9457), whose `detail` is meant for people.
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
  const retryAfter = Number(answer.headers.get("retry-after") ?? 0) * 1_000;
  throw new ApiError(answer.status, problem.detail ?? answer.statusText, retryAfter);
}
