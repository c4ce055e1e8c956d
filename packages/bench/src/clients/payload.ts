/** Bytes of one message on the wire, as the payload of `new:message`. Source: the message that the goals were set with. */
export const MESSAGE_BYTES = 601;

/** A `new:message` payload of exactly `bytes` bytes. */
export function messagePayload(conversationId: string, seq: number, bytes: number = MESSAGE_BYTES): string {
  const make = (text: string) =>
    JSON.stringify({
      message: {
        _id: String(seq).padStart(24, '0'),
        conversationId,
        seq,
        changeSeq: 0,
        senderId: { _id: 'sender', firstName: 'Ada', lastName: 'Lovelace', name: 'Ada Lovelace', profileImage: null },
        text,
        media: [],
        messageType: 'text',
        status: 'sent',
        replyTo: null,
        deletedAt: null,
        createdAt: '2024-01-01T00:00:00.000Z',
        updatedAt: '2024-01-01T00:00:00.000Z',
      },
    });
  return make('x'.repeat(bytes - make('').length));
}

export const conversationIdOf = (index: number): string => index.toString(16).padStart(24, '0');

const MARK = 'sent@';

/** A text that says when it was due to be sent. */
export const stampedText = (dueAt: number, characters: number): string =>
  `${MARK}${dueAt.toFixed(3)};`.padEnd(characters, 'x');

/** When the text in this packet was due to be sent, or undefined if it has no stamp. */
export function stampIn(packet: string): number | undefined {
  const at = packet.indexOf(MARK);
  if (at < 0) return undefined;
  return Number(packet.slice(at + MARK.length, packet.indexOf(';', at)));
}
