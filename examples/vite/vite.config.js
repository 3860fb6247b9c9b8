import { defineConfig } from "vite";

export default defineConfig({
  // Relative, so that the built page runs below any path.
  base: "./",
  // Where the package's module looks for its WASM, `import.meta.url`, has to stay beside it.
  optimizeDeps: { exclude: ["web-wasm-js"] },
  // What it needs of the tree around it: the package, and the style of all examples.
  server: { fs: { allow: ["../.."] } },
});
