import { defineConfig } from "vite";

/** Where `just demo` has the API. */
const API = "http://localhost:3000";

// The development server stands in front of it. The API answers to pages of its own origin only, and
// this is one as far as it can tell.
const api = { target: API, headers: { origin: API } };

export default defineConfig({
  // Relative, so that the built page runs below any path.
  base: "./",
  // Where the package looks for its WASM, `import.meta.url`, has to stay the file's own.
  optimizeDeps: { exclude: ["web-wasm-js"] },
  server: {
    proxy: { "/v1": api, "/ping": api },
    // What it needs of the tree around it: the package, and the style of all examples.
    fs: { allow: ["../.."] },
  },
});
