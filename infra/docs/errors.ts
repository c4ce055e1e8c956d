import { disconnectCatalogue, errorCatalogue } from '@confab/contracts';

const HEAD = `# Errors and ends of connections

This file is generated from \`packages/contracts/src/errors.ts\`: \`npm run docs:api\`.

## Errors

One code per failure, the same over REST and sockets:

- REST: \`{"success": false, "error": {"code", "message", "field"?, "retryAfter"?}, "retryAfter"?}\` with the status below.
- Socket events with an ack callback: \`{"success": false, "error": {...}}\` to the callback. Without one: the \`error\` event.
- A refused connection: see below.

Build on the code; the message is for people and may change. \`retryAfter\` is in whole seconds. "Again" means: the same call may
succeed later as it is. Give a send a \`clientMessageId\`, and repeating it can never make two messages.
`;

const REFUSALS = `## Refused connections

Who may not connect is told so in one of two ways:

- After the transport is open: \`connect_error\` with the error in \`error.data\`. socket.io-client then stays away until you call
  \`connect()\`: \`UNAUTHENTICATED\`, \`TOKEN_EXPIRED\` and \`TOKEN_REVOKED\` take another token first; after \`TOO_MANY_CONNECTIONS\` wait
  \`retryAfter\` seconds. Trouble of ours (\`UNAVAILABLE\`, \`OVERLOADED\`, \`INTERNAL\`) is no \`connect_error\`: the connection is closed
  without one, since socket.io-client comes back from that by itself.
- Before it (\`ORIGIN_NOT_ALLOWED\` 403, an address's limit \`RATE_LIMITED\` 429, a gateway that ends \`UNAVAILABLE\` 503, \`OVERLOADED\` 503):
  the HTTP answer has the status, the body of REST and \`Retry-After\`. socket.io-client makes of it a \`connect_error\` without
  \`error.data\`, as of a server that it cannot reach, and connects again by itself.

The SDK does the right one: it asks your token function again, waits \`retryAfter\`, and says why in its connection state.
`;

const ENDS = `## Ends of connections

Just before a gateway ends a socket it emits \`session:end {code, message, reconnect, retryAfter?}\`. Then:

- \`yes\`: only the transport closes, and socket.io-client reconnects by itself. Wait \`retryAfter\` seconds if it is given. After
  connecting, fetch what was missed: \`POST /api/chat/sync\`, or history. The SDK does all of that by itself.
- \`new-token\`: connect again with another token; this one will not be taken.
- \`no\`: the server disconnects the socket, and socket.io-client does not come back by itself. Connecting again makes sense once the cause is gone.

A connection that ends without \`session:end\` (a crash, a lost network) is as \`yes\`.
`;

const RECONNECTS = { yes: 'yes', 'new-token': 'with a new token', no: 'no' } as const;

/** The catalogue of errors and of disconnect codes, for people who write clients. */
export function errorsDocument(): string {
  const errors = Object.entries(errorCatalogue).map(([code, { status, retryable, message }]) => [
    ...[`\`${code}\``, String(status), retryable ? 'yes' : 'no', message],
  ]);
  const ends = Object.entries(disconnectCatalogue).map(([code, { reconnect, message }]) => [
    ...[`\`${code}\``, RECONNECTS[reconnect], message],
  ]);
  const tables = [
    table(['code', 'status', 'again', 'meaning'], errors),
    table(['code', 'reconnect', 'meaning'], ends),
  ] as const;
  return [HEAD, tables[0], '', REFUSALS, ENDS, tables[1], ''].join('\n');
}

/** With columns of one width, as the formatter leaves it. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}
