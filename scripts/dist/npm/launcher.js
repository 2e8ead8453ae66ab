#!/usr/bin/env node
// Starts the program of this platform, which is in a separate package, and ends as it ends.
"use strict";
const { spawn } = require("node:child_process");

const platform = `${process.platform}-${process.arch}`;
const name = process.platform === "win32" ? "lakexpress.exe" : "lakexpress";

let program;
try {
  program = require.resolve(`@lakexpress/${platform}/bin/${name}`);
} catch {
  console.error(
    `lakexpress: the package @lakexpress/${platform} is missing. Either npm ran with --omit=optional, ` +
      "or there is none for this platform: see docs/install.md for other ways to install",
  );
  process.exit(78);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // Ctrl-C in a terminal reaches the program without us.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("error", (error) => {
  console.error(`lakexpress: ${program} cannot be started: ${error.message}`);
  process.exit(70);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
