// The page's end of hot replacement: listens on the HMR socket and does what it says.

import { HotModules } from "./hot-context.js";
import { clearError, frameOf, isErrorShown, showError } from "./error-overlay.js";

// These four stand as Vite writes them into its own client, so that whoever reads that one can read this one.
const importMetaUrl = new URL(import.meta.url);
const hmrPort = __HMR_PORT__;
const socketHost = `${null || importMetaUrl.hostname}:${hmrPort}${"/"}`;
const wsToken = "__WS_TOKEN__";

const base = "__BASE__";
const here = importMetaUrl;
const socketUrl = `${here.protocol === "https:" ? "wss" : "ws"}://${socketHost}`;
const SERVICE_RESTART = 1012;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 5000;
const PING_EVERY = 30_000;

let socket = null;
let seenState = null; // of the files, as the server last told it
let mayHaveMissed = false; // until a server that came back has told it
let firstUpdate = true;
let leaving = false;
let reloading = null;

addEventListener("pagehide", () => (leaving = true));

const modules = new HotModules(
  (id, timestamp) => import(addressOf(id, timestamp)),
  (event, data) => send({ type: "custom", event, data }),
);

/** Return `import.meta.hot` for the module `id`; the dev server writes the call into each hot module. */
export function createHotContext(id) {
  return modules.context(id);
}

/** Return an `import()` for paths that only the running module knows: it takes the version that is live. */
export function importLive(importer) {
  return async (specifier, options) => {
    const url = new URL(specifier, importer);
    if (url.origin === here.origin && /\.m?js$/.test(url.pathname) && url.pathname.startsWith(base)) {
      const id = encodeURIComponent(`/${decodeURIComponent(url.pathname).slice(base.length)}`);
      const version = await (await fetch(`${base}@devstack/version?path=${id}`)).text();
      if (version !== "0") url.searchParams.set("t", version);
    }
    return import(url.href, options);
  };
}

function addressOf(id, timestamp) {
  const [path, query] = id.split("?");
  return `${base}${path.slice(1)}?t=${timestamp}${query ? `&${query}` : ""}`;
}

