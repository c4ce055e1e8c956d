import type { Ledger } from '../ledger.ts';
import type { Conversation } from '../load.ts';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';
import type { Status } from '../status-watch.ts';

export interface ShownMessage {
  _id: string;
  seq: number;
  clientMessageId?: string;
  senderId: { _id: string };
  status: Status;
  text: string | null;
  deletedAt: string | null;
}

const PAGE = 200;

/** The whole history of a conversation as one member sees it, in the order in which it comes. */
export async function readHistory(rig: Rig, conversationId: string, reader: string): Promise<ShownMessage[]> {
  const all: ShownMessage[] = [];
  for (let after = 0; ; ) {
    const path = `/api/chat/conversation/${conversationId}/messages?after=${after}&limit=${PAGE}`;
    const page: ShownMessage[] = (await insist(rig.caller(reader), 'GET', path)).data;
    all.push(...page);
    if (page.length < PAGE) return all;
    after = page.at(-1)?.seq ?? after;
  }
}

/** Invariant A: what was acknowledged is there exactly once, under the id and seq that were promised, in order. */
export function checkHistory(history: readonly ShownMessage[], conversationId: string, ledger: Ledger): string[] {
  const problems: string[] = [];
  for (let i = 1; i < history.length; i++) {
    const [before, after] = [history[i - 1] as ShownMessage, history[i] as ShownMessage];
    if (after.seq <= before.seq) problems.push(`seq ${after.seq} comes after ${before.seq}`);
  }
  problems.push(...repeated(history.map(({ _id }) => _id)).map((id) => `message ${id} is in history twice`));
  const clientIds = history.flatMap(({ clientMessageId, senderId }) =>
    clientMessageId === undefined ? [] : [`${senderId._id} ${clientMessageId}`],
  );
  problems.push(...repeated(clientIds).map((id) => `client id ${id} is in history twice`));

  const shown = new Map(history.map((message) => [message._id, message]));
  for (const attempt of ledger.acknowledged) {
    if (attempt.conversationId !== conversationId) continue;
    const { messageId, seq } = attempt.acknowledged;
    const message = shown.get(messageId);
    if (!message) problems.push(`${attempt.clientMessageId} was acknowledged as ${messageId} and is not in history`);
    else if (message.seq !== seq) problems.push(`${messageId} was acknowledged with seq ${seq} and has ${message.seq}`);
  }
  return problems;
}

function repeated(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.filter((id) => seen.size === seen.add(id).size);
}

/** No hole is left open: a sync from the beginning reaches the end of every conversation. @returns what is open */
export async function openHoles(rig: Rig, conversations: readonly Conversation[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { id, members } of conversations) {
    const [reader = ''] = members;
    const reached = await syncToEnd(rig, reader, id);
    if (reached !== 'complete') problems.push(`a sync of ${id} ends as ${reached}`);
  }
  return problems;
}

async function syncToEnd(rig: Rig, reader: string, conversationId: string): Promise<string> {
  let cursor = '0.0.0';
  for (let calls = 0; calls < 200; calls++) {
    const { data } = await insist(rig.caller(reader), 'POST', '/api/chat/sync', {
      cursors: { [conversationId]: cursor },
      limit: 500,
    });
    const answer = data.conversations.find((c: { conversationId: string }) => c.conversationId === conversationId);
    if (!answer) return 'absent';
    if (answer.verdict !== 'truncated') return answer.verdict;
    if (answer.cursor === cursor) return `truncated at ${cursor}`;
    cursor = answer.cursor;
  }
  return 'endless';
}
