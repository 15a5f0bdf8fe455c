// The poll intervals of the official client, today's and the one that upstream ships, by their own code.
//
// The first argument is JSON: a list of what Math.random gives. On standard output stands one JSON object:
// {"official": [[milliseconds by attempts, 0 to 12] by random number], "chatwoot": [[...]], "stale": [s, s]}.

globalThis.self ??= globalThis; // what a browser calls itself

const today = await import("@rails/actioncable").then((module) => module.default ?? module);
const shipped = await import("actioncable-6").then((module) => module.default ?? module);
const draws = JSON.parse(process.argv[2]);

function intervals({ ConnectionMonitor }) {
  return draws.map((draw) => {
    Math.random = () => draw;
    return Array.from({ length: 13 }, (_, attempts) => {
      const monitor = new ConnectionMonitor({});
      monitor.reconnectAttempts = attempts;
      return monitor.getPollInterval();
    });
  });
}

process.stdout.write(
  JSON.stringify({
    official: intervals(today),
    chatwoot: intervals(shipped),
    stale: [today, shipped].map(({ ConnectionMonitor }) => ConnectionMonitor.staleThreshold),
  }),
);
