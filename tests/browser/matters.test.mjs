// A customer whom the shop vouches for, of two matters, in a real browser against the real binary: the seat sees
// why a message is in its conversation, and takes it out by a click.
//
//   TRADEWIND_BIN     the binary (target/release/tradewind)
//   CHROMIUM          the browser (/usr/bin/chromium)
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Server } from "./server.mjs";
import { accept, getReady, message, violations, Visits, write } from "./visits.mjs";

const SECRET = "a secret of the shop for these tests only";
const USER = "user-7";
const FIRST = "El pedido TW-10482 llegó roto y nadie me contesta.";
const OTHER = "El pedido TW-20777 tampoco ha llegado.";

describe("matters of one customer", { timeout: 300_000 }, () => {
  const visits = new Visits();
  let server;

  before(() => visits.start());
  after(() => visits.stop());
  beforeEach(async () => {
    // Matters are remembered for a while: each test has a router of its own.
    server = new Server((shop) => `identity_secret = "${SECRET}"\n${shop}`);
    await server.start();
  });
  afterEach(async () => {
    await visits.end();
    await server.stop();
  });

  async function open(path, locale) {
    const context = await visits.visitor({ locale, viewport: { width: 1200, height: 860 } });
    // The shop's page would hand this over; the router's own widget knows nobody.
    const identity = { user_id: USER, hmac: createHmac("sha256", SECRET).update(USER).digest("hex") };
    await context.route("**/v1/widget/session", (route) => {
      const asked = { ...route.request().postDataJSON(), identity };
      return route.continue({ postData: JSON.stringify(asked) });
    });
    return visits.open(context, server.url + path);
  }

  async function seat(locale) {
    const page = await open("/seat?user=lucia", locale);
    await getReady(page);
    return page;
  }

  async function customer() {
    const page = await open("/widget", "es-MX");
    await page.locator('body[data-status="online"]').waitFor();
    return page;
  }

  /** The customer wants a person, and the seat takes the conversation. */
  async function meet(widget, desk, text) {
    await write(widget, text);
    await widget.locator("#person:enabled").click();
    await accept(desk);
    await message(desk, "customer", text).waitFor();
  }

  test("another order in the same conversation is shown to the seat, who moves it", async () => {
    const [desk, widget] = [await seat("en-GB"), await customer()];
    await meet(widget, desk, FIRST);
    assert.ok(await desk.locator("#joins").isHidden());

    await write(widget, OTHER);

    const bar = desk.locator("#joins");
    await bar.getByText(`“\u2068${OTHER}\u2069” speaks of another order than this conversation.`).waitFor();
    assert.deepEqual(await violations(desk), []);
    await bar.getByRole("button", { name: "Another matter: move it" }).click();
    await desk.locator(".note", { hasText: "has moved what was said" }).waitFor();
    await bar.waitFor({ state: "hidden" });

    // The other matter goes its own way, and the customer's page shows both.
    await accept(desk);
    await message(desk, "customer", OTHER).waitFor();
    const answers = widget.locator('.message[data-from="seat"]');
    // A reply goes to the conversation in which somebody spoke last, though it is the older one.
    await desk.locator("#mine .entry").nth(0).click();
    await write(desk, "¿A qué dirección?");
    await answers.getByText("¿A qué dirección?").waitFor();
    await write(widget, "A la calle Mayor 5, por favor.");
    await message(desk, "customer", "calle Mayor").waitFor();
    await desk.locator("#mine .entry").nth(1).click();
    await write(desk, "Busco el segundo paquete.");
    await answers.getByText("Busco el segundo paquete.").waitFor();
    assert.equal(await message(widget, "customer", OTHER).count(), 1);
    await widget.reload();
    await answers.getByText("Busco el segundo paquete.").waitFor();
    await write(widget, "El TW-20777 es un regalo.");
    await message(desk, "customer", "es un regalo").waitFor();
    await desk.locator("#close").click();
    await desk.locator(".line", { hasText: "Closed by" }).waitFor();
    await write(widget, "¿Y el TW-10482?");
    await desk.locator("#mine .entry", { hasText: "¿Y el TW-10482?" }).click();
    await message(desk, "customer", "¿Y el TW-10482?").waitFor();
  });

  test("what goes on from an ended conversation says so, and is taken back, in the seat's language", async () => {
    const [desk, widget] = [await seat("de-DE"), await customer()];
    await meet(widget, desk, FIRST);
    await desk.locator("#close").click();
    await desk.locator(".line", { hasText: "Closed by" }).waitFor();
    await widget.locator("#fresh").click();

    await meet(widget, desk, "Sigo esperando a que alguien me ayude con esto.");

    const bar = desk.locator("#joins");
    await bar.getByText("Setzt ein Gespräch fort, das vor 0 Minuten endete").waitFor();
    await bar.getByRole("button", { name: "Anderes Anliegen" }).click();
    await desk.locator(".note", { hasText: "another matter" }).waitFor();
    await bar.waitFor({ state: "hidden" });
  });
});
