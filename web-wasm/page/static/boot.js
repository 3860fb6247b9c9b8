// Loads the module. The page's policy forbids inline scripts, so this is a file.
import init from "./page.js";

init({ module_or_path: new URL("page_bg.wasm", import.meta.url) }).catch((error) => {
  const problem = document.getElementById("problem");
  problem.textContent = `The page could not start: ${error.message ?? error}. Reload it, or try another browser.`;
  problem.hidden = false;
});
