// Makes url-to-png launch the Chromium that Tintype uses. Node.js loads this module before url-to-png, in whose folder
// it runs; nothing else of url-to-png is changed.
import { createRequire } from "node:module";
import { join } from "node:path";

const { chromium } = createRequire(join(process.cwd(), "package.json"))("playwright");
const launch = chromium.launch.bind(chromium);
chromium.launch = (options) => launch({ ...options, executablePath: process.env.BENCH_CHROMIUM });
