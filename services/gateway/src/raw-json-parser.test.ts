import { Decoder as JsonDecoder, type Packet, PacketType } from 'socket.io-parser';
import { expect, it } from 'vitest';
import { RawJson, rawJsonParser } from './raw-json-parser.ts';

const encoder = new rawJsonParser.Encoder();
const event = (data: unknown[], fields: Partial<Packet> = {}) =>
  encoder.encode({ type: PacketType.EVENT, nsp: '/', data, ...fields } as Packet);

function decode(text: string): Packet {
  let decoded: Packet | undefined;
  const decoder = new JsonDecoder();
  decoder.on(
    'decoded' as never,
    ((packet: Packet) => {
      decoded = packet;
    }) as never,
  );
  decoder.add(text);
  return decoded as Packet;
}

it('writes raw JSON as it is, spaces and escapes included', () => {
  const text = '{ "a" : "\\u00e9\u{1F600}", "n": 1.0 }';
  expect(event(['new:message', new RawJson(text)])).toEqual([`2["new:message",${text}]`]);
});

it('writes what any client decodes', () => {
  const [packet] = event(['new:message', new RawJson('{"a":[1,"x"]}')]);
  expect(decode(packet as string)).toMatchObject({ type: 2, nsp: '/', data: ['new:message', { a: [1, 'x'] }] });
});

it('keeps namespace and ack id where socket.io-parser puts them', () => {
  const [packet] = event(['e', new RawJson('{}')], { nsp: '/admin', id: 7 });
  expect(packet).toBe('2/admin,7["e",{}]');
  expect(decode(packet as string)).toMatchObject({ nsp: '/admin', id: 7 });
});

it('leaves everything else to socket.io-parser', () => {
  expect(event(['e', { a: 1 }])).toEqual(['2["e",{"a":1}]']);
  expect(encoder.encode({ type: PacketType.ACK, nsp: '/', id: 1, data: [{ ok: true }] } as Packet)).toEqual([
    '31[{"ok":true}]',
  ]);
});

it('takes at most two attachments', () => {
  expect(() => new rawJsonParser.Decoder().add('53-["x"]')).toThrow('too many attachments');
});
