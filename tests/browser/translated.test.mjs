// A customer and a seat who do not read each other's language, in a real browser against the real binary,
// and a service that speaks LibreTranslate's protocol over real connections.
//
//   TRADEWIND_BIN     the binary (target/release/tradewind)
//   CHROMIUM          the browser (/usr/bin/chromium)
//   UPDATE_SCREENSHOT set to write docs/images/translated.png
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { ROOT, Server } from "./server.mjs";
import { accept, getReady, message, signIn, violations, Visits, write } from "./visits.mjs";

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
  const visits = new Visits();
  let servers = [];

  before(() => visits.start());
  after(async () => {
    await visits.stop();
    await service.stop();
  });
  afterEach(async () => {
    await visits.end();
    await Promise.all(servers.map((server) => server.stop()));
    servers = [];
  });

  async function serve(translation) {
    const server = new Server((shop) => shop + translation);
    servers.push(server);
    await server.start();
    return server;
  }

  async function open(server, path, locale) {
    return visits.open(await visits.visitor({ locale, viewport: { width: 1200, height: 860 } }), server.url + path);
  }

  /** A Spanish customer and a seat of English and French, since nobody who speaks Spanish is there. */
  async function meet(server) {
    const seat = await open(server, "/seat?user=kofi", "en-GB");
    await getReady(seat);
    const customer = await open(server, "/widget", "es-MX");
    await customer.locator('body[data-status="online"]').waitFor();
    await write(customer, COMPLAINT);
    await customer.locator("#person:enabled").click();
    await accept(seat);
    await message(seat, "customer", COMPLAINT).waitFor();
    return { seat, customer };
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
    await signIn(seat);
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
