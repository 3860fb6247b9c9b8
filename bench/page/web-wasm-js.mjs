// Bundled by esbuild: what a page would ship of this project's npm package. The glue tells how much
// memory the module takes.
export { default as glue } from "./node_modules/web-wasm-js/web_wasm_js.js";
export { adoptErrors, init, wsconnect } from "web-wasm-js";
