// The document's own example: a bare WebSocket without a subprotocol, and a subscribe command put together by hand.
// Two things it leaves out are added: to wait until the socket is open, and to read.

import WebSocket from "ws";

import { listeners, obey, tell, url } from "./listeners.mjs";

const beats = [];
for (const [name, parameters] of Object.entries(listeners)) {
  const identifier = JSON.stringify(parameters);
  const connection = new WebSocket(url);
  connection.onopen = () => connection.send(JSON.stringify({ command: "subscribe", identifier }));
  connection.onmessage = ({ data: text }) => {
    const frame = JSON.parse(text);
    if (frame.type === "confirm_subscription") tell({ name, confirmed: frame.identifier === identifier });
    if (frame.message) tell({ name, event: frame.message.event, data: frame.message.data });
  };
  connection.onclose = ({ code }) => tell({ name, closed: code });
  beats.push(() =>
    connection.send(JSON.stringify({ command: "message", identifier, data: '{"action":"update_presence"}' })),
  );
}

obey(
  () => beats.forEach((beat) => beat()),
  () => {},
);
