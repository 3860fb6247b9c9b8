import { createUser } from "@nats-io/nkeys";
import { jwtAuthenticator, type Authenticator } from "web-wasm-js";

import { ApiError, credential, type Grant } from "./api";

/**
 * Who this page is to NATS: a key pair of its own, which never leaves it, and a JWT by the API that says
 * what the public half may do.
 *
 * The key is in the page's memory, which works in every browser. Where Ed25519 is in WebCrypto, that can
 * keep it out of the reach of scripts: see the plain example.
 */
export class Credentials {
  readonly #pair = createUser();
  #grant: Grant | undefined;
  #freshUntil = 0;

  /** The public key, `U…`: the name of this visitor. */
  readonly key = this.#pair.getPublicKey();

  /**
   * A grant that is fresh. It serves more than one connection, so that an API that is away for a moment
   * keeps nobody from coming back.
   */
  async grant(): Promise<Grant> {
    // By the wall clock, as others stand still while a laptop sleeps.
    const now = Date.now();
    if (this.#grant === undefined || now >= this.#freshUntil) {
      this.#grant = await credential(this.key);
      this.#freshUntil = now + this.#grant.refresh_after * 1_000;
    }
    return this.#grant;
  }

  /** The first grant. While the API is away it is asked ever more rarely; a refusal is final. */
  async firstGrant(waiting: (error: Error) => void): Promise<Grant> {
    for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
      try {
        return await this.grant();
      } catch (error) {
        if (!(error instanceof Error) || (error instanceof ApiError && error.isFinal)) throw error;
        waiting(error);
        // Half of the pause is left to chance, lest all tabs come back in step.
        const jittered = pause * (0.5 + Math.random() / 2);
        const wait = Math.max(error instanceof ApiError ? error.retryAfter : 0, jittered);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /** To be called when a server has refused the JWT, lest it be offered again. */
  forget(): void {
    this.#grant = undefined;
  }

  /**
   * What the client asks for each connection. The server's nonce is signed, and no secret is sent. When a
   * JWT expires the server ends the connection; the client is back at once with the next one, and tells
   * the gap between the two.
   */
  readonly authenticate: Authenticator = async (nonce) => {
    const { jwt } = await this.grant();
    return jwtAuthenticator(jwt, this.#pair.getSeed())(nonce);
  };
}
