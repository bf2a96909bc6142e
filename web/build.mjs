// Builds the pages into web/dist, which is committed so that `cargo build` needs no Node.
//
//   node web/build.mjs           type check, then write web/dist
//   node web/build.mjs --check   build into a temporary folder and fail on any byte that differs
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
// The pages travel inside the binary. A phone loads the widget's part, a third of it; the rest is the desk's.
const TOTAL_BYTES_MAX = 184 * 1024;
const COPIED = ["index.html", "widget.html", "seat.html", "icon.svg"];
const BUNDLED = ["index.ts", "widget.ts", "seat.ts", "tick.ts", "style.css"];

async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of COPIED) cpSync(join(here, "src", name), join(folder, name));
  await build({
    absWorkingDir: here,
    entryPoints: BUNDLED.map((name) => `src/${name}`),
    outdir: folder,
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    sourcemap: false,
    logLevel: "warning",
  });
  const bytes = readdirSync(folder).reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0);
  if (bytes > TOTAL_BYTES_MAX) throw new Error(`the pages are ${bytes} bytes, more than ${TOTAL_BYTES_MAX}`);
  return bytes;
}

function typeCheck() {
  execFileSync(join(here, "node_modules", ".bin", "tsc"), ["--noEmit", "-p", here], { stdio: "inherit" });
}

function differences(left, right) {
  const names = [...new Set([...readdirSync(left), ...readdirSync(right)])].sort();
  const bytes = (folder, name) => {
    try {
      return readFileSync(join(folder, name));
    } catch {
      return null;
    }
  };
  return names.filter((name) => {
    const [a, b] = [bytes(left, name), bytes(right, name)];
    return a === null || b === null || !a.equals(b);
  });
}

typeCheck();
if (process.argv.includes("--check")) {
  const folder = mkdtempSync(join(tmpdir(), "tradewind-web-"));
  try {
    await buildInto(folder);
    const different = differences(dist, folder);
    if (different.length > 0) {
      console.error(`web/dist is not what web/src builds: ${different.join(", ")}; run node web/build.mjs`);
      process.exitCode = 1;
    } else {
      console.log("web/dist is what web/src builds, byte for byte");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  console.log(`web/dist: ${await buildInto(dist)} bytes`);
}
