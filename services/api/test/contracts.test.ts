import { type RouteName, routes } from '@confab/contracts';
import { expect, test } from 'vitest';
import { type BuiltApi, build, tokenOf } from './build.ts';

/* `build` checks each reply against the contract of its route; here every route answers once with as much in it as there can be. */

interface Id {
  _id: string;
}

test('every route answers what its contract says', async () => {
  const chat = await build();
  const called = new Set<RouteName>();
  const walk = walker(chat, called);

  await walk('putUser', 'PUT', '/api/chat/users/bob', {
    scope: 'chat:admin',
    body: { firstName: 'Bob', name: 'Bob B.' },
  });
  await walk('putUsers', 'PUT', '/api/chat/users', { scope: 'chat:admin', body: { users: [{ _id: 'carol' }] } });
  const id = (await walk<Id>('openConversation', 'GET', '/api/chat/conversation/bob'))._id;
  const media = [{ url: 'https://example.com/a.png', type: 'image', filename: 'a.png', size: 1 }];
  const body = { conversationId: id, text: 'Hello!', media, messageType: 'image', clientMessageId: 'c1' };
  const first = await walk<Id>('sendMessage', 'POST', '/api/chat/message', { body });
  await walk('sendMessage', 'POST', '/api/chat/message', {
    as: 'bob',
    body: { conversationId: id, text: 'Hi', replyTo: first._id },
  });
  await walk('sendMessages', 'POST', '/api/chat/messages/batch', {
    body: {
      items: [
        { token: tokenOf('alice'), address: '192.0.2.1', body: { conversationId: id, text: 'Three' } },
        { token: 'a.b.c', address: '192.0.2.1', traceId: 'trace-of-four', body: { conversationId: id, text: 'Four' } },
      ],
    },
  });
  await walk('getMessage', 'GET', `/api/chat/message/${first._id}`);
  await walk('listMessages', 'GET', `/api/chat/conversation/${id}/messages?page=1&limit=50`);
  await walk('unreadCount', 'GET', '/api/chat/unread-count');
  await walk('markRead', 'POST', '/api/chat/messages/read', { body: { conversationId: id } });
  await walk('listConversations', 'GET', '/api/chat/conversations');
  await walk('membership', 'GET', `/api/chat/conversation/${id}/membership`);
  await walk('sync', 'POST', '/api/chat/sync', { body: {} });
  await walk('deleteMessage', 'DELETE', `/api/chat/message/${first._id}`, { body: { deleteForEveryone: true } });
  await walk('sync', 'POST', '/api/chat/sync', { body: { cursors: { [id]: '1.0.0' } } });
  await walk('listConversations', 'GET', '/api/chat/conversations?limit=1');

  const group = { participants: ['bob'], name: 'Us' };
  const groupId = (await walk<Id>('createGroup', 'POST', '/api/chat/conversations', { body: group }))._id;
  const members = `/api/chat/conversation/${groupId}/members`;
  await walk('addMembers', 'POST', members, { body: { userIds: ['carol'] } });
  await walk('removeMember', 'DELETE', `${members}/carol`);
  await walk('revoke', 'POST', '/api/chat/admin/revocations', { scope: 'chat:admin', body: { userId: 'mallory' } });

  // without an upload provider they refuse, which `build` checks too; uploads have tests of their own
  for (const [method, path] of [
    ['GET', '/api/chat/media/config'],
    ['POST', '/api/chat/media/uploads'],
    ['POST', `/api/chat/media/uploads/${id}/complete`],
  ] as const) {
    const ticket = { filename: 'a.png', contentType: 'image/png', size: 1, conversationId: id };
    const answer = await chat.call(method, path, path.endsWith('uploads') ? { body: ticket } : {});
    expect(answer.status).toBe(404);
  }
  const uploads: RouteName[] = ['mediaConfig', 'createUpload', 'completeUpload'];
  expect([...called, ...uploads].toSorted()).toEqual(Object.keys(routes).toSorted());
});

function walker(chat: BuiltApi, called: Set<RouteName>) {
  return async <T>(name: RouteName, ...[method, url, options]: Parameters<BuiltApi['call']>): Promise<T> => {
    const { status, body } = await chat.call<T>(method, url, options);
    expect({ name, status, success: body.success }).toEqual({ name, status: routes[name].status, success: true });
    called.add(name);
    return body.data;
  };
}
