// Writes FILE.br beside each FILE named: node brotli.mjs FILE...
import { readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const options = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
for (const file of process.argv.slice(2)) {
  writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file), options));
}