function reload(why) {
  console.info(`[hmr] reloading the page: ${why}`);
  clearTimeout(reloading);
  reloading = setTimeout(() => location.reload(), 20);
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// What the server says

async function obey(message) {
  switch (message.type) {
    case "update":
      await modules.notify("vite:beforeUpdate", message);
      if (firstUpdate && isErrorShown()) return reload("what was broken when it loaded is mended");
      firstUpdate = false;
      clearError();
      await Promise.all([updateStyles(message.updates), updateScripts(message.updates)]);
      return modules.notify("vite:afterUpdate", message);
    case "full-reload":
      await modules.notify("vite:beforeFullReload", message);
      if (concernsThisPage(message.path)) reload(message.triggeredBy ?? "the server asks for it");
      return undefined;
    case "prune":
      await modules.notify("vite:beforePrune", message);
      return modules.prune(message.paths);
    case "error":
      await modules.notify("vite:error", message);
      return showError({ ...message.err, ...message.err.loc });
    case "custom":
      if (message.event === "devstack:state") return compareState(message.data.state);
      return modules.notify(message.event, message.data);
    default:
      return undefined; // connected, ping
  }
}

/** A page is told of its own file alone; index.html stands for every route. */
function concernsThisPage(path) {
  if (!path?.endsWith(".html") || path === "/index.html") return true;
  const shown = decodeURI(location.pathname).slice(base.length - 1);
  return shown === path || `${shown}index.html` === path;
}

function compareState(state) {
  const missed = mayHaveMissed && state !== seenState;
  seenState = state;
  mayHaveMissed = false;
  if (missed) reload("files changed while the server was away");
}

async function updateScripts(updates) {
  const failures = await modules.apply(updates.filter((update) => update.type === "js-update"));
  for (const update of updates) {
    const failed = failures.some((failure) => failure.id === update.acceptedPath);
    if (!failed && update.type === "js-update") console.info(`[hmr] replaced ${update.acceptedPath}`);
  }
  for (const { id, timestamp, error } of failures) await explain(addressOf(id, timestamp), error);
}

// What is wrong with a script

/**
 * Show why the script at `address` could not be imported. `import()` says what is wrong but not where; a script
 * element of the same address does, and runs nothing, for what failed once stays failed in this page.
 */
async function explain(address, error) {
  const url = new URL(address, here);
  const place = await locate(url);
  console.error(`[hmr] could not replace ${url.pathname}`, error);
  await showPlace(place?.filename ?? url.href, place?.lineno, place?.colno, error);
}

function locate(url) {
  return new Promise((resolve) => {
    const probe = document.createElement("script");
    const end = (place) => {
      removeEventListener("error", heard);
      probe.remove();
      resolve(place);
    };
    const heard = (event) => event.filename && end(event);
    addEventListener("error", heard);
    probe.type = "module";
    probe.dataset.probe = "";
    probe.src = url.href;
    probe.onload = probe.onerror = () => setTimeout(end, 0, null);
    document.head.append(probe);
  });
}

async function showPlace(filename, line, column, error) {
  const file = `/${decodeURI(new URL(filename).pathname).slice(base.length)}`;
  const frame = line ? await frameOf(filename, line, column) : "";
  showError({ message: String(error), file, line, column, frame });
}

/** Errors of syntax and linking while the page loads: the browser tells the window, with their place. */
addEventListener("error", (event) => {
  const isOwn = event.filename?.startsWith(here.origin);
  if (isOwn && event.error instanceof SyntaxError && !document.querySelector("script[data-probe]")) {
    showPlace(event.filename, event.lineno, event.colno, event.error);
  }
});

/** Scripts that the page names and that cannot be had; such an event does not bubble, but it is captured. */
addEventListener("error", ({ target }) => {
  if (target instanceof HTMLScriptElement && target.type === "module" && !("probe" in target.dataset)) {
    showError({ message: `The script ${target.getAttribute("src")}, or one that it imports, cannot be loaded.` });
  }
}, true);

// Style sheets

/** Put the new sheet beside the old one and take that away when the new one is there: no flash without style. */
function updateStyles(updates) {
  return Promise.all(updates.filter((update) => update.type === "css-update").flatMap(({ path, timestamp }) =>
    [...document.querySelectorAll('link[rel~="stylesheet"]')].filter((link) => isSheet(link, path)).map((link) =>
      new Promise((resolve) => {
        const next = link.cloneNode();
        const url = new URL(link.href);
        url.searchParams.set("t", timestamp);
        next.href = url.href;
        link.outdated = true;
        next.onload = next.onerror = () => {
          link.remove();
          console.info(`[hmr] replaced ${path}`);
          resolve();
        };
        link.after(next);
      }),
    ),
  ));
}

function isSheet(link, path) {
  const url = new URL(link.href);
  return !link.outdated && url.origin === here.origin && `/${decodeURI(url.pathname).slice(base.length)}` === path;
}

// The connection

/** Keep one connection; after a lost one wait for the server, then reload where the page may be out of date. */
async function keepConnected() {
  let failures = 0;
  let mustReload = false;
  console.info(`[hmr] dev mode, socket ${socketUrl} (the page's server says that HMR has port ${hmrPort})`);
  while (!leaving) {
    const { opened, code } = await session();
    if (leaving) return;
    if (opened) {
      failures = 0;
      mayHaveMissed = seenState !== null;
      mustReload ||= code !== SERVICE_RESTART;
      console.warn(`[hmr] lost the server at ${socketUrl} (${code}); waiting for it`);
      modules.notify("vite:ws:disconnect", { webSocket: socket });
    }
    do await pause(failures++); while (!(await ping()) && !leaving);
    if (mustReload && !leaving) {
      while (!(await pageAnswers())) await pause(failures++);
      return reload("the server is back");
    }
    if (!opened && failures > 1) {
      console.warn(`[hmr] ${socketUrl} answers, but not to this page: is it another checkout's server?`);
    }
  }
  return undefined;
}

/** Open the socket and resolve when it has closed. */
function session() {
  return new Promise((resolve) => {
    let opened = false;
    let queue = Promise.resolve();
    let pinging;
    socket = new WebSocket(`${socketUrl}?token=${wsToken}`, "vite-hmr");
    socket.onopen = () => {
      opened = true;
      console.info(`[hmr] connected to ${socketUrl}`);
      modules.notify("vite:ws:connect", { webSocket: socket });
      pinging = setInterval(() => send({ type: "ping" }), PING_EVERY);
    };
    socket.onmessage = ({ data }) => {
      queue = queue.then(() => obey(JSON.parse(data))).catch((error) => console.error("[hmr]", error));
    };
    socket.onclose = ({ code }) => {
      clearInterval(pinging);
      resolve({ opened, code });
    };
  });
}

/** Exponential backoff with full jitter: any time up to the bound, so that many pages do not come at once. */
function pause(failures) {
  const bound = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures);
  return new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * bound));
}

/** Ask whether the HMR server is there: it takes this subprotocol from everybody and closes at once. */
function ping() {
  return new Promise((resolve) => {
    const probe = new WebSocket(socketUrl, "vite-ping");
    probe.onopen = () => (resolve(true), probe.close());
    probe.onerror = () => resolve(false);
  });
}

/** A reload while the frontend is still away would leave the browser's own error page. */
async function pageAnswers() {
  try {
    const headers = { accept: "text/html" }; // as for the reload: at a route nothing else is answered
    return (await fetch(location.href, { method: "HEAD", cache: "no-store", headers })).ok;
  } catch {
    return false;
  }
}

keepConnected();
