import instantiate from "./web_wasm_js.js";

let ready;

/**
 * Fetches and starts the WASM module, once: later calls return the same promise, unless it was
 * rejected. `wsconnect` calls it by itself.
 */
export function init(input) {
  ready ??= start(input).catch((error) => {
    ready = undefined;
    throw error;
  });
  return ready;
}

async function start(input) {
  // Bundlers see this expression, and take the file along.
  const module_or_path = input ?? new URL("./web_wasm_js_bg.wasm", import.meta.url);
  await instantiate({ module_or_path });
}
