// The router's engine for DeepL against DeepL's own description of its interface (deepl.json), which npm's
// Prism serves: it refuses what the description does not allow, and answers with the description's examples.
// For sentences it stands between the router and a service that translates, and checks both directions.
//
//   TRADEWIND_BIN  the binary (target/release/tradewind)
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(HERE, "..", "..");
const BINARY = resolve(ROOT, process.env.TRADEWIND_BIN ?? "target/release/tradewind");
const PRISM = join(HERE, "node_modules", "@stoplight", "prism-cli", "dist", "index.js");
const LISTENS_WITHIN_MS = 60_000;
const KEY = "key-of-the-shop:fx";
const SENTENCES = 1_000;

/** A port of this machine that nobody listens on. */
function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Prism in a process of its own, with DeepL's description. */
class Prism {
  #child;

  /** `mode` is `mock`, or `proxy` with what lies behind. */
  async start(mode, ...behind) {
    const port = await freePort();
    this.address = `http://127.0.0.1:${port}`;
    const args = [PRISM, mode, "--errors", "--port", String(port), join(HERE, "deepl.json"), ...behind];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let said = "";
    await new Promise((resolve, reject) => {
      const failed = (why) => reject(new Error(`Prism ${why}:\n${said}`));
      const late = setTimeout(() => failed("does not listen"), LISTENS_WITHIN_MS);
      const hear = (chunk) => {
        if (said.length < 100_000) said += chunk;
        if (!said.includes("Prism is listening")) return;
        clearTimeout(late);
        resolve();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("exit", (code) => failed(`ended with ${code}`));
    });
  }

  async stop() {
    if (this.#child === undefined || this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.on("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}

/** An HTTP server of this test; `answer(request, body)` gives status, headers and text. */
async function listen(answer) {
  const server = createHttp(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { status, headers, text } = await answer(request, Buffer.concat(parts).toString());
    response.writeHead(status, headers).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return { address: `http://127.0.0.1:${server.address().port}`, stop };
}

/** Hands what the router sends on to Prism, which is asked for the answer of `code`; the router cannot ask. */
async function asking(prism, code) {
  const seen = { requests: 0, violations: [] };
  const relay = await listen(async (request, body) => {
    const { authorization, "content-type": type } = request.headers;
    const headers = { authorization, "content-type": type, prefer: `code=${code}` };
    const answer = await fetch(prism.address + request.url, { method: request.method, headers, body });
    seen.requests += 1;
    if (answer.headers.has("sl-violations")) seen.violations.push(answer.headers.get("sl-violations"));
    return { status: answer.status, headers: { "content-type": answer.headers.get("content-type") ?? "text/plain" }, text: await answer.text() };
  });
  return { ...relay, seen };
}

/** Letters in the other case; elements and entities stay, but for those that are lost, doubled or made up. */
function translated(text) {
  const rough = (element, at) => ["", element + element, '<x id="77"/>', element.replaceAll('"', "'")][(text.length + at) % 9] ?? element;
  return text.replaceAll(/<[^>]*>|&\w+;|\p{Ll}+|\p{Lu}+/gu, (part, at) => {
    if (part.startsWith("<")) return rough(part, at);
    if (part.startsWith("&")) return part;
    return part === part.toLowerCase() ? part.toUpperCase() : part.toLowerCase();
  });
}

/** The `at`th sentence with what must not change, and that as a translation says it. */
function sentence(corpus, at) {
  const number = 10_000 + at * 7;
  const kept = [
    `TW-${number}`,
    `SKU-${at}A/${at % 7}`,
    `${(at % 900) + 1},${String(at % 100).padStart(2, "0")} €`,
    `US$ 1,${String(at % 1000).padStart(3, "0")}.50`,
    `https://shop.example/track?id=${number}&l=en`,
    `buyer${at}@mail.example`,
    `2026-11-${String((at % 28) + 1).padStart(2, "0")}`,
    "{first_name}",
    "Drift Tote",
    "store credit",
  ];
  const two = [kept[at % 10], kept[(Math.floor(at / 10) + at + 1) % 10]];
  const said = two.map((stretch) => stretch.replace("store credit", "Guthaben"));
  return { text: `${two[0]}: ${corpus[at % corpus.length]} & <${two[1]}> ok?`, two, said };
}

const count = (text, part) => text.split(part).length - 1;

describe("DeepL as its own description says", { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tradewind-deepl-"));
  const mock = new Prism();

  /** What the router makes of lines, by the service at `address`. */
  function translate(address, lines) {
    const shop = join(folder, "shops", "demo");
    rmSync(shop, { recursive: true, force: true });
    cpSync(join(ROOT, "config", "demo"), shop, { recursive: true });
    writeFileSync(join(shop, "glossary.csv"), "term,de\nDrift Tote,\nstore credit,Guthaben\n");
    writeFileSync(join(shop, "key"), `${KEY}\n`);
    const text = readFileSync(join(shop, "shop.toml"), "utf8");
    const engine = `kind = "deepl"\nurl = "${address}"\nkey_file = "key"\n`;
    writeFileSync(join(shop, "shop.toml"), `${text}\n[translation]\nglossary = "glossary.csv"\n[[translation.engines]]\n${engine}`);
    const file = join(folder, "lines.txt");
    writeFileSync(file, `${lines.join("\n")}\n`);
    const args = ["translate", "--shops", join(folder, "shops"), "--shop", "demo", "--from", "en", "--to", "de", "--json", file];
    return new Promise((resolve, reject) => {
      execFile(BINARY, args, { cwd: folder, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") return reject(error);
        const said = stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
        resolve({ code: error?.code ?? 0, said, stderr });
      });
    });
  }

  before(() => mock.start("mock"));
  after(async () => {
    await mock.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("what the description does not allow is refused", async () => {
    const ask = (body, authorization) => fetch(`${mock.address}/v2/translate`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization && { authorization }) },
      body: JSON.stringify(body),
    });
    const good = { text: ["Hi"], target_lang: "DE", tag_handling: "xml" };

    assert.equal((await ask(good, `DeepL-Auth-Key ${KEY}`)).status, 200);
    assert.equal((await ask(good)).status, 401);
    for (const bad of [{ text: "Hi" }, { target_lang: null }, { tag_handling: "markdown" }, { preserve_formatting: "yes" }]) {
      const answer = await ask({ ...good, ...bad }, `DeepL-Auth-Key ${KEY}`);
      assert.ok(answer.status >= 400, `${JSON.stringify(bad)} was taken`);
    }
  });

  test("a text with and one without what must not change are asked for as described", async () => {
    const relay = await asking(mock, 200);

    const { code, said } = await translate(relay.address, ["Where is it?", "Where is order TW-20481?"]);
    await relay.stop();

    assert.deepEqual(said.map(({ translation, engine, how }) => [translation, engine, how]), [
      ["Hallo, Welt!", "deepl", "whole"],
      // The example has no mark of ours, so the text was asked for again around what must not change.
      ["Hallo, Welt! TW-20481?", "deepl", "pieces"],
    ]);
    assert.deepEqual([code, relay.seen.requests, relay.seen.violations], [0, 3, []]);
  });

  for (const [code, told] of [
    [403, "the key was refused"],
    [456, "the quota is used up"],
    [429, "too many requests"],
    [529, "too many requests"],
    [413, "the request was refused with status 413"],
    [500, "not available: status 500"],
    [504, "not available: status 504"],
  ]) {
    test(`status ${code} is told as what it means`, async () => {
      const relay = await asking(mock, code);

      const { code: exit, said } = await translate(relay.address, ["Where is it?"]);
      await relay.stop();

      assert.deepEqual(said, [{ text: "Where is it?", error: `deepl: ${told}` }]);
      assert.deepEqual([exit, relay.seen.violations], [3, []]);
    });
  }

  test(`${SENTENCES} sentences come through undamaged, each request and answer as described`, async () => {
    const corpus = readFileSync(join(ROOT, "models", "corpus", "en.jsonl"), "utf8").trim().split("\n").map((row) => JSON.parse(row).text);
    const sentences = Array.from({ length: SENTENCES }, (_, at) => sentence(corpus, at));
    const kept = [/TW-1/, /SKU-/, /US\$ 1/, /shop\.example/, /mail\.example/, /Drift Tote/, /store credit/, /\d €/, /\{first_name\}/];
    const leaked = [];
    let asked = 0;
    const service = await listen((request, body) => {
      const { text } = JSON.parse(body);
      asked += 1;
      leaked.push(...text.filter((text) => kept.some((stretch) => stretch.test(text))));
      const translations = text.map((text) => ({ detected_source_language: "EN", text: translated(text) }));
      const headers = { "content-type": "application/json", "x-trace-id": "501c3d93cc0c4f11ae2f60a226c2f0f0" };
      return { status: 200, headers, text: JSON.stringify({ translations }) };
    });
    const prism = new Prism();
    await prism.start("proxy", service.address);

    const { code, said, stderr } = await translate(prism.address, sentences.map(({ text }) => text));
    await Promise.all([prism.stop(), service.stop()]);

    console.log(stderr.trim());
    assert.deepEqual([code, said.length], [0, SENTENCES], stderr);
    for (const [at, { said: wanted }] of sentences.entries()) {
      const { translation } = said[at];
      for (const stretch of wanted) {
        const often = wanted.filter((other) => other === stretch).length;
        assert.ok(count(translation, stretch) >= often, `\`${stretch}\` in ${translation}`);
      }
    }
    assert.deepEqual(leaked, [], "the service saw what it must not touch");
    const ways = (how) => said.filter((one) => one.how === how).length;
    assert.ok(ways("whole") > 100 && ways("pieces") > 100, "the service was not rough enough, or too rough");
    assert.equal(asked, ways("whole") + 2 * ways("pieces"), "something was asked for and not as described");
  });
});
