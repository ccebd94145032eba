// Replays a ledger with the official Node client, and prints what it saw as JSON.
import { createRequire } from "node:module";

const require = createRequire(process.argv[3] + "/");
const { KurrentDBClient, START, END, BACKWARDS, jsonEvent, eventTypeFilter, StreamNotFoundError } =
  require("@kurrent/kurrentdb-client");

const client = KurrentDBClient.connectionString(process.argv[2]);
const answer = { all: [], backwards: [], stream: [], filtered: [], live: [] };
for await (const { event } of client.readAll()) {
  answer.all.push([Number(event.position.commit), event.streamId, Number(event.revision), event.id,
    event.type, JSON.stringify(event.data), JSON.stringify(event.metadata)]);
}
for await (const { event } of client.readAll({ direction: BACKWARDS, fromPosition: END })) {
  answer.backwards.push(Number(event.position.commit));
}
for await (const { event } of client.readStream("account-a-1", { fromRevision: START })) {
  answer.stream.push(Number(event.revision));
}
try {
  for await (const _ of client.readStream("account-none")) { /* there is none */ }
} catch (error) {
  answer.missing = error instanceof StreamNotFoundError;
}
const filter = eventTypeFilter({ prefixes: ["PaymentScheduled"] });
const subscription = client.subscribeToAll({ fromPosition: START, filter });
for await (const { event } of subscription) {
  answer.filtered.push(event.type);
  if (answer.filtered.length === 2) break;
}
await subscription.unsubscribe();
const every = client.subscribeToAll({ fromPosition: START });
for await (const { event } of every) {
  answer.live.push(Number(event.position.commit));
  if (answer.live.length === answer.all.length) break;
}
await every.unsubscribe();
try {
  await client.appendToStream("account-a-1", jsonEvent({ type: "Forged", data: {} }));
} catch (error) {
  answer.refused = error.constructor.name + ": " + error.message;
}
await client.dispose();
console.log(JSON.stringify(answer));
process.exit(0);
