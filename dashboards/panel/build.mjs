// Builds dist/ from src/, css/ and icons.txt: hashed names, a manifest, and a gzipped twin of every file.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { basename, join } from "node:path";
import { build } from "esbuild";
import * as mdi from "@mdi/js";

const out = "dist";
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const result = await build({
  entryPoints: { panel: "src/panel.ts", look: "css/panel.css" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "safari16", "chrome110", "firefox115"],
  minify: true,
  legalComments: "none",
  entryNames: "[name].[hash]",
  chunkNames: "[name].[hash]",
  outdir: out,
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const [file, made] of Object.entries(result.metafile.outputs)) {
  if (made.entryPoint) manifest[basename(made.entryPoint)] = basename(file);
}

/** One sprite; `icons.txt` holds `our-name mdi-name` per line. */
function sprite() {
  const symbols = readFileSync("icons.txt", "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim().split(/\s+/))
    .filter((words) => words.length === 2)
    .map(([name, theirs]) => {
      const key = "mdi" + theirs.replace(/(^|-)([a-z0-9])/g, (_, __, letter) => letter.toUpperCase());
      if (!mdi[key]) throw new Error(`icons.txt: there is no MDI icon ${theirs}`);
      return `<symbol id="${name}" viewBox="0 0 24 24"><path d="${mdi[key]}"/></symbol>`;
    });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}

function hashed(name, text) {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase();
  const file = name.replace(".", `.${digest}.`);
  writeFileSync(join(out, file), text);
  manifest[name] = file;
}

hashed("icons.svg", sprite());
hashed("logo.svg", readFileSync("logo.svg", "utf8"));
for (const file of readdirSync(out)) {
  writeFileSync(join(out, file + ".gz"), gzipSync(readFileSync(join(out, file)), { level: 9 }));
}
writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 1) + "\n");
