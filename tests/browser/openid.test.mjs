// Seats and supervisors sign in through the pages of a real provider of identities, npm's oidc-provider
// in a process of its own, in a real browser against the real binary.
//
//   TRADEWIND_BIN  the binary (target/release/tradewind)
//   CHROMIUM       the browser (/usr/bin/chromium)
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { ROOT, Server } from "./server.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"];
const WAIT_MS = 15_000;
const SECRET = "a-secret-of-the-tests-and-of-nobody-else";

/** A port of this machine that nobody listens on. */
function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** The provider, which can go away and come back with another key. */
class Provider {
  #child;

  constructor(port, router) {
    this.port = port;
    this.router = router;
  }

  async start(kid) {
    const callback = `${this.router}/v1/openid/demo/callback`;
    const loggedOut = `${this.router}/v1/openid/demo/logged-out`;
    const args = ["provider.mjs", String(this.port), kid, callback, `${this.router}/seat`, loggedOut, SECRET];
    const child = spawn(process.execPath, args, { cwd: join(ROOT, "tests", "openid-provider"), stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let said = "";
    await new Promise((resolve, reject) => {
      const hear = (chunk) => {
        said += chunk;
        if (said.includes("listening on")) resolve();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("exit", (code) => reject(new Error(`the provider ended with ${code}:\n${said}`)));
    });
  }

  async stop() {
    if (this.#child === undefined || this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.on("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}

describe("signing in at a provider", { timeout: 300_000 }, () => {
  let server;
  let provider;
  let browser;
  let contexts = [];

  before(async () => {
    const [port, router] = [await freePort(), `http://127.0.0.1:${await freePort()}`];
    process.env.SHOP_OPENID_SECRET = SECRET;
    // Everything that the router has to say, for the test of what it does not say.
    process.env.TRADEWIND_LOG_LEVEL = "trace";
    const known = (text, seat, lines) => text.replace(`id = "${seat}"\n`, `id = "${seat}"\n${lines}\n`);
    server = new Server((text) => {
      const seats = known(known(text, "mai", 'email = "mai@shop.example"'), "wei", 'subject = "wei"');
      return `${known(seats, "lucia", 'email = "unverified@shop.example"')}
[openid]
issuer = "http://127.0.0.1:${port}"
client_id = "tradewind"
client_secret_env = "SHOP_OPENID_SECRET"
router = "${router}"
label = "Tea House"
scopes = ["openid", "email", "groups"]
[openid.groups]
claim = "groups"
supervisor = ["leads"]
`;
    });
    server.url = router;
    provider = new Provider(port, router);
    await provider.start("first");
    await server.start();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await provider?.stop();
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
  });

  async function door(path = "/seat", locale = "en-GB") {
    const context = await browser.newContext({ locale, viewport: { width: 1360, height: 860 } });
    context.setDefaultTimeout(WAIT_MS);
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(server.url + path);
    return page;
  }

  /** Through the provider's own pages: a name, any password, and consent. */
  async function signIn(page, name) {
    await page.locator("#provider").click();
    await page.locator('input[name="login"]').fill(name);
    await page.locator('input[name="password"]').fill("any");
    await page.locator('button[type="submit"]').click();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL(`${server.url}/**`);
  }

  const desk = (page) => page.locator('body[data-status="online"] #desk').waitFor();

  test("a seat goes to the provider and comes back to its desk, stays over a reload, and signs out", async () => {
    const page = await door();
    // Its name comes when the page has asked how to sign in.
    await page.locator("#provider").waitFor();
    assert.equal(await page.locator("#provider").textContent(), "Sign in with Tea House");
    await signIn(page, "mai");
    await desk(page);

    assert.equal(await page.locator("#seat-name").textContent(), "mai");
    assert.equal(new URL(page.url()).search, "?shop=demo", "nothing of the sign-in is left in the address");
    const cookies = await page.context().cookies(server.url);
    const session = cookies.find((cookie) => cookie.name === "tradewind-seat-demo");
    assert.deepEqual([session.httpOnly, session.sameSite], [true, "Strict"]);
    assert.ok(!cookies.some((cookie) => cookie.name.startsWith("tradewind-sign-in")), "that of the way is gone");
    assert.equal(await page.evaluate(() => document.cookie), "");
    await page.getByRole("radio", { name: "Ready" }).check();
    await page.locator("#slots", { hasText: "slots" }).waitFor();

    await page.reload();
    await desk(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    // The provider asks as well, on its own page.
    await page.getByRole("button", { name: "Yes, sign me out" }).click();
    await page.waitForURL(`${server.url}/seat*`);
    await page.locator("#provider").waitFor();
    assert.equal(await page.locator("#desk").isHidden(), true);
    await page.reload();
    await page.locator("#provider").waitFor();
    assert.equal(await page.locator("#desk").isHidden(), true);
  });

  test("who signs out at the provider, in another window, is out of the desk as well", async () => {
    const page = await door();
    await signIn(page, "mai");
    await desk(page);
    const other = await page.context().newPage();
    await other.goto(`http://127.0.0.1:${provider.port}/session/end`);
    await other.getByRole("button", { name: "Yes, sign me out" }).click();

    await page.locator('body[data-status="stopped"]').waitFor();
    await page.reload();
    await page.locator("#provider").waitFor();
    assert.equal(await page.locator("#desk").isHidden(), true);
  });

  test("a supervisor comes back to the floor", async () => {
    const page = await door("/supervisor");
    await signIn(page, "wei");
    await desk(page);

    await page.locator("#floor-view").waitFor();
    await page.locator("#floor-seats tbody tr", { hasText: "wei" }).waitFor();
  });

  test("who has no seat, or an address that nobody has verified, is told so in the language of the page", async () => {
    for (const name of ["stranger", "unverified"]) {
      const page = await door("/seat", "de-DE");
      await page.locator("#provider").waitFor();
      assert.equal(await page.locator("#provider").textContent(), "Anmelden mit Tea House");
      await signIn(page, name);

      await page.getByText("Dieses Konto hat keinen Platz in diesem Shop.").waitFor();
      assert.equal(await page.locator("#desk").isHidden(), true);
    }
  });

  test("who says no at the provider is back at the door", async () => {
    const page = await door();
    await page.locator("#provider").click();
    await page.getByRole("link", { name: "Cancel" }).click();

    await page.getByText("The sign-in was refused.").waitFor();
  });

  test("a code is good once, and a way back is gone once", async () => {
    const page = await door();
    let used = "";
    page.on("request", (request) => {
      if (request.url().includes("/callback?")) used = request.url();
    });
    await signIn(page, "mai");
    await desk(page);
    const ask = async (url) => {
      const answer = await page.request.get(url, { maxRedirects: 0 });
      return new URL(answer.headers()["location"], server.url);
    };

    assert.equal((await ask(used)).searchParams.get("sign_in"), "late");
    // The same code with a sign-in that has only begun.
    const begun = await ask(`${server.url}/v1/openid/demo/start`);
    const again = new URL(used);
    again.searchParams.set("state", begun.searchParams.get("state"));
    assert.equal((await ask(again.href)).searchParams.get("sign_in"), "refused");

    const session = (await page.context().cookies(server.url)).find((cookie) => cookie.name === "tradewind-seat-demo");
    const secrets = [SECRET, session.value, "@shop.example", "stranger"];
    for (const name of ["code", "state"]) secrets.push(again.searchParams.get(name), new URL(used).searchParams.get(name));
    assert.match(server.output, /sign-in by the provider failed/);
    for (const secret of secrets) assert.ok(!server.output.includes(secret), `${secret} stands in the log`);
  });

  test("a provider with a new key is believed, and one that is down keeps nobody from a password", async () => {
    await provider.stop();
    // A router that has just started knows nothing of the provider yet.
    await server.kill();
    await server.start();
    const page = await door();
    await page.locator("#provider").click();
    await page.getByText("The sign-in service does not answer.").waitFor();
    await page.getByLabel("User").fill("lucia");
    await page.getByLabel("Password").fill("demo");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await desk(page);
    assert.equal(await page.locator("#sign-out").isHidden(), true);

    await provider.start("second");
    const first = await door();
    await signIn(first, "mai");
    await desk(first);
    await provider.stop();
    await provider.start("third");
    const other = await door();
    await signIn(other, "mai");
    await desk(other);
  });
});
