import type { RouteName } from '@confab/contracts';
import { unknownId, type World } from './world.ts';

/** What Eve sends, with one id in it that is foreign or unknown. */
export interface RouteArguments {
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: Record<string, unknown>;
}

export interface RouteProbe {
  /** What is probed, in a few words. */
  what: string;
  /** The id that exists and is none of Eve's business. */
  foreign: (world: World) => string;
  with: (id: string, world: World) => RouteArguments;
}

/** Why a route has no id whose existence could be told. */
export interface NoProbe {
  none: string;
}

const inDirect = (what: string, build: RouteProbe['with']): RouteProbe => ({
  what,
  foreign: (w) => w.direct,
  with: build,
});
const inGroup = (what: string, build: RouteProbe['with']): RouteProbe => ({
  what,
  foreign: (w) => w.group,
  with: build,
});
const ofMessage = (what: string, build: RouteProbe['with']): RouteProbe => ({
  what,
  foreign: (w) => w.message,
  with: build,
});
const ofUpload = (what: string, build: RouteProbe['with']): RouteProbe => ({
  what,
  foreign: (w) => w.upload,
  with: build,
});
const ofUser = (what: string, build: RouteProbe['with']): RouteProbe => ({
  what,
  foreign: (w) => w.ann.id,
  with: build,
});

const sendOf = ({ token }: World['eve'], body: object) => ({ token, address: '192.0.2.1', body });

const USERS_ARE_NO_SECRET =
  'names users, who are no secret to other users: who may open a conversation with whom is the application’s business';

/** For every route of the contracts. A route that is missing here does not compile, and fails the walk. */
export const routeProbes: Record<RouteName, readonly RouteProbe[] | NoProbe> = {
  listConversations: [
    inDirect('cursor of a conversation', (id) => ({ query: { before: `${Date.now() + 60_000}.${id}` } })),
    inDirect('cursor of the same time', (id) => ({ query: { before: `1.${id}` } })),
  ],
  openConversation: { none: USERS_ARE_NO_SECRET },
  createGroup: { none: USERS_ARE_NO_SECRET },
  addMembers: [
    inGroup('group', (id, { eve }) => ({ params: { conversationId: id }, body: { userIds: [eve.id] } })),
    inDirect('conversation of two', (id, { eve }) => ({ params: { conversationId: id }, body: { userIds: [eve.id] } })),
  ],
  removeMember: [
    inGroup('a member', (id, { bob }) => ({ params: { conversationId: id, userId: bob.id } })),
    inGroup('herself', (id, { eve }) => ({ params: { conversationId: id, userId: eve.id } })),
    inDirect('conversation of two', (id, { ann }) => ({ params: { conversationId: id, userId: ann.id } })),
  ],
  membership: [inDirect('conversation', (id) => ({ params: { conversationId: id } }))],
  listMessages: [
    inDirect('conversation', (id) => ({ params: { conversationId: id } })),
    inGroup('page of a group', (id) => ({ params: { conversationId: id }, query: { page: '2', limit: '1' } })),
    inDirect('after a seq', (id) => ({ params: { conversationId: id }, query: { after: '0' } })),
  ],
  getMessage: [ofMessage('message', (id) => ({ params: { messageId: id } }))],
  sendMessage: [
    inDirect('conversation', (id) => ({ body: { conversationId: id, text: 'x' } })),
    inDirect('conversation, with a reply', (id, { message }) => ({
      body: { conversationId: id, text: 'x', replyTo: message },
    })),
    inDirect('conversation, with a client id', (id) => ({
      body: { conversationId: id, text: 'x', clientMessageId: 'c' },
    })),
    ofMessage('reply', (id, { own }) => ({ body: { conversationId: own, text: 'x', replyTo: id } })),
    ofUpload('media', (id, { own }) => ({ body: { conversationId: own, media: [{ mediaId: id, type: 'image' }] } })),
  ],
  sendMessages: [
    inDirect('conversation', (id, { eve }) => ({ body: { items: [sendOf(eve, { conversationId: id, text: 'x' })] } })),
    inDirect('conversation beside her own', (id, { eve, own }) => ({
      body: {
        items: [sendOf(eve, { conversationId: own, text: 'x' }), sendOf(eve, { conversationId: id, text: 'x' })],
      },
    })),
    ofMessage('reply', (id, { eve, own }) => ({
      body: { items: [sendOf(eve, { conversationId: own, text: 'x', replyTo: id })] },
    })),
  ],
  deleteMessage: [
    ofMessage('for everyone', (id) => ({ params: { messageId: id }, body: { deleteForEveryone: true } })),
    ofMessage('for herself', (id) => ({ params: { messageId: id }, body: { deleteForEveryone: false } })),
    ofMessage('without a body', (id) => ({ params: { messageId: id } })),
  ],
  markRead: [
    inDirect('conversation', (id) => ({ body: { conversationId: id } })),
    inDirect('conversation, with its message', (id, { message }) => ({
      body: { conversationId: id, messageIds: [message] },
    })),
    ofMessage('message', (id, { own }) => ({ body: { conversationId: own, messageIds: [id] } })),
    ofMessage('message beside her own', (id, { own, ownMessage }) => ({
      body: { conversationId: own, messageIds: [ownMessage, id] },
    })),
  ],
  unreadCount: { none: 'takes no id' },
  sync: [
    inDirect('conversation', (id) => ({ body: { cursors: { [id]: '0.0.0' } } })),
    inDirect('conversation beside her own', (id, { own }) => ({
      body: { cursors: { [id]: '5.5.5', [own]: '0.0.0' } },
    })),
  ],
  mediaConfig: { none: 'takes no id' },
  createUpload: [
    inDirect('conversation', (id) => ({
      body: { filename: 'a.png', contentType: 'image/png', size: 10, conversationId: id },
    })),
  ],
  completeUpload: [ofUpload('upload', (id) => ({ params: { mediaId: id } }))],
  putUser: [ofUser('user, without being an admin', (id) => ({ params: { id }, body: { name: 'x' } }))],
  putUsers: [ofUser('user, without being an admin', (id) => ({ body: { users: [{ _id: id, name: 'x' }] } }))],
  revoke: [ofUser('user, without being an admin', (id) => ({ body: { userId: id } }))],
};

/** An unknown id of the same kind as a foreign one. */
export const unknownLike = (foreign: string): string =>
  /^[0-9a-f]{24}$/.test(foreign)
    ? unknownId()
    : `nobody-${unknownId()}`.slice(0, foreign.length).padEnd(foreign.length, 'x');
