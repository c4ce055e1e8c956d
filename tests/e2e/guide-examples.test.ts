import { eventually } from '@confab/testkit';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Hooks, mount } from './component-host.ts';
import { Person } from './person.ts';
import { type System, startSplit } from './system.ts';

let system: System;
beforeAll(async () => {
  system = await startSplit();
});
afterAll(() => system?.stop());

interface Props {
  userId: string;
  token: string;
}
interface Shown {
  text: string;
  senderId: { _id: string };
}

/** The guide's React example; only the address and what it shows differ. */
function ChatComponent({ userId, token }: Props, { useState, useEffect }: Hooks) {
  const [socket, setSocket] = useState<Socket | null>(null);
  const [messages, setMessages] = useState<Shown[]>([]);
  const [isTyping, setIsTyping] = useState(false);
  const [connected, setConnected] = useState(false);

  useEffect(() => {
    const newSocket = io(system.url, {
      auth: {
        token: token,
      },
      forceNew: true,
    });

    newSocket.on('connect', () => {
      setConnected(true);
    });

    newSocket.on('new:message', (data) => {
      setMessages((prev) => [...prev, data.message]);
    });

    newSocket.on('typing:start', (data) => {
      if (data.userId !== userId) {
        setIsTyping(true);
      }
    });

    newSocket.on('typing:stop', (data) => {
      if (data.userId !== userId) {
        setIsTyping(false);
      }
    });

    setSocket(newSocket);

    return () => {
      newSocket.close();
    };
  }, [token, userId]);

  const sendMessage = (conversationId: string, text: string) => {
    socket?.emit('send:message', {
      conversationId,
      text,
      messageType: 'text',
    });
  };

  const startTyping = (conversationId: string) => {
    socket?.emit('typing:start', { conversationId });
  };

  const stopTyping = (conversationId: string) => {
    socket?.emit('typing:stop', { conversationId });
  };

  return { messages, isTyping, connected, sendMessage, startTyping, stopTyping };
}

/** The guide's React Native example. */
function ChatScreen({ token }: Props, { useState, useEffect }: Hooks) {
  const [connected, setConnected] = useState(false);
  const [messages, setMessages] = useState<Shown[]>([]);

  useEffect(() => {
    const newSocket = io(system.url, {
      auth: {
        token: token,
      },
      transports: ['websocket'],
      forceNew: true,
    });

    newSocket.on('connect', () => {
      setConnected(true);
    });

    newSocket.on('new:message', (data) => {
      setMessages((prev) => [...prev, data.message]);
    });

    return () => {
      newSocket.close();
    };
  }, [token]);

  return { connected, messages };
}

test("the guide's React and React Native components chat with each other through the edge", async () => {
  const [alice, bob] = [new Person(system, 'alice'), new Person(system, 'bob')];
  const conversationId = await alice.converse(bob);
  const web = mount(ChatComponent, { userId: alice.id, token: alice.token });
  const other = mount(ChatComponent, { userId: bob.id, token: bob.token });
  const phone = mount(ChatScreen, { userId: bob.id, token: bob.token });
  const all = [web, other, phone];
  try {
    await eventually(() => all.every((component) => component.view().connected));
    web.view().startTyping(conversationId);
    await eventually(() => other.view().isTyping);
    web.view().stopTyping(conversationId);
    await eventually(() => !other.view().isTyping);
    expect(web.view().isTyping).toBe(false);

    for (const text of ['one', 'two', 'three']) web.view().sendMessage(conversationId, text);
    other.view().sendMessage(conversationId, 'four');
    for (const component of all) {
      await eventually(() => expect(component.view().messages).toHaveLength(4));
      const fromAlice = component.view().messages.filter((m) => m.senderId._id === 'alice');
      expect(fromAlice.map((m) => m.text)).toEqual(['one', 'two', 'three']);
    }
  } finally {
    for (const component of all) component.unmount();
  }
});
