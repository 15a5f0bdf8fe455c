// The official client, @rails/actioncable, under Node: a browser's few globals stand in, and ws is its WebSocket.

import WebSocket from "ws";

import { listeners, obey, tell, url } from "./listeners.mjs";

globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};
globalThis.document ??= { visibilityState: "visible" };

const { adapters, createConsumer } = await import("@rails/actioncable").then((module) => module.default ?? module);
adapters.WebSocket = WebSocket;

const consumers = [];
const subscriptions = [];
for (const [name, parameters] of Object.entries(listeners)) {
  const consumer = createConsumer(url);
  consumers.push(consumer);
  subscriptions.push(
    consumer.subscriptions.create(parameters, {
      connected: () => tell({ name, confirmed: true }),
      rejected: () => tell({ name, confirmed: false }),
      received: ({ event, data }) => tell({ name, event, data }),
    }),
  );
}

obey(
  () => subscriptions.forEach((subscription) => subscription.perform("update_presence")),
  () => consumers.forEach((consumer) => consumer.disconnect()),
);
