// Vite's development server for the app, which builds nothing.
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

/** What answers a server's requests below `base`, and what ends it. */
export async function develop(base, server) {
  const vite = await createServer({
    root: fileURLToPath(new URL(".", import.meta.url)),
    base,
    // What the package's README says that it takes.
    optimizeDeps: { exclude: ["web-wasm-js"] },
    server: { middlewareMode: true, hmr: { server }, watch: null },
    logLevel: "warn",
  });
  return { answer: vite.middlewares, close: () => vite.close() };
}
