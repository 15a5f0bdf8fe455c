// One connection of the official client, @rails/actioncable, under Node, and everything that becomes of it.
//
// The first argument is JSON: {"url": ..., "parameters": identifier parameters, "package": which published client}.
// On standard output each line is JSON: {"at": seconds, "what": ...}, where what is "opened", "closed" (the socket),
// "connected", "disconnected" (with "again": whether the client will try), "rejected", "received" (with "event"),
// or "subscribe" for each subscribe command it sends. The end of standard input is the end.

import WebSocket from "ws";

globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};
globalThis.document ??= { visibilityState: "visible" };

globalThis.self ??= globalThis; // what a browser calls itself

const { url, parameters, package: name } = JSON.parse(process.argv[2]);
const { adapters, createConsumer } = await import(name).then((module) => module.default ?? module);
const began = Date.now();

function tell(what, more = {}) {
  process.stdout.write(JSON.stringify({ at: (Date.now() - began) / 1000, what, ...more }) + "\n");
}

adapters.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    this.on("open", () => tell("opened"));
    this.on("close", () => tell("closed"));
  }

  send(text, ...options) {
    if (JSON.parse(text).command === "subscribe") tell("subscribe");
    return super.send(text, ...options);
  }
};

const consumer = createConsumer(url);
consumer.subscriptions.create(parameters, {
  connected: () => tell("connected"),
  disconnected: ({ willAttemptReconnect }) => tell("disconnected", { again: willAttemptReconnect }),
  rejected: () => tell("rejected"),
  received: ({ event }) => tell("received", { event }),
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
setTimeout(() => process.exit(3), 110_000).unref();
