// Builds the app with each bundler as it comes: no plugins, and nothing set but where things are.
// To be run beside the app and what is installed for it; what is built is in `dist`.
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import webpack from "webpack";

/** Where the tests' server has the folder that this makes. */
const BASE = "/built/bundlers/dist";

await build({ base: `${BASE}/vite/`, build: { outDir: "dist/vite" }, logLevel: "warn" });

// It reads no pages, so it gets one that loads what it makes.
const page = (await readFile("index.html", "utf8")).replace(
  'type="module" src="./src/index.js"',
  'defer src="main.js"',
);
for (const mode of ["production", "development"]) {
  const path = resolve(`dist/webpack-${mode}`);
  // What it says of sizes, tools/package.sh says better.
  const made = await promisify(webpack)({ mode, output: { path }, performance: false });
  if (made.hasErrors() || made.hasWarnings()) throw new Error(made.toString());
  await writeFile(resolve(path, "index.html"), page);
}
