// Shows over the page what is wrong with a source file, where, and the lines around it.

const NAME = "vite-error-overlay"; // the name that tests and tools for Vite look for

const STYLE = `
  :host { position: fixed; inset: 0; z-index: 2147483647; overflow: auto; background: rgb(0 0 0 / 0.66); }
  section { box-sizing: border-box; width: min(56rem, calc(100% - 2rem)); margin: 2rem auto; padding: 1.25rem 1.5rem;
    border-top: 6px solid #ff5d5d; border-radius: 6px; background: #17191f; color: #e8e8ea;
    font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace; }
  h1 { margin: 0 0 .5rem; color: #ff7b7b; font-size: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
  .file { margin: 0 0 .75rem; color: #7cc7ff; overflow-wrap: anywhere; }
  pre { margin: 0 0 .75rem; overflow-x: auto; color: #f3d27a; }
  .tip { margin: 0; color: #9a9ca5; font-size: 12px; }
  pre:empty, .file:empty { display: none; }
`;

class ErrorOverlay extends HTMLElement {
  #onKey = (event) => event.key === "Escape" && this.close();

  /** @param {{message: string, file?: string, line?: number, column?: number, frame?: string}} error */
  constructor({ message, file, line, column, frame }) {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = element("style", "", STYLE);
    const section = element("section", "", "");
    const place = file ? [file, line, column].filter(Boolean).join(":") : "";
    section.setAttribute("role", "alertdialog");
    section.setAttribute("aria-label", "Error in the source");
    section.append(
      element("h1", "message", message),
      element("p", "file", place),
      element("pre", "frame", frame ?? ""),
      element("p", "tip", "It goes away when the file is mended; Esc or a click beside it hides it."),
    );
    section.addEventListener("click", (event) => event.stopPropagation());
    this.addEventListener("click", () => this.close());
    root.append(style, section);
  }

  connectedCallback() {
    document.addEventListener("keydown", this.#onKey);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#onKey);
  }

  close() {
    this.remove();
  }
}

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

if (!customElements.get(NAME)) customElements.define(NAME, ErrorOverlay);

/** Show `error`, in place of one that is shown already. */
export function showError(error) {
  clearError();
  (document.body ?? document.documentElement).append(new ErrorOverlay(error));
}

export function clearError() {
  for (const shown of document.querySelectorAll(NAME)) shown.close();
}

export function isErrorShown() {
  return document.querySelector(NAME) !== null;
}

/** Return the lines around `line` of the script at `url`, numbered, with a caret below `column`. */
export async function frameOf(url, line, column) {
  try {
    const lines = (await (await fetch(url)).text()).split("\n");
    const first = Math.max(0, line - 3);
    return lines.slice(first, line + 2).flatMap((text, offset) => {
      const number = first + offset + 1;
      const label = `${String(number).padStart(4)} | `;
      if (number === line) return [label + text, `     | ${" ".repeat(Math.max(0, column - 1))}^`];
      return [label + text.replace(/[?&]t=\d+/g, "")]; // the versions are not the author's
    }).join("\n");
  } catch {
    return ""; // the server is gone: the message alone must do
  }
}
