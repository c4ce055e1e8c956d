import { deserialize, serialize } from 'bson';
import { describe, expect, it } from 'vitest';
import { ProtocolError, readRequest, replyHeader } from './message.ts';

function opMsg(flags: number, ...sections: Buffer[]): Buffer {
  const header = Buffer.alloc(20);
  const whole = Buffer.concat([header, ...sections]);
  whole.writeInt32LE(whole.length, 0);
  whole.writeInt32LE(42, 4);
  whole.writeInt32LE(2013, 12);
  whole.writeUInt32LE(flags, 16);
  return whole;
}

const body = (document: object) => Buffer.concat([Buffer.from([0]), serialize(document)]);

function sequence(name: string, ...documents: object[]): Buffer {
  const content = Buffer.concat([Buffer.from(`${name}\0`), ...documents.map((document) => serialize(document))]);
  const section = Buffer.alloc(5);
  section[0] = 1;
  section.writeInt32LE(content.length + 4, 1);
  return Buffer.concat([section, content]);
}

describe('OP_MSG', () => {
  it('reads the body and the documents beside it', () => {
    const request = readRequest(opMsg(0, body({ insert: 'c' }), sequence('documents', { a: 1 }, { b: 2 })));
    expect(deserialize(request.body)).toEqual({ insert: 'c' });
    expect(request.sequences.get('documents')!.map((bytes) => deserialize(bytes))).toEqual([{ a: 1 }, { b: 2 }]);
    expect(request.expectsReply).toBe(true);
  });

  it('needs no answer with moreToCome', () => {
    expect(readRequest(opMsg(2, body({ ping: 1 }))).expectsReply).toBe(false);
  });

  it('refuses required flags that it does not know', () => {
    expect(() => readRequest(opMsg(4, body({ ping: 1 })))).toThrow(ProtocolError);
  });

  it('refuses a section that is longer than the message', () => {
    const message = opMsg(0, body({ ping: 1 }));
    message.writeInt32LE(10_000, 21);
    expect(() => readRequest(message)).toThrow(ProtocolError);
  });

  it('refuses broken documents without walking out of them', () => {
    const message = opMsg(0, body({ text: 'abc' }));
    message.writeInt32LE(1_000_000, message.length - 9);
    expect(() => readRequest(message)).toThrow(/invalid BSON/);
  });

  it('refuses nesting that would exhaust the stack', () => {
    let deep: object = {};
    for (let i = 0; i < 5000; i++) deep = { a: deep };
    expect(() => readRequest(opMsg(0, body(deep)))).toThrow(/nested/);
  });

  it('answers to the request', () => {
    const request = readRequest(opMsg(0, body({ ping: 1 })));
    const answer = Buffer.from(serialize({ ok: 1 }));
    const reply = Buffer.concat([replyHeader(request, answer), answer]);
    expect(reply.readInt32LE(8)).toBe(42);
    expect(reply.readInt32LE(0)).toBe(reply.length);
    expect(deserialize(reply.subarray(21))).toEqual({ ok: 1 });
  });
});
