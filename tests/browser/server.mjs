// Starts the tradewind binary on a free port with a data folder of its own.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
const BINARY = resolve(ROOT, process.env.TRADEWIND_BIN ?? "target/release/tradewind");
const READY_WITHIN_MS = 30_000;

/** A router that can be killed and started again at the same address, on the same data. */
export class Server {
  #folder = mkdtempSync(join(tmpdir(), "tradewind-browser-"));
  #child;
  #output = "";
  #shops = [];
  url = "";

  /** Serves the built-in demo shop, or the same with `edit` done to its `shop.toml`. */
  constructor(edit = undefined) {
    if (edit === undefined) return;
    const shop = join(this.#folder, "shops", "demo");
    cpSync(join(ROOT, "config", "demo"), shop, { recursive: true });
    const file = join(shop, "shop.toml");
    writeFileSync(file, edit(readFileSync(file, "utf8")));
    this.#shops = ["--shops", join(this.#folder, "shops")];
  }

  /** What it has said since it was started last. */
  get output() {
    return this.#output;
  }

  async start() {
    const listen = this.url === "" ? "127.0.0.1:0" : new URL(this.url).host;
    const args = ["serve", "--listen", listen, "--admin-listen", "127.0.0.1:0", "--data", join(this.#folder, "data"), ...this.#shops];
    const child = spawn(BINARY, args, { cwd: this.#folder, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#output = "";
    const failed = (why) => new Error(`${BINARY} ${why}:\n${this.#output}`);
    this.url = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(failed("did not say where it listens")), READY_WITHIN_MS);
      child.stdout.on("data", (chunk) => {
        this.#output += chunk;
        const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(this.#output);
        if (found === null) return;
        clearTimeout(late);
        resolve(found[1]);
      });
      child.stderr.on("data", (chunk) => (this.#output += chunk));
      child.on("error", reject);
      child.on("exit", (code) => reject(failed(`ended with ${code}`)));
    });
  }

  /** As a power cut: no handler runs, nothing is flushed. */
  kill() {
    return this.#end("SIGKILL");
  }

  async stop() {
    const impatient = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.#end("SIGTERM");
    clearTimeout(impatient);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #end(signal) {
    return new Promise((resolve) => {
      this.#child.on("exit", resolve);
      this.#child.kill(signal);
    });
  }
}
