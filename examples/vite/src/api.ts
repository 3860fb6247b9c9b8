/** Has the API publish an update, which comes by NATS. */
export async function ping(): Promise<void> {
  const answer = await fetch("/ping", { method: "POST", signal: AbortSignal.timeout(10_000) }).catch(
    (error: unknown) => {
      throw new Error("The API was not reached", { cause: error });
    },
  );
  if (answer.ok) return;
  // Its errors are problem details (RFC 9457), whose `detail` is meant for people.
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
  throw new Error(`The API answered ${answer.status}: ${problem.detail ?? answer.statusText}`);
}
