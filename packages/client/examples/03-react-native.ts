// React Native: WebSocket only, unsent messages kept in AsyncStorage, and a new try when the app wakes up.
import { type ChatClient, createChatClient, type OutboxItem } from '../src/index.ts';

/** The parts of `@react-native-async-storage/async-storage` and of `AppState` that are used here. */
interface NativeParts {
  storage: { getItem(key: string): Promise<string | null>; setItem(key: string, value: string): Promise<void> };
  appState: { addEventListener(type: 'change', listener: (state: string) => void): { remove(): void } };
}

export function createNativeChat(
  url: string,
  fetchToken: () => Promise<string>,
  userId: string,
  native: NativeParts,
): ChatClient {
  const key = `outbox.${userId}`;
  const client = createChatClient({
    url,
    userId,
    token: fetchToken,
    transports: ['websocket'],
    outbox: {
      load: async () => JSON.parse((await native.storage.getItem(key)) ?? '[]') as OutboxItem[],
      save: (items) => native.storage.setItem(key, JSON.stringify(items)),
    },
  });
  native.appState.addEventListener('change', (state) => {
    if (state === 'active') client.connect();
  });
  client.connect();
  return client;
}

/** A picture from the camera roll: uploaded with progress, then sent. */
export async function sendPicture(
  client: ChatClient,
  conversationId: string,
  picture: { uri: string; name: string; type: string; size: number },
  onProgress: (fraction: number) => void,
): Promise<void> {
  const { mediaId, type } = await client.upload(conversationId, picture, { onProgress });
  client.send(conversationId, { media: [{ mediaId, type }] });
}
