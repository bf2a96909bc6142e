// A customer and a seat who do not read each other's language, in a real browser against the real binary,
// and a service that speaks LibreTranslate's protocol over real connections.
//
//   TRADEWIND_BIN     the binary (target/release/tradewind)
//   CHROMIUM          the browser (/usr/bin/chromium)
//   UPDATE_SCREENSHOT set to write docs/images/translated.png
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { ROOT, Server } from "./server.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"];
const WAIT_MS = 20_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const COMPLAINT = "El pago con tarjeta fue rechazado dos veces y no entiendo por qué.";
const COMPLAINT_SAID = "The card payment was refused twice and I do not understand why.";
const ANSWER = "I am sorry about that. The payment for order TW-10482 works now.";
const ANSWER_SAID = "Lo siento mucho. El pago del pedido TW-10482 ya funciona.";

/** What the service knows; it sees a mark in the place of an order number. */
const KNOWN = {
  [`es>en:${COMPLAINT}`]: COMPLAINT_SAID,
  [`en>es:${ANSWER.replace("TW-10482", '<x id="0"/>')}`]: ANSWER_SAID.replace("TW-10482", '<x id="0"/>'),
};

/** A service with LibreTranslate's `POST /translate`. */
class Translations {
  #server = createServer((request, response) => void this.#answer(request, response));
  /** Whether it is broken. */
  broken = false;
  seen = [];

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { q, source, target } = JSON.parse(Buffer.concat(parts).toString());
    this.seen.push(...q);
    const texts = q.map((text) => KNOWN[`${source}>${target}:${text}`]);
    const known = request.url === "/translate" && request.method === "POST" && texts.every((text) => text !== undefined);
    const status = this.broken ? 500 : known ? 200 : 400;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(status === 200 ? { translatedText: texts } : { error: "cannot" }));
  }
}

describe("a conversation in two languages", { timeout: 300_000 }, () => {
  const service = new Translations();
  let browser;
  let servers = [];
  let contexts = [];
  let complaints = [];

  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  after(async () => {
    await browser?.close();
    await service.stop();
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    await Promise.all(servers.map((server) => server.stop()));
    [contexts, servers] = [[], []];
    const said = complaints;
    complaints = [];
    assert.deepEqual(said, [], "the browser's console has errors");
  });

  async function serve(translation) {
    const server = new Server((shop) => shop + translation);
    servers.push(server);
    await server.start();
    return server;
  }

  async function open(server, path, locale) {
    const context = await browser.newContext({ locale, viewport: { width: 1200, height: 860 } });
    context.setDefaultTimeout(WAIT_MS);
    contexts.push(context);
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(`${path}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
    await page.goto(server.url + path);
    return page;
  }

  async function write(page, text) {
    await page.locator("#text").fill(text);
    await page.locator("#text").press("Enter");
  }

  const message = (page, from, text) => page.locator(`.message[data-from="${from}"]`, { hasText: text });

  /** A Spanish customer and a seat of English and French, since nobody who speaks Spanish is there. */
  async function meet(server) {
    const seat = await open(server, "/seat?user=kofi", "en-GB");
    await seat.getByLabel("Password").fill("demo");
    await seat.getByRole("button", { name: "Sign in" }).click();
    await seat.locator("#desk").waitFor();
    await seat.getByRole("radio", { name: "Ready" }).check();
    const customer = await open(server, "/widget", "es-MX");
    await customer.locator('body[data-status="online"]').waitFor();
    await write(customer, COMPLAINT);
    await customer.locator("#person:enabled").click();
    await seat.locator(".offer").getByRole("button", { name: "Accept" }).click();
    await message(seat, "customer", COMPLAINT).waitFor();
    return { seat, customer };
  }

  async function violations(page) {
    const session = await page.context().newCDPSession(page);
    await session.send("Runtime.evaluate", { expression: AXE });
    const found = await page.evaluate(async () => (await window.axe.run(document)).violations);
    await session.detach();
    return found.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id }) => id);
  }

  test("each sees the other's words in the own language, with the original", async () => {
    const server = await serve(`\n[[translation.engines]]\nkind = "libretranslate"\nurl = "${await service.start()}"\n`);
    const { seat, customer } = await meet(server);

    const complaint = message(seat, "customer", COMPLAINT);
    await complaint.locator(".translated", { hasText: COMPLAINT_SAID }).waitFor();
    await complaint.locator(".translated", { hasText: "Translated from Spanish" }).waitFor();

    await write(seat, ANSWER);

    const answer = customer.locator('.message[data-from="seat"]');
    await answer.locator(".body", { hasText: ANSWER_SAID }).waitFor();
    assert.equal(await answer.locator(".body").getAttribute("lang"), "es");
    await answer.locator(".translated", { hasText: "Traducido del inglés" }).waitFor();
    await message(seat, "seat", ANSWER).locator(".translated", { hasText: ANSWER_SAID }).waitFor();
    if (process.env.UPDATE_SCREENSHOT) await seat.screenshot({ path: join(ROOT, "docs", "images", "translated.png") });

    await answer.getByRole("button", { name: "Ver original" }).click();
    assert.equal(await answer.locator(".body").textContent(), ANSWER);
    await answer.getByRole("button", { name: "Ver traducción" }).click();
    assert.equal(await answer.locator(".body").textContent(), ANSWER_SAID);
    assert.ok(!service.seen.some((text) => text.includes("TW-10482")), "the service saw what it must not touch");
    assert.deepEqual([...(await violations(seat)), ...(await violations(customer))], []);

    await Promise.all([seat.reload(), customer.reload()]);
    await customer.locator(".body", { hasText: ANSWER_SAID }).waitFor();
    assert.equal(service.seen.length, 2, "what is known is not asked for again");

    service.broken = true;
    await seat.getByLabel("Password").fill("demo");
    await seat.getByRole("button", { name: "Sign in" }).click();
    await seat.locator("#mine .entry").click();
    await message(seat, "customer", COMPLAINT).locator(".translated", { hasText: COMPLAINT_SAID }).waitFor();
    await write(seat, "Is there anything else?");
    await message(customer, "seat", "Is there anything else?").waitFor();
    await message(seat, "seat", "Is there anything else?").locator(".translated", { hasText: "the service failed" }).waitFor();
  });

  test("without a service the seat is told, and what it writes is shown as it is", async () => {
    const { seat, customer } = await meet(await serve(""));

    await seat.locator(".note", { hasText: "nothing translates for this shop" }).waitFor();
    assert.equal(await seat.getByRole("button", { name: "Translate" }).count(), 0);
    await write(seat, ANSWER);

    await message(customer, "seat", ANSWER).waitFor();
    assert.equal(await customer.locator(".translated").count(), 0);
    await message(seat, "seat", ANSWER).locator(".translated", { hasText: "Not translated" }).waitFor();
  });
});
