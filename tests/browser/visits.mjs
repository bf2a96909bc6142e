// The browser of a test, the pages that are open in it, and what people do on them.
//
//   CHROMIUM          the browser (/usr/bin/chromium)
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  // A page about a server that is gone would load again by itself and cross the test's own loading.
  "--disable-auto-reload",
];
const WAIT_MS = 20_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** People at their browsers. */
export class Visits {
  #browser;
  #contexts = [];
  #complaints = [];

  async start() {
    assert.ok(existsSync(CHROMIUM), `no browser at ${CHROMIUM}: install chromium or set CHROMIUM`);
    this.#browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  }

  async stop() {
    await this.#browser?.close();
  }

  /** Somebody with these options of a browser's context. */
  async visitor(options) {
    const context = await this.#browser.newContext(options);
    context.setDefaultTimeout(WAIT_MS);
    this.#contexts.push(context);
    return context;
  }

  /** A visitor's page at an address, whose console is listened to. */
  async open(context, url) {
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") this.#complaints.push(`${url}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#complaints.push(`${url}: ${error.message}`));
    await page.goto(url);
    return page;
  }

  /** Every open page. */
  pages() {
    return this.#contexts.flatMap((context) => context.pages());
  }

  /** What a test has brought about itself is no complaint. */
  excuse(pattern) {
    this.#complaints = this.#complaints.filter((said) => !pattern.test(said));
  }

  /** Has everybody leave. */
  async leave() {
    await Promise.all(this.#contexts.map((context) => context.close()));
    this.#contexts = [];
  }

  /** The same at the end of a test; nothing may have gone wrong on any page. */
  async end() {
    await this.leave();
    const said = this.#complaints;
    this.#complaints = [];
    assert.deepEqual(said, [], "the browser's console has errors");
  }
}

/** Writes and sends, as either side. */
export async function write(page, text) {
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

/** Signs in on the page of a seat, and gets ready. */
export async function getReady(page, password = "demo") {
  await signIn(page, password);
  await page.locator("#desk").waitFor();
  await page.getByRole("radio", { name: "Ready" }).check();
}

export async function signIn(page, password = "demo") {
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The seat takes what it is offered. */
export const accept = (page) => page.locator(".offer").getByRole("button", { name: "Accept" }).click();

/** Messages of one side that have a text. */
export const message = (page, from, text) => page.locator(`.message[data-from="${from}"]`, { hasText: text });

/** What is wrong with a page for whoever cannot see or point. */
export async function violations(page) {
  // The policy of the pages forbids foreign scripts: the audit comes in over the debugger instead.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: AXE });
  await page.waitForTimeout(250);
  const found = await page.evaluate(async () => (await window.axe.run(document)).violations);
  await session.detach();
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
}
