import { serverEvents, validatorOf } from '@confab/contracts';
import { expect, it } from 'vitest';
import { conversationIdOf, MESSAGE_BYTES, messagePayload, stampedText, stampIn } from './payload.ts';

it('is a message of the contract, of the size that is named', () => {
  const payload = messagePayload(conversationIdOf(7), 12_345);
  expect(Buffer.byteLength(payload)).toBe(MESSAGE_BYTES);
  expect(validatorOf(serverEvents['new:message'].payload).Check(JSON.parse(payload))).toBe(true);
});

it('carries the time at which it was due', () => {
  const text = stampedText(1234.5678, 300);
  expect(text).toHaveLength(300);
  expect(stampIn(`42["new:message",{"message":{"text":"${text}"}}]`)).toBe(1234.568);
  expect(stampIn('42["new:message",{}]')).toBeUndefined();
});
