// The pages in a real browser against the real binary: what a customer and an operator see and do.
//
//   TRADEWIND_BIN     the binary (target/release/tradewind)
//   CHROMIUM          the browser (/usr/bin/chromium)
//   UPDATE_SCREENSHOT set to write docs/images/*.png
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { ROOT, Server } from "./server.mjs";
import { getReady, message, signIn, violations, Visits, write } from "./visits.mjs";

const COMPLAINT = "Hola, el paquete llegó roto y nadie me contesta.";

describe("the pages", { timeout: 600_000 }, () => {
  const visits = new Visits();
  let server;
  let demo;

  before(async () => {
    server = new Server();
    await server.start();
    demo = await (await fetch(`${server.url}/v1/demo`)).json();
    await visits.start();
  });
  after(async () => {
    await visits.stop();
    await server?.stop();
  });
  afterEach(async () => {
    // Also after a failure nobody is left waiting who would be offered to the next test's seat.
    for (const page of visits.pages()) {
      await page.evaluate(() => document.querySelector("#end:enabled")?.click()).catch(() => undefined);
    }
    await visits.end();
  });

  const visitor = (options = {}) => visits.visitor({ locale: "es-MX", timezoneId: "America/Mexico_City", ...options });
  const open = (context, path) => visits.open(context, server.url + path);

  async function widget(context, path = "/widget") {
    const page = await open(context, path);
    await page.locator('body[data-status="online"]').waitFor();
    return page;
  }

  async function seat(user = "lucia") {
    const page = await open(await visitor({ locale: "en-GB", viewport: { width: 1360, height: 860 } }), `/seat?user=${user}`);
    await getReady(page, demo.password);
    await page.locator("#slots", { hasText: "slots" }).waitFor();
    return page;
  }

  /** The supervisor of the demo shop, away, on the floor. */
  async function supervisor(options = {}) {
    const context = await visitor({ locale: "en-GB", viewport: { width: 1360, height: 860 }, ...options });
    const page = await open(context, "/supervisor?user=wei");
    await signIn(page, demo.password);
    await page.locator("#floor-view").waitFor();
    await page.locator("#floor-seats tbody tr", { hasText: "wei" }).waitFor();
    return page;
  }

  /** A Vietnamese customer whom nobody is asked to take: lucia is there and wraps up. */
  async function waiting(text = "Hàng của tôi bị hỏng khi nhận, tôi rất thất vọng") {
    const customer = await widget(await visitor({ locale: "vi-VN", timezoneId: "Asia/Ho_Chi_Minh" }));
    await write(customer, text);
    await customer.locator("#person:enabled").click();
    await customer.locator("#status:not([hidden])").waitFor();
    return customer;
  }

  async function wrappingUp(user = "lucia") {
    const operator = await seat(user);
    await operator.getByRole("radio", { name: "Wrap up" }).check();
    return operator;
  }

  const floorRow = (page, part, text) => page.locator(`#floor-${part} tbody tr`, { hasText: text });
  const texts = (page) => page.locator(".message .body").allTextContents();

  /** A customer who has asked for a person and a seat that has accepted. */
  async function inConversation(text = COMPLAINT, context = undefined) {
    const operator = await seat();
    const customer = await widget(context ?? (await visitor()));
    await write(customer, text);
    await message(customer, "customer", text).and(customer.locator('[data-state="sent"]')).waitFor();
    await customer.locator("#person").click();
    const conversation = await customer.evaluate(() => localStorage.getItem("tradewind.demo.conversation"));
    await operator.locator(`.offer[data-conversation="${conversation}"]`).getByRole("button", { name: "Accept" }).click();
    await message(operator, "customer", text).waitFor();
    return { operator, customer };
  }

  async function hangUp(operator) {
    await operator.keyboard.press("Alt+KeyE");
    await operator.locator(".line", { hasText: "Closed by seat" }).waitFor();
  }

  async function giveUp(customer) {
    await customer.locator("#end").click();
    await customer.locator("#fresh").waitFor();
  }

  test("a Spanish customer and a seat hold a conversation both ways", async () => {
    const { operator, customer } = await inConversation();

    await operator.locator("#talk-title", { hasText: "Spanish" }).waitFor();
    await operator.keyboard.press("Alt+KeyL");
    await write(operator, "Hola, lo miro ahora.");
    await message(operator, "seat", "lo miro").and(operator.locator('[data-state="sent"]')).waitFor();
    await message(customer, "seat", "Hola, lo miro ahora.").waitFor();
    await write(customer, "¡Gracias!");
    await message(operator, "customer", "¡Gracias!").waitFor();
    await message(customer, "customer", "¡Gracias!").and(customer.locator('[data-state="sent"]')).waitFor();
    assert.equal(await customer.locator("html").getAttribute("lang"), "es-MX");
    assert.equal(await customer.locator("#send").textContent(), "Enviar");
    if (process.env.UPDATE_SCREENSHOT) await photograph(customer, operator);

    await hangUp(operator);
    await customer.locator("#rating").waitFor();
    await customer.getByRole("button", { name: "5/5" }).click();
    await customer.locator("#rating-label", { hasText: "¡Gracias!" }).waitFor();
    await operator.locator(".line", { hasText: "Rated 5 of 5" }).waitFor({ timeout: 3_000 }).catch(() => undefined);
  });

  async function photograph(customer, operator) {
    const folder = join(ROOT, "docs", "images");
    mkdirSync(folder, { recursive: true });
    await customer.setViewportSize({ width: 480, height: 860 });
    await customer.waitForTimeout(400);
    const [left, right] = await Promise.all([customer.screenshot(), operator.screenshot()]);
    const sheet = await (await visitor()).newPage();
    await sheet.setViewportSize({ width: 480 + 1360 + 24, height: 860 });
    await sheet.setContent(`<style>body{margin:0;display:flex;gap:24px;background:#888}</style>
      <img src="data:image/png;base64,${left.toString("base64")}"><img src="data:image/png;base64,${right.toString("base64")}">`);
    await sheet.waitForTimeout(200);
    await sheet.screenshot({ path: join(folder, "widget-and-seat.png") });
  }

  test("a reload shows the same conversation again", async () => {
    const { operator, customer } = await inConversation();
    await write(operator, "Un momento.");
    await message(customer, "seat", "Un momento.").waitFor();
    const before = await texts(customer);

    await customer.reload();
    await message(customer, "seat", "Un momento.").waitFor();
    await write(operator, "Ya está.");
    await message(customer, "seat", "Ya está.").waitFor();

    assert.deepEqual(await texts(customer), [...before, "Ya está."]);
    await hangUp(operator);
  });

  test("both carry on after the server was killed, and what was written meanwhile comes once", async () => {
    const { operator, customer } = await inConversation();
    await write(operator, "Un momento.");
    await message(customer, "seat", "Un momento.").waitFor();

    await server.kill();
    await customer.locator("#banner", { hasText: "Sin conexión" }).waitFor();
    const lines = ["uno", "dos", "tres"];
    for (const text of lines) await write(customer, text);
    assert.equal(await customer.locator('.message[data-state="queued"]').count(), lines.length);
    await customer.reload().catch(() => undefined);
    // The refusal is told before the browser's own page about it stands; going on would be cut short.
    await customer.waitForURL(/^chrome-error:/, { waitUntil: "commit" });
    await server.start();
    await customer.goto(`${server.url}/widget`);

    for (const text of lines) await message(operator, "customer", text).waitFor();
    await write(operator, "Aquí sigo.");
    await message(customer, "seat", "Aquí sigo.").waitFor();
    assert.deepEqual((await texts(operator)).slice(-4), [...lines, "Aquí sigo."]);
    assert.deepEqual((await texts(customer)).slice(-4), [...lines, "Aquí sigo."]);
    assert.equal(await customer.locator('.message[data-state="queued"]').count(), 0);
    await hangUp(operator);
    visits.excuse(/ERR_CONNECTION_(REFUSED|RESET)|WebSocket connection/);
  });

  test("an order question and a common question are answered by the machine, with their source", async () => {
    const english = await widget(await visitor({ locale: "en-GB" }));
    await write(english, `Where is my order ${demo.order}?`);
    const answer = message(english, "machine", demo.order);
    await answer.locator(".state", { hasText: `orders/${demo.order}` }).waitFor();
    await answer.locator(".who", { hasText: "Automatic answer" }).waitFor();

    const spanish = await widget(await visitor());
    await write(spanish, "¿Cuál es la política de devoluciones?");
    const policy = spanish.locator('.message[data-from="machine"]');
    await policy.locator(".state", { hasText: "knowledge/return-window@1" }).waitFor();
    await policy.locator(".who", { hasText: "Respuesta automática" }).waitFor();
    await spanish.locator("#person:enabled").click();
    await spanish.locator("#status:not([hidden])").waitFor();
    await giveUp(english);
    await giveUp(spanish);
  });

  test("an Arabic widget runs from right to left, and a foreign message keeps its own direction", async () => {
    const customer = await widget(await visitor({ locale: "ar-SA", timezoneId: "Asia/Riyadh" }));

    await write(customer, "أين طلبي؟ وصلت الشحنة ناقصة");
    await message(customer, "customer", "أين طلبي").and(customer.locator('[data-state="sent"]')).waitFor();
    await write(customer, "order 12345 please");
    const english = message(customer, "customer", "order 12345 please");
    await english.waitFor();

    assert.equal(await customer.locator("html").getAttribute("dir"), "rtl");
    const direction = (locator) => locator.evaluate((node) => getComputedStyle(node).direction);
    assert.equal(await direction(customer.locator("#log")), "rtl");
    assert.equal(await direction(message(customer, "customer", "أين طلبي").locator(".body")), "rtl");
    assert.equal(await direction(english.locator(".body")), "ltr");
    assert.deepEqual(await violations(customer), []);
    await giveUp(customer);
  });

  test("Enter that ends an input method's composition does not send", async () => {
    const customer = await widget(await visitor({ locale: "ja-JP", timezoneId: "Asia/Tokyo" }));
    const session = await customer.context().newCDPSession(customer);
    await customer.locator("#text").focus();

    await session.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
    await customer.locator("#text").dispatchEvent("keydown", { key: "Enter", isComposing: true, keyCode: 229 });
    assert.equal(await customer.locator(".message").count(), 0);
    await session.send("Input.insertText", { text: "日本" });
    await customer.locator("#text").press("Enter");

    await message(customer, "customer", "日本").and(customer.locator('[data-state="sent"]')).waitFor();
    await giveUp(customer);
  });

  test("markup in a message stays text on both sides", async () => {
    const markup = '<img src=x onerror="document.title=1"> <b>no</b>';
    const { operator, customer } = await inConversation(`Reclamación ${markup}`);

    for (const page of [operator, customer]) {
      assert.equal(await message(page, "customer", "<b>no</b>").count(), 1);
      assert.equal(await page.locator(".log img, .log b").count(), 0);
    }
    await hangUp(operator);
  });

  test("notes stay with the seats, and a conversation can be declined and handed over", async () => {
    const { operator, customer } = await inConversation();
    await operator.locator("#text").fill("revendedor conocido");
    await operator.getByRole("button", { name: "Note" }).click();
    await operator.locator(".note", { hasText: "revendedor conocido" }).waitFor();

    await operator.locator("#to-kind").selectOption("skill");
    await operator.locator("#to").fill(demo.seats.find(({ user }) => user === "lucia").skills[0]);
    await operator.getByRole("button", { name: "Hand over" }).click();
    await operator.locator(".line", { hasText: /Handed over|Taken back/ }).first().waitFor();
    await customer.locator(".line", { hasText: "compañero" }).waitFor();

    assert.equal(await customer.getByText("revendedor conocido").count(), 0);
    await giveUp(customer);
    await customer.locator("#fresh").click();
    assert.equal(await customer.locator(".message").count(), 0);
  });

  test("the keyboard alone takes an offer, moves between conversations, answers and closes", async () => {
    const operator = await seat();
    const names = ["primera", "segunda"];
    for (const name of names) {
      const customer = await widget(await visitor());
      await write(customer, `${COMPLAINT} Soy la ${name}.`);
      await customer.locator("#person:not([disabled])").click();
      await operator.locator(".offer").first().waitFor();
      await operator.keyboard.press("Alt+KeyA");
      await message(operator, "customer", `Soy la ${name}.`).waitFor();
    }

    await operator.keyboard.press("Alt+KeyJ");
    await message(operator, "customer", "Soy la primera.").waitFor();
    await operator.keyboard.press("Alt+KeyL");
    await operator.keyboard.type("Para la primera");
    await operator.keyboard.press("Control+Enter");
    await message(operator, "seat", "Para la primera").and(operator.locator('[data-state="sent"]')).waitFor();
    await hangUp(operator);
    await operator.keyboard.press("Alt+KeyK");
    await message(operator, "customer", "Soy la segunda.").waitFor();
    await hangUp(operator);
  });

  test("the seat's page shows who waits for what, and how busy the seats are", async () => {
    const { operator } = await inConversation();
    await operator.locator("#seats tr", { hasText: "lucia" }).and(operator.locator("tr", { hasText: "1/3" })).waitFor();

    const waiter = await widget(await visitor({ locale: "vi-VN", timezoneId: "Asia/Ho_Chi_Minh" }));
    await write(waiter, "Hàng của tôi bị hỏng khi nhận, tôi rất thất vọng");
    await waiter.locator("#person:enabled").click();
    const row = operator.locator("#queue tbody tr", { hasText: "Vietnamese" });
    await row.and(operator.locator("tr", { hasText: /0:\d\d/ })).waitFor();

    await giveUp(waiter);
    await row.waitFor({ state: "detached" });
    await hangUp(operator);
  });

  test("a supervisor gives a waiting conversation to a seat, which sees it", async () => {
    const operator = await wrappingUp();
    const chief = await supervisor();
    const polled = [];
    chief.on("request", (request) => polled.push(new URL(request.url()).pathname));
    const customer = await waiting();

    const row = floorRow(chief, "waiting", "Vietnamese");
    await row.and(chief.locator("tr", { hasText: /0:\d\d left/ })).waitFor();
    await row.getByRole("button", { name: "Assign" }).click();
    await chief.locator('dialog .choice[data-seat="lucia"]').click();

    await message(operator, "customer", "Hàng của tôi").waitFor();
    const running = floorRow(chief, "running", "Vietnamese");
    await running.and(chief.locator("tr", { hasText: "lucia" })).and(chief.locator("tr", { hasText: "no answer yet" })).waitFor();
    await row.waitFor({ state: "detached" });
    await write(operator, "Tôi xem ngay.");
    await message(customer, "seat", "Tôi xem ngay.").waitFor();
    await running.and(chief.locator("tr", { hasText: "answered" })).waitFor();
    await floorRow(chief, "seats", "lucia").and(chief.locator("tr", { hasText: "1/3" })).waitFor();

    await hangUp(operator);
    await running.waitFor({ state: "detached" });
    assert.deepEqual(polled.filter((path) => path === "/v1/seat/queue"), [], "the floor comes by the socket");
  });

  test("a supervisor takes a conversation over and speaks with the customer", async () => {
    const operator = await wrappingUp();
    const chief = await supervisor();
    const customer = await waiting();
    await floorRow(chief, "waiting", "Vietnamese").getByRole("button", { name: "Assign" }).click();
    await chief.locator('dialog .choice[data-seat="lucia"]').click();
    await message(operator, "customer", "Hàng của tôi").waitFor();

    await floorRow(chief, "running", "Vietnamese").getByRole("button", { name: "Take over" }).click();

    await message(chief, "customer", "Hàng của tôi").waitFor();
    assert.equal(await chief.locator("#floor-view").isVisible(), false, "the conversation is open");
    await operator.locator(".line", { hasText: "Taken back: supervisor" }).waitFor();
    await write(chief, "Tôi là Wei.");
    await message(customer, "seat", "Tôi là Wei.").waitFor();
    await hangUp(chief);
    await customer.locator("#fresh").waitFor();
  });

  test("a supervisor closes a waiting conversation after being asked, and is told why it waited", async () => {
    await wrappingUp();
    const chief = await supervisor();
    const customer = await waiting();
    const row = floorRow(chief, "waiting", "Vietnamese");

    await row.getByRole("button", { name: "Why?" }).click();
    await chief.locator("dialog .steps li", { hasText: /Waits, place 1: a free seat/ }).waitFor();
    await chief.locator("dialog summary").click();
    await chief.locator("dialog pre", { hasText: "asked for vi" }).waitFor();
    await chief.locator("dialog").getByRole("button", { name: "Cancel" }).click();
    await row.getByRole("button", { name: "Close" }).click();
    assert.equal(await customer.locator("#fresh").isVisible(), false);
    await chief.locator("dialog").getByRole("button", { name: "Close" }).click();

    await customer.locator("#fresh").waitFor();
    await row.waitFor({ state: "detached" });
  });

  test("the keyboard alone leads a supervisor through the floor, and the focus stays where it is", async () => {
    const operator = await wrappingUp();
    const chief = await supervisor();
    const customer = await waiting();
    const row = floorRow(chief, "waiting", "Vietnamese");
    await row.waitFor();
    await chief.keyboard.press("Alt+KeyS");
    assert.equal(await chief.locator("#floor-view").isVisible(), false);
    await chief.keyboard.press("Alt+KeyS");

    await row.getByRole("button", { name: "Assign" }).focus();
    const another = await waiting("Tôi muốn trả lại hàng và lấy lại tiền, rất bực mình");
    await floorRow(chief, "waiting", "Vietnamese").nth(1).waitFor();
    const focused = () => chief.evaluate(() => [document.activeElement.closest("tr")?.rowIndex, document.activeElement.dataset.action]);
    assert.deepEqual(await focused(), [1, "assign"]);
    await chief.keyboard.press("Enter");
    await chief.locator("dialog[open]").waitFor();
    await chief.keyboard.press("Escape");
    await chief.locator("dialog[open]").waitFor({ state: "detached" });
    assert.deepEqual(await focused(), [1, "assign"]);
    await chief.keyboard.press("Enter");
    await chief.locator('dialog .choice[data-seat="lucia"]').focus();
    await chief.keyboard.press("Enter");

    await message(operator, "customer", "Hàng của tôi").waitFor();
    await hangUp(operator);
    await giveUp(another);
    await customer.locator("#fresh").waitFor();
  });

  test("a supervisor approves what a queue holds, and then it is offered", async () => {
    const plain = server;
    // Which of these the model hears in a cross message is not what is tested here.
    const queues = ["orders", "returns", "care", "general"].map(
      (skill) => `[[queues]]\nskill = "${skill}"\napproval = { hold_max = "30min", then = "ticket" }\n`,
    );
    server = new Server((text) => text.replace("chat = 1\n", `chat = 1\n${queues.join("")}`));
    try {
      await server.start();
      const operator = await seat();
      const chief = await supervisor();
      const customer = await waiting();
      const row = floorRow(chief, "waiting", "Vietnamese");
      await row.and(chief.locator("tr", { hasText: "an approval" })).waitFor();
      assert.equal(await operator.locator(".offer").count(), 0);

      await row.getByRole("button", { name: "Approve" }).click();

      await operator.locator(".offer").getByRole("button", { name: "Accept" }).click();
      await message(operator, "customer", "Hàng của tôi").waitFor();
      await giveUp(customer);
    } finally {
      await visits.leave();
      await server.stop();
      server = plain;
    }
  });

  test("a supervisor sees what no article answered, and begins one with it", async () => {
    const question = "¿De qué cuero es este cinturón?";
    const customer = await widget(await visitor());
    await write(customer, question);
    await customer.locator("#status:not([hidden])").waitFor();
    const chief = await supervisor();

    await chief.getByText("Questions without an article").click();

    const gap = chief.locator("#gaps li", { hasText: question });
    await gap.getByText("product question · Spanish").waitFor();
    const [file] = await Promise.all([chief.waitForEvent("download"), gap.getByRole("button", { name: "Begin an article" }).click()]);
    assert.equal(file.suggestedFilename(), "product-question.es.md");
    const text = readFileSync(await file.path(), "utf8");
    assert.ok(text.includes('intents = ["product_question"]') && text.includes(JSON.stringify(question)), text);
    await giveUp(customer);
  });

  test("a seat that is no supervisor sees no floor, at either address", async () => {
    const context = await visitor({ locale: "en-GB" });
    const page = await open(context, "/supervisor?user=lucia");
    await signIn(page, demo.password);
    await page.locator("#banner", { hasText: "The floor is for supervisors." }).waitFor();

    assert.equal(await page.locator("#floor-view").isVisible(), false);
    assert.equal(await page.locator("#view").isVisible(), false);
    await page.keyboard.press("Alt+KeyS");
    assert.equal(await page.locator("#floor-view").isVisible(), false);
  });

  for (const [colorScheme, locale, width] of [["light", "en-GB", 1360], ["dark", "ar-SA", 1360], ["dark", "ur-PK", 360]]) {
    test(`the floor has no serious accessibility finding and fits (${colorScheme}, ${locale}, ${width} px)`, async () => {
      await wrappingUp();
      const chief = await supervisor({ locale, colorScheme, viewport: { width, height: 860 } });
      const customer = await waiting();
      const row = chief.locator("#floor-waiting tbody tr");
      await row.first().waitFor();

      assert.deepEqual(await violations(chief), []);
      await row.first().locator('[data-action="assign"]').click();
      await chief.locator("dialog .choice").first().waitFor();
      assert.deepEqual(await violations(chief), [], "with the choice of a seat");
      await chief.keyboard.press("Escape");
      const direction = await chief.locator("#floor-view").evaluate((node) => getComputedStyle(node).direction);
      assert.equal(direction, locale === "en-GB" ? "ltr" : "rtl");
      const wide = await chief.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} px too wide`);
      await giveUp(customer);
    });
  }

  test("a wrong password is refused in words", async () => {
    const page = await open(await visitor({ locale: "en-GB" }), "/seat?user=lucia");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();

    await page.locator("#sign-in-error", { hasText: /password/ }).waitFor();
    visits.excuse(/401/);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`no page has a serious accessibility finding (${colorScheme})`, async () => {
      const context = await visitor({ locale: "en-GB", colorScheme });
      const home = await open(context, "/");
      await home.locator("#demo").waitFor();
      assert.deepEqual(await violations(home), [], "/");
      const door = await open(context, "/seat");
      await door.locator("#demo button").first().waitFor();
      assert.deepEqual(await violations(door), [], "/seat before signing in");

      const customer = await widget(context);
      await write(customer, "My parcel arrived broken and nobody answers me.");
      await customer.locator('.message[data-state="sent"]').waitFor();
      assert.deepEqual(await violations(customer), [], "/widget");
      await customer.locator(".settings summary").click();
      assert.deepEqual(await violations(customer), [], "/widget with its settings");
      const { operator } = await inConversation(`${COMPLAINT} ${colorScheme}`);
      await operator.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(operator), [], "/seat");
      await hangUp(operator);
      await giveUp(customer);
      assert.deepEqual(await violations(customer), [], "/widget at the end");
    });
  }

  test("the pages fit a phone", async () => {
    const context = await visitor({ viewport: { width: 360, height: 740 } });
    for (const path of ["/", "/widget", "/seat"]) {
      const page = await open(context, path);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
    }
  });
});
