// Loads the module. The page's policy forbids inline scripts, so this is a file.
import init from "./page.js";

init().catch((error) => {
  const problem = document.getElementById("problem");
  problem.textContent = `The page could not start: ${error.message ?? error}`;
  problem.hidden = false;
});
