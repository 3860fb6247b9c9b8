/** How many lines a list keeps: a page may be open for days. */
const LINES = 100;

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no #${id}`);
  return found;
}

export const button = element("call-api", HTMLButtonElement);
export const form = element("playground", HTMLFormElement);
export const input = element("text", HTMLInputElement);
export const publish = element("publish", HTMLButtonElement);
export const updates = element("updates", HTMLOListElement);
export const said = element("said", HTMLOListElement);

const connection = element("connection", HTMLOutputElement);
const problem = element("problem", HTMLParagraphElement);

export type State = "connecting" | "connected" | "reconnecting" | "closed";

export function showState(state: State, words: string = state): void {
  connection.dataset["state"] = state;
  connection.textContent = words;
}

/** Says what went wrong, or with no words that it is over. */
export function showProblem(words = ""): void {
  problem.textContent = words;
  problem.hidden = words === "";
}

/** Says in the list itself that messages are missing there, and why. */
export function addNote(list: HTMLOListElement, line: string): void {
  addLine(list, "note", { line });
}

/** Adds a line of parts, newest first. What comes from outside is text, never markup. */
export function addLine(list: HTMLOListElement, name: string, parts: Record<string, string>): void {
  const item = document.createElement("li");
  item.className = name;
  for (const [part, text] of Object.entries(parts)) {
    const span = document.createElement("span");
    span.className = part;
    span.textContent = text;
    item.append(span);
  }
  list.prepend(item);
  while (list.children.length > LINES) list.lastElementChild?.remove();
}
