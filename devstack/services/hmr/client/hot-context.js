// `import.meta.hot`: what a module says of its own replacement, and the replacing itself.
// The API is Vite's (https://vite.dev/guide/api-hmr), so that modules written for it work here.

/** All that is remembered of hot modules, by id (`/app/chart.js`), across their versions. */
export class HotModules {
  callbacks = new Map(); // id -> [{ deps, run }]
  disposers = new Map();
  pruners = new Map();
  data = new Map();
  listeners = new Map(); // event -> [{ owner, run }]

  /**
   * @param {(id: string, timestamp: number) => Promise<object>} load imports one version of a module
   * @param {(event: string, data: unknown) => void} send tells the server
   */
  constructor(load, send) {
    this.load = load;
    this.send = send;
  }

  /** Return `import.meta.hot` for a module that is about to run; what its earlier version said is void. */
  context(id) {
    this.callbacks.set(id, []);
    if (!this.data.has(id)) this.data.set(id, {});
    for (const [event, all] of this.listeners) {
      this.listeners.set(event, all.filter((one) => one.owner !== id));
    }
    return new HotContext(this, id);
  }

  /** Call the listeners of `event`; one that fails does not keep the others from hearing. */
  async notify(event, data) {
    const all = this.listeners.get(event) ?? [];
    const results = await Promise.allSettled(all.map(async (one) => one.run(data)));
    for (const { reason } of results.filter((result) => result.status === "rejected")) console.error(reason);
  }

  /**
   * Load the new versions and hand them to those that accept them: all are loaded before any is handed on.
   * @returns {Promise<{id: string, timestamp: number, error: unknown}[]>} what could not be loaded
   */
  async apply(updates) {
    const failures = [];
    const ready = await Promise.all(updates.map((update) => this.#prepare(update, failures)));
    for (const run of ready) run?.();
    return failures;
  }

  async #prepare({ path, acceptedPath, timestamp, firstInvalidatedBy }, failures) {
    if (!this.callbacks.has(path)) return undefined; // this page never ran it
    const accepting = this.callbacks.get(path).filter(({ deps }) => deps.includes(acceptedPath));
    if (path !== acceptedPath && accepting.length === 0) return undefined;
    await this.disposers.get(acceptedPath)?.(this.data.get(acceptedPath));
    let loaded;
    try {
      loaded = await this.load(acceptedPath, timestamp);
    } catch (error) {
      failures.push({ id: acceptedPath, timestamp, error });
    }
    return () => {
      this.invalidatedBy = firstInvalidatedBy;
      try {
        for (const { deps, run } of accepting) run(deps.map((dep) => (dep === acceptedPath ? loaded : undefined)));
      } finally {
        this.invalidatedBy = undefined;
      }
    };
  }

  /** Let modules that nothing imports any more clean up, and forget them. */
  async prune(ids) {
    await Promise.all(ids.map((id) => this.disposers.get(id)?.(this.data.get(id))));
    await Promise.all(ids.map((id) => this.pruners.get(id)?.(this.data.get(id))));
    for (const id of ids) this.data.delete(id);
  }
}

/** One module's `import.meta.hot`. */
class HotContext {
  #modules;
  #id;

  constructor(modules, id) {
    this.#modules = modules;
    this.#id = id;
  }

  /** What the module's earlier version left for this one. */
  get data() {
    return this.#modules.data.get(this.#id);
  }

  /** `accept()`, `accept(run)`: the module itself; `accept("./dep.js", run)`, `accept([…], run)`: imports of it. */
  accept(deps, run = () => {}) {
    if (deps === undefined || typeof deps === "function") this.#accept([this.#id], ([module]) => deps?.(module));
    else if (typeof deps === "string") this.#accept([deps], ([module]) => run(module));
    else if (Array.isArray(deps)) this.#accept(deps, run);
    else throw new TypeError("import.meta.hot.accept takes nothing, a function, a path or a list of paths");
  }

  #accept(deps, run) {
    this.#modules.callbacks.get(this.#id).push({ deps, run });
  }

  /** Before the module is replaced: `run(data)`. */
  dispose(run) {
    this.#modules.disposers.set(this.#id, run);
  }

  /** When nothing imports the module any more: `run(data)`. */
  prune(run) {
    this.#modules.pruners.set(this.#id, run);
  }

  /** The change cannot be taken here after all: pass it on to the importers. */
  invalidate(message) {
    const data = { path: this.#id, message, firstInvalidatedBy: this.#modules.invalidatedBy ?? this.#id };
    this.#modules.notify("vite:invalidate", data);
    this.#modules.send("vite:invalidate", data);
    console.info(`[hmr] ${this.#id} cannot take the change${message ? `: ${message}` : ""}`);
  }

  /** Listen to an event of the client's (`vite:beforeUpdate` …) or one that the server sends. */
  on(event, run) {
    const all = this.#modules.listeners.get(event) ?? [];
    this.#modules.listeners.set(event, [...all, { owner: this.#id, run }]);
  }

  off(event, run) {
    const all = this.#modules.listeners.get(event) ?? [];
    this.#modules.listeners.set(event, all.filter((one) => one.run !== run));
  }

  /** Tell the server something. */
  send(event, data) {
    this.#modules.send(event, data);
  }

  decline() {} // obsolete in Vite as well; kept so that a call of it is no error
}
