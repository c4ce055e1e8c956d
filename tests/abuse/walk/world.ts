import { randomBytes } from 'node:crypto';
import { type Device, Person } from '../../e2e/person.ts';
import type { System } from '../../e2e/system.ts';

/** Two people with things of their own, and a stranger with things of hers. */
export interface World {
  system: System;
  ann: Person;
  bob: Person;
  eve: Person;
  /** Of Ann and Bob. */
  direct: string;
  group: string;
  message: string;
  /** An upload of Ann; an invented id where the deployment takes none. */
  upload: string;
  /** Of Eve and somebody else. */
  own: string;
  ownMessage: string;
  eveDevice: Device;
  /** What Ann and Bob are told while Eve tries. */
  witnesses: Device[];
}

/** An id of the right form that nobody has. */
export const unknownId = (): string => randomBytes(12).toString('hex');

export async function createWorld(system: System): Promise<World> {
  const person = (name: string) => new Person(system, `${name}-${randomBytes(4).toString('hex')}`, { firstName: name });
  const [ann, bob, eve, dan] = [person('ann'), person('bob'), person('eve'), person('dan')];
  const [direct, own] = [await ann.converse(bob), await eve.converse(dan)];
  const group = await created(ann.call('POST', '/api/chat/conversations', { participants: [bob.id], name: 'g' }));
  const message = await created(ann.call('POST', '/api/chat/message', { conversationId: direct, text: 'theirs' }));
  const ownMessage = await created(eve.call('POST', '/api/chat/message', { conversationId: own, text: 'hers' }));
  const file = { filename: 'a.png', contentType: 'image/png', size: 100, conversationId: direct };
  const ticket = await ann.call('POST', '/api/chat/media/uploads', file);
  const upload: string = ticket.body.data?.mediaId ?? unknownId();
  const devices = await Promise.all([eve.connect(), ann.connect(), bob.connect({ url: system.gateways[1] })]);
  const [eveDevice, ...witnesses] = devices;
  return { system, ann, bob, eve, direct, group, message, upload, own, ownMessage, eveDevice, witnesses };
}

async function created(reply: ReturnType<Person['call']>): Promise<string> {
  const { status, body } = await reply;
  if (status >= 300) throw new Error(`the world was not made: ${status} ${JSON.stringify(body)}`);
  return body.data._id;
}

export function leaveWorld({ ann, bob, eve }: World): void {
  for (const person of [ann, bob, eve]) person.leave();
}
