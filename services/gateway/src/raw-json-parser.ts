import { Decoder as JsonDecoder, Encoder as JsonEncoder, type Packet, PacketType } from 'socket.io-parser';

/** A payload that is JSON text already. It goes to sockets byte for byte as it is. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * The encoder of Socket.IO's `parser` option. Events whose payload is `RawJson` are put together as text; everything else is left
 * to socket.io-parser. So a message that went through the bus is never parsed and encoded again by a gateway.
 */
class Encoder extends JsonEncoder {
  override encode(packet: Packet) {
    const data: unknown = packet.data;
    if (packet.type !== PacketType.EVENT || !Array.isArray(data) || !(data[1] instanceof RawJson)) {
      return super.encode(packet);
    }
    const namespace = packet.nsp && packet.nsp !== '/' ? `${packet.nsp},` : '';
    return [`${PacketType.EVENT}${namespace}${packet.id ?? ''}[${JSON.stringify(data[0])},${data[1].text}]`];
  }
}

/** Names that Socket.IO keeps for itself: clients would take such an event for something else. */
const RESERVED = new Set(['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']);

/**
 * The packet of an event of the main namespace, as it goes to connections.
 * @param payload JSON text
 * @throws Error if Socket.IO reserves the name
 */
export function encodeEvent(event: string, payload: string): string {
  if (RESERVED.has(event)) throw new Error(`"${event}" is a reserved event name`);
  return `${PacketType.EVENT}[${JSON.stringify(event)},${payload}]`;
}

/** No event has binary content; what a client attaches all the same is refused by the schema, and bounded until then. */
const MAX_ATTACHMENTS = 2;

class Decoder extends JsonDecoder {
  constructor() {
    super({ maxAttachments: MAX_ATTACHMENTS });
  }
}

export const rawJsonParser = { Encoder, Decoder };
