import type { ClientEventName } from '@confab/contracts';
import type { World } from './world.ts';

export interface EventProbe {
  what: string;
  foreign: (world: World) => string;
  with: (id: string, world: World) => Record<string, unknown>;
}

const inDirect = (what: string, build: EventProbe['with']): EventProbe => ({
  what,
  foreign: (w) => w.direct,
  with: build,
});
const ofMessage = (what: string, build: EventProbe['with']): EventProbe => ({
  what,
  foreign: (w) => w.message,
  with: build,
});
const conversation = inDirect('conversation', (conversationId) => ({ conversationId }));

/** For every event that clients may emit. An event that is missing here does not compile, and fails the walk. */
export const eventProbes: Record<ClientEventName, readonly EventProbe[]> = {
  'join:conversation': [conversation],
  'leave:conversation': [conversation],
  'send:message': [
    inDirect('conversation', (conversationId) => ({ conversationId, text: 'x' })),
    inDirect('conversation, with a reply', (conversationId, { message }) => ({
      conversationId,
      text: 'x',
      replyTo: message,
    })),
    ofMessage('reply', (replyTo, { own }) => ({ conversationId: own, text: 'x', replyTo })),
    {
      what: 'media',
      foreign: (w) => w.upload,
      with: (mediaId, { own }) => ({ conversationId: own, media: [{ mediaId, type: 'image' }] }),
    },
  ],
  'typing:start': [conversation],
  'typing:stop': [conversation],
  'message:read': [
    conversation,
    inDirect('conversation, with its message', (conversationId, { message }) => ({
      conversationId,
      messageIds: [message],
    })),
    ofMessage('message', (id, { own }) => ({ conversationId: own, messageIds: [id] })),
  ],
};
