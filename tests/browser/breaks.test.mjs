// What the pages do when a connection breaks, a frame is refused or something comes from elsewhere, in a real browser
// against the real binary.
//
//   TRADEWIND_BIN     the binary (target/release/tradewind)
//   CHROMIUM          the browser (/usr/bin/chromium)
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Server } from "./server.mjs";
import { accept, getReady, message, signIn, Visits, write } from "./visits.mjs";
import { Wire } from "./wire.mjs";

const COMPLAINT = "Hola, el paquete llegó roto y nadie me contesta.";
const OTHER = "Mi pedido llegó incompleto y quiero hablar con alguien.";
/** A machine answers it, and nobody comes unless a person is asked for. */
const QUESTION = "¿Cuál es la política de devoluciones?";

describe("pages whose connection or wishes fail", { timeout: 600_000 }, () => {
  const visits = new Visits();
  let server;

  before(() => visits.start());
  after(() => visits.stop());
  beforeEach(async () => {
    server = new Server();
    await server.start();
  });
  afterEach(async () => {
    await visits.end();
    await server.stop();
  });

  /** Somebody's browser, and the wire of what is opened in it. */
  async function somebody(options = {}) {
    const context = await visits.visitor({ locale: "es-MX", viewport: { width: 1360, height: 860 }, ...options });
    return { context, wire: await Wire.through(context) };
  }

  async function widget(context) {
    const page = await visits.open(context, `${server.url}/widget`);
    await page.locator('body[data-status="online"]').waitFor();
    return page;
  }

  async function customer() {
    const { context, wire } = await somebody();
    return { page: await widget(context), wire };
  }

  async function seat(user = "lucia") {
    const { context, wire } = await somebody({ locale: "en-GB" });
    const page = await visits.open(context, `${server.url}/seat?user=${user}`);
    await getReady(page);
    await page.locator("#slots", { hasText: "slots" }).waitFor();
    return { page, wire, context };
  }

  /** A customer whom a machine has answered. */
  async function answered(who) {
    const { page, wire } = who ?? (await customer());
    await write(page, QUESTION);
    await page.locator(".helpful").waitFor();
    return { page, wire };
  }

  /** A customer who has asked for a person. */
  async function asking(text) {
    const who = await customer();
    await write(who.page, text);
    await message(who.page, "customer", text).and(who.page.locator('[data-state="sent"]')).waitFor();
    await who.page.locator("#person:enabled").click();
    return who;
  }

  /** A customer and a seat in a conversation. */
  async function meet(desk, text = COMPLAINT) {
    const who = await asking(text);
    await accept(desk);
    await message(desk, "customer", text).waitFor();
    return who;
  }

  const notSent = (page) => page.locator("#banner", { hasText: "No enviado" });
  const again = (page) => notSent(page).getByRole("button", { name: "Reintentar" });
  const inLine = (page) => page.locator("#status:not([hidden])");
  const box = (page) => page.locator("#text").inputValue();
  const entry = (page, text) => page.locator("#mine .entry", { hasText: text });

  test("what is written for one customer never stands in the box of another, and waits for the own one", async () => {
    const { page } = await seat();
    await meet(page, COMPLAINT);
    await page.locator("#text").fill("Para la primera");
    await meet(page, OTHER);
    assert.equal(await box(page), "", "an offer that is accepted here opens an empty box");

    await page.locator("#text").fill("Para la segunda");
    await page.keyboard.press("Alt+KeyJ");
    await message(page, "customer", COMPLAINT).waitFor();
    assert.equal(await box(page), "Para la primera");
    await entry(page, OTHER).click();
    await message(page, "customer", OTHER).waitFor();
    assert.equal(await box(page), "Para la segunda");

    await page.locator("#close").click();
    await page.locator(".line", { hasText: "Closed by seat" }).waitFor();
    await entry(page, COMPLAINT).click();
    assert.equal(await box(page), "Para la primera");
    await page.locator("#text").press("Enter");
    await message(page, "seat", "Para la primera").and(page.locator('[data-state="sent"]')).waitFor();
    assert.equal(await box(page), "");
  });

  test("a conversation that a supervisor gives to a seat does not come between it and the one it writes to", async () => {
    const { page } = await seat();
    await meet(page, COMPLAINT);
    await page.locator("#text").fill("Ahora mismo");
    await page.getByRole("radio", { name: "Wrap up" }).check();
    const { page: second } = await asking(OTHER);
    await second.locator("#status:not([hidden])").waitFor();
    const { context } = await somebody({ locale: "en-GB" });
    const chief = await visits.open(context, `${server.url}/supervisor?user=wei`);
    await signIn(chief);
    await chief.locator("#floor-waiting tbody tr").first().getByRole("button", { name: "Assign" }).click();
    await chief.locator('dialog .choice[data-seat="lucia"]').click();

    await page.locator("#banner", { hasText: "Yours now, in the list: Spanish" }).waitFor();
    await entry(page, OTHER).locator(".unread").waitFor();
    assert.equal(await message(page, "customer", COMPLAINT).count(), 1, "the first one is still open");
    assert.equal(await box(page), "Ahora mismo");
    await page.locator("#text").press("Enter");
    await message(page, "seat", "Ahora mismo").and(page.locator('[data-state="sent"]')).waitFor();
    await entry(page, OTHER).click();
    await message(page, "customer", OTHER).waitFor();
    assert.equal(await message(page, "seat", "Ahora mismo").count(), 0);
  });

  test("a note that the connection or the router does not take is kept on the page and can be written again", async () => {
    const { page, wire } = await seat();
    const { page: other } = await meet(page);
    // Whoever has replied keeps the conversation over a break.
    await write(page, "Un momento.");
    await message(page, "seat", "Un momento.").and(page.locator('[data-state="sent"]')).waitFor();
    const note = page.getByRole("button", { name: "Note" });
    const kept = (text) => page.locator(".note", { hasText: "Note by lucia" }).filter({ hasText: text });
    await page.locator("#text").fill("revendedor");
    await wire.cut(page);
    await note.click();
    await page.locator("#banner", { hasText: "Note not kept: no connection" }).waitFor();
    assert.equal(await box(page), "revendedor");
    await page.locator("#to").fill("wei");
    await page.getByRole("button", { name: "Hand over" }).click();
    await page.locator("#banner", { hasText: "Not handed over: no connection" }).waitFor();
    assert.equal(await page.locator("#to").inputValue(), "wei");

    await wire.mend(page);
    let refusals = 0;
    wire.toRouter = ({ type, id }, answer) => {
      if (type !== "note" || refusals === 2) return false;
      refusals += 1;
      answer({ type: "error", id, code: refusals === 1 ? "rate_limited" : "conflict", message: "too many notes", retry_after_ms: 1 });
      return true;
    };
    await note.click();
    const failed = page.locator(".note", { hasText: "Note not kept: too many notes" });
    await failed.locator(".body", { hasText: "revendedor" }).waitFor();
    assert.equal(refusals, 2, "what the router is too busy for is said again by itself");
    await page.locator("#text").fill("A medio escribir");
    await failed.getByRole("button", { name: "Try again" }).click();
    await kept("revendedor").waitFor();
    assert.equal(await failed.count(), 0);
    assert.equal(await box(page), "A medio escribir");
    assert.equal(await message(other, "seat", "revendedor").count(), 0);
  });

  test("a note that is on its way when the connection breaks is told", async () => {
    const { page, wire } = await seat();
    await meet(page);
    await write(page, "Un momento.");
    await message(page, "seat", "Un momento.").and(page.locator('[data-state="sent"]')).waitFor();
    wire.toRouter = ({ type }) => type === "note";
    const from = wire.said.length;
    await page.locator("#text").fill("revendedor");
    await page.getByRole("button", { name: "Note" }).click();
    await wire.heard(["note"], { after: from });

    await wire.cut(page);

    await page.locator(".note", { hasText: "the connection broke" }).filter({ hasText: "revendedor" }).waitFor();
    wire.toRouter = () => false;
    await wire.mend(page);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".note", { hasText: "Note by lucia" }).waitFor();
  });

  test("a page goes on saying that it is there after the clock of its device was set back", async () => {
    const { context, wire } = await somebody();
    await context.addInitScript(() => {
      const real = Date.now;
      window.setBackMs = 0;
      Date.now = () => real() - window.setBackMs;
    });
    const page = await widget(context);

    await page.evaluate(() => (window.setBackMs = 3_600_000));

    // A page that falls silent is closed, and begins anew.
    const [said] = await wire.heard(["ping", "hello"], { after: wire.said.length });
    assert.equal(said.type, "ping");
  });

  test("a customer whose storage is full stays the same, with the conversation", async () => {
    const { context, wire } = await somebody();
    await context.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
    });
    const page = await widget(context);
    await write(page, COMPLAINT);
    await message(page, "customer", COMPLAINT).and(page.locator('[data-state="sent"]')).waitFor();

    const asked = page.waitForRequest("**/v1/widget/session");
    const from = wire.said.length;
    await page.locator(".settings summary").click();
    await page.locator("#locale").selectOption("en");

    assert.match((await asked).postDataJSON().visitor ?? "none", /^v_/);
    await wire.heard(["hello"], { after: from });
    await page.locator('body[data-status="online"]').waitFor();
    await write(page, OTHER);
    await message(page, "customer", OTHER).and(page.locator('[data-state="sent"]')).waitFor();
    assert.equal(await message(page, "customer", COMPLAINT).count(), 1);
  });

  test("a message that joins a conversation of another tab is shown once, behind what was said there", async () => {
    const { context } = await somebody();
    const first = await widget(context);
    // The same visitor, whose connection is away while the first tab writes.
    const late = await somebody({ storageState: await context.storageState() });
    const second = await widget(late.context);
    await late.wire.cut(second);
    const lines = [COMPLAINT, OTHER];
    for (const text of lines) {
      await write(first, text);
      await message(first, "customer", text).and(first.locator('[data-state="sent"]')).waitFor();
    }
    await write(second, "¿Hay alguien?");

    await late.wire.mend(second);

    await message(second, "customer", "¿Hay alguien?").and(second.locator('[data-state="sent"]')).waitFor();
    for (const text of lines) await message(second, "customer", text).waitFor();
    const said = await second.locator('.message[data-from="customer"] .body').allTextContents();
    assert.deepEqual(said, [...lines, "¿Hay alguien?"]);
    await message(first, "customer", "¿Hay alguien?").waitFor();
  });

  test("what a seat chooses while its connection is away holds once it is back, also beside another window", async () => {
    const { page, wire } = await seat();
    const { page: stays } = await seat();
    await wire.cut(page);
    await page.getByRole("radio", { name: "Away" }).check();

    await wire.mend(page);

    for (const window of [stays, page]) await window.locator('input[value="away"]:checked').waitFor();
    assert.equal(wire.said.filter(({ type, state }) => type === "state" && state === "away").length, 1);
  });

  test("a wish of the customer that the router is too busy for is said again, and one that it refuses is told", async () => {
    const { page, wire } = await answered();
    const refuse = (wanted, times) => {
      const ids = [];
      wire.toRouter = ({ type, id }, answer) => {
        if (type !== wanted || ids.length === times) return false;
        ids.push(id);
        answer({ type: "error", id, code: "overloaded", message: "refused", retry_after_ms: 1 });
        return true;
      };
      return ids;
    };

    const busy = refuse("person", 3);
    await page.locator("#person:enabled").click();
    const asked = await wire.heard(["person"], { count: 4 });
    assert.deepEqual(asked.map(({ id }) => id), Array(4).fill(busy[0]), "under the same id");
    assert.equal(await notSent(page).isVisible(), false);

    const refused = refuse("close", 4);
    await page.locator("#end:enabled").click();
    await notSent(page).waitFor();
    assert.equal(refused.length, 4, "it is said again three times, and no more");
    await again(page).click();
    await page.locator("#fresh").waitFor();
    assert.equal(await notSent(page).isVisible(), false);
  });

  test("a rating is thanked for once it is kept", async () => {
    const { page: desk } = await seat();
    const { page, wire } = await meet(desk);
    await write(desk, "Lo miro ahora.");
    await message(page, "seat", "Lo miro ahora.").waitFor();
    await desk.locator("#close").click();
    await page.locator("#rating").waitFor();
    wire.toRouter = ({ type, id }, answer) => {
      if (type === "rate") answer({ type: "error", id, code: "conflict", message: "it is full", retry_after_ms: null });
      return type === "rate";
    };

    await page.getByRole("button", { name: "5/5" }).click();

    await notSent(page).waitFor();
    assert.equal(await page.locator("#rating-label", { hasText: "¡Gracias!" }).count(), 0);
    wire.toRouter = () => false;
    await again(page).click();
    await page.locator("#rating-label", { hasText: "¡Gracias!" }).waitFor();
  });

  test("a wish of the customer that is on its way when the connection breaks is told, and can be wished again", async () => {
    const { page, wire } = await answered();
    wire.toRouter = ({ type }) => type === "person";
    await page.locator("#person:enabled").click();
    await wire.heard(["person"]);

    await wire.cut(page);

    await notSent(page).waitFor();
    wire.toRouter = () => false;
    await wire.mend(page);
    await again(page).click();
    await inLine(page).waitFor();
    assert.equal(await notSent(page).isVisible(), false);
  });

  test("a wish of the customer that has come about is not told as lost when the connection breaks", async () => {
    const { page, wire } = await answered();
    const breaks = async () => {
      await wire.cut(page);
      assert.equal(await notSent(page).isVisible(), false);
      await wire.mend(page);
      assert.equal(await notSent(page).isVisible(), false);
    };

    await page.locator(".helpful").getByRole("button", { name: "Sí" }).click();
    await page.locator(".helpful", { hasText: "¡Gracias!" }).waitFor();
    await page.locator("#person:enabled").click();
    await inLine(page).waitFor();
    await breaks();
    // Who waits already gets no answer to it.
    await page.locator("#person:enabled").click();
    await wire.heard(["person"], { count: 2 });
    await breaks();
    await page.locator("#end:enabled").click();
    await page.getByRole("button", { name: "4/5" }).click();
    await page.locator("#rating-label", { hasText: "¡Gracias!" }).waitFor();
    await breaks();
  });

  test("a wish of the customer whose answer is lost with the connection is told as lost until the answer comes", async () => {
    const { page, wire } = await answered();
    const swallowed = new Promise((resolve) => {
      wire.toPage = ({ kind }) => {
        if (kind === "queued") resolve();
        return kind === "queued";
      };
    });
    await page.locator("#person:enabled").click();
    await swallowed;

    await wire.cut(page);

    await notSent(page).waitFor();
    wire.toPage = () => false;
    await wire.mend(page);
    await inLine(page).waitFor();
    assert.equal(await notSent(page).isVisible(), false);
  });

  test("a rating that the router was too busy for is not said again behind the one that took its place", async () => {
    const { context, wire } = await somebody();
    await context.clock.install();
    const { page } = await answered({ page: await widget(context), wire });
    await page.locator("#end:enabled").click();
    wire.toRouter = ({ type, id, score }, answer) => {
      if (type !== "rate" || score !== 2) return false;
      answer({ type: "error", id, code: "rate_limited", message: "too many frames", retry_after_ms: 500 });
      return true;
    };
    // The page's time stands still, so that the refused one is due behind the other, and goes on by less than a
    // silent router is given.
    await context.clock.pauseAt(Date.now() + 3_000);
    await page.getByRole("button", { name: "2/5" }).click();
    await page.getByRole("button", { name: "5/5" }).click();
    await page.locator("#rating-label", { hasText: "¡Gracias!" }).waitFor();
    const from = wire.said.length;

    await context.clock.runFor(5_000);

    await wire.heard(["ping"], { after: from });
    assert.deepEqual(wire.said.filter(({ type }) => type === "rate").map(({ score }) => score), [2, 5]);
    assert.equal(await page.getByRole("button", { name: "5/5" }).getAttribute("aria-pressed"), "true");
  });

  test("the card of an incident keeps the focus and what is closed or unticked while customers join it", async () => {
    const { page, wire } = await seat();
    wire.toPage = ({ type }) => type === "incidents";
    const ids = ["01", "02", "03", "04"].map((end) => `0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d${end}`);
    const tell = (shown) =>
      wire.tell({
        type: "incidents",
        incidents: [
          {
            incident: 3,
            is_open: false,
            same_as: null,
            examples: ["is the website down?"],
            followers: shown.length,
            machine_answered: 1,
            reaches: 0,
            unconfirmed: shown.length,
            languages: { en: shown.length },
            shown: shown.map((conversation) => ({ conversation, language: "en", text: "website down?", by: "topic", confirmed: false })),
            untranslated: [],
            answered_by: null,
            answer: null,
          },
        ],
        translates: false,
        automatic: false,
        decisions: 0,
        fallback: "en",
      });
    tell(ids.slice(0, 2));
    const card = page.locator(".incident");
    const confirm = card.getByRole("button", { name: "They ask the same" });
    await confirm.waitFor();
    await card.getByText("2 ask this, 1 of them have a machine's answer.").waitFor();
    await card.getByRole("checkbox").nth(1).uncheck();
    const kept = await confirm.elementHandle();
    const focused = () => page.evaluate(() => document.activeElement.closest("li")?.textContent ?? document.activeElement.tagName);
    assert.match(await focused(), /9d02/);

    tell(ids.slice(0, 3));
    await confirm.and(page.getByText("(3)")).waitFor();
    assert.match(await focused(), /9d02/);
    assert.equal(await card.getByRole("checkbox").nth(1).isChecked(), false);
    assert.equal(await kept.textContent(), "They ask the same (3)", "a click that has begun hits the same button");

    await card.locator("summary").click();
    tell(ids);
    await card.locator("summary", { hasText: "4 wait" }).waitFor();
    assert.equal(await card.locator("details").getAttribute("open"), null);
    await card.locator("summary").click();
    const from = wire.said.length;
    wire.toRouter = ({ type }) => type === "confirm_incident";
    await confirm.click();
    const [said] = await wire.heard(["confirm_incident"], { after: from });
    assert.deepEqual([said.conversations, said.wrong], [[ids[0], ids[2], ids[3]], [ids[1]]]);

    tell([]);
    await confirm.waitFor({ state: "hidden" });
    assert.equal(await focused(), "SECTION", "what had the focus is gone, and the card has it");
  });

  test("a seat sees what each follower of an incident asked, how questions join, and writes for the others in the shop's language", async () => {
    const { page, wire } = await seat();
    wire.toPage = ({ type }) => type === "incidents";
    const [arabic, thai, known] = ["01", "02", "03"].map((end) => `0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d${end}`);
    const tell = (ofShop, ofIncident = {}) =>
      wire.tell({
        type: "incidents",
        incidents: [
          {
            incident: 3,
            is_open: true,
            same_as: null,
            examples: ["¿está caída la web?"],
            followers: 3,
            machine_answered: 0,
            reaches: 1,
            unconfirmed: 2,
            languages: { ar: 1, es: 1, th: 1 },
            shown: [
              { conversation: arabic, language: "ar", text: "هل الموقع معطل؟", by: "topic", confirmed: false },
              { conversation: thai, language: "th", text: "<b>เว็บล่มไหม</b>", by: "copy", confirmed: false },
              { conversation: known, language: "es", text: "¿está caída la web?", by: null, confirmed: true },
            ],
            untranslated: [],
            answered_by: null,
            answer: null,
            ...ofIncident,
          },
        ],
        translates: true,
        automatic: false,
        decisions: 120,
        fallback: "es",
        ...ofShop,
      });
    tell({});
    const card = page.locator(".incident");
    const texts = card.locator("li [dir=auto]");
    await texts.first().waitFor();
    assert.deepEqual(await texts.allTextContents(), ["هل الموقع معطل؟", "<b>เว็บล่มไหม</b>"]);
    assert.equal(await texts.first().evaluate((text) => getComputedStyle(text).direction), "rtl");
    await card.getByRole("checkbox", { name: "هل الموقع معطل؟" }).uncheck();
    await page.getByText("Questions join by your click. Decisions so far: 120.").waitFor();

    tell({ automatic: true, decisions: 400 });
    await page.getByText("Questions join without a click: 400 decisions").waitFor();

    assert.equal(await card.getByLabel("English").count(), 0, "nobody here writes for those");
    await card.getByLabel("Spanish (translated for languages without a text)").fill("Vuelve a mediodía.");
    const from = wire.said.length;
    wire.toRouter = ({ type }) => type === "answer_incident";
    await card.getByRole("button", { name: "Answer all" }).click();
    const [said] = await wire.heard(["answer_incident"], { after: from });
    assert.deepEqual([said.texts, said.fallback], [{ es: "Vuelve a mediodía." }, "es"]);

    tell({}, { answered_by: "mai", answer: "Vuelve a mediodía.", examples: [] });
    await card.getByText("Answered by mai:").waitFor();
    assert.deepEqual(await card.locator("blockquote").allTextContents(), ["Vuelve a mediodía."], "what it is about, after a restart");
    await card.getByRole("button", { name: "Answer all" }).waitFor({ state: "hidden" });
  });

  test("a seat makes an incident one with the older that it may be, and goes on there with what it was writing", async () => {
    const { page, wire } = await seat();
    wire.toPage = ({ type }) => type === "incidents";
    const row = (incident, more) => ({
      incident,
      is_open: true,
      same_as: null,
      examples: ["is the website down?"],
      followers: 3,
      machine_answered: 0,
      reaches: 1,
      unconfirmed: 0,
      languages: { en: 1 },
      shown: [],
      untranslated: [],
      answered_by: null,
      answer: null,
      ...more,
    });
    const tell = (...incidents) => wire.tell({ type: "incidents", incidents, translates: true, automatic: false, decisions: 0, fallback: "en" });
    const younger = row(5, { examples: ["<b>checkout</b> is slow"], same_as: 3 });
    tell(row(3), younger);
    const [older, card] = [page.locator(".incident").nth(0), page.locator(".incident").nth(1)];
    await card.getByText("May be the same as incident 3: is the website down?").waitFor();
    assert.equal(await older.getByRole("button", { name: "Make one" }).isVisible(), false);

    let from = wire.said.length;
    wire.toRouter = ({ type }) => ["join_incidents", "part_incidents"].includes(type);
    await card.getByRole("button", { name: "Not the same" }).click();
    const [apart] = await wire.heard(["part_incidents"], { after: from });
    assert.deepEqual([apart.incident, apart.from], [5, 3]);
    tell(row(3), { ...younger, same_as: null });
    await card.getByText("May be the same").waitFor({ state: "hidden" });

    tell(row(3), younger);
    await card.getByLabel("English").fill("Back at noon.");
    from = wire.said.length;
    await card.getByRole("button", { name: "Make one" }).click();
    const [joined] = await wire.heard(["join_incidents"], { after: from });
    assert.deepEqual([joined.incident, joined.into], [5, 3]);
    tell(row(3, { followers: 6 }));
    await page.getByText("6 ask this.").waitFor();
    assert.equal(await page.locator(".incident").count(), 1);
    assert.equal(await older.getByLabel("English").inputValue(), "Back at noon.");
    assert.ok(await older.evaluate((node) => node === document.activeElement), "the focus goes along");
  });

  test("a seat that loses a conversation behind an acknowledgement that it missed is done with its message", async () => {
    const { page, wire } = await seat();
    const { page: other } = await meet(page);
    await write(page, "Un momento.");
    await message(page, "seat", "Un momento.").and(page.locator('[data-state="sent"]')).waitFor();
    // The acknowledgement is lost with the connection, and the conversation ends before the seat is back.
    wire.toPage = ({ type }) => type === "ack";
    await write(page, "Ya está.");
    await message(other, "seat", "Ya está.").waitFor();
    await wire.cut(page);
    await other.locator("#end:enabled").click();
    await other.locator("#fresh").waitFor();
    wire.toPage = () => false;
    const from = wire.said.length;

    await wire.mend(page);

    await wire.heard(["ping"], { after: from });
    assert.equal(wire.said.slice(from).filter(({ type }) => type === "hello").length, 1, "it connects once");
  });
});
