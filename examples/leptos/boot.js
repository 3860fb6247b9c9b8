// Starts the app. The API's content security policy forbids inline scripts, so this is a file.
import init from "./app.js";

await init();
