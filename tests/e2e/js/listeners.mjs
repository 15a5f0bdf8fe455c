// What both clients have in common: how they are told what to do, and how they tell what they hear.
//
// The first argument is JSON: {"url": ..., "listeners": {name: identifier parameters}}.
// On standard input each line is a beat for all; its end is the end. On standard output each line is JSON:
// {"name", "confirmed": true} once, then {"name", "event", "data"}.

import { createInterface } from "node:readline";

const DEADLINE_MS = 50_000;

export const { url, listeners } = JSON.parse(process.argv[2]);

export function tell(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

// Calls `beat` for each line, and `end` before the process exits.
export function obey(beat, end) {
  setTimeout(() => process.exit(3), DEADLINE_MS).unref();
  const input = createInterface({ input: process.stdin });
  input.on("line", beat);
  input.on("close", () => {
    end();
    process.exit(0);
  });
}
