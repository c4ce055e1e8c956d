import { ChatError, type Message, type SendMessageBody } from '@confab/contracts';
import { conversationFor } from './access.ts';
import { type Attachment, attachMedia } from './attach-media.ts';
import type { ChatContext } from './context.ts';
import { type Budget, takeMessageBudget } from './message-budget.ts';
import type { StoredMessage } from './model.ts';
import type { OneCall } from './one-call.ts';
import type { PublishedMarks } from './outbox.ts';
import type { SeqTaken } from './ports/repositories.ts';
import { usersById } from './profiles.ts';
import { newMessageView, publishMessage } from './publish.ts';
import { type PublishTurn, publishTurn } from './publish-order.ts';
import { isPlain, openWaveCall } from './send-waves.ts';
import { shareSend } from './shared-sends.ts';
import { viewMedia } from './view-media.ts';
import { messageView, watermarksOf } from './views.ts';
import { voidSeq } from './voids.ts';

/** Times that a sender takes another seq because the hole filler was faster. Each needs a stall of 10 s: three in a row are a defect. */
const SEQ_ATTEMPTS = 3;

export interface SendRequest {
  senderId: string;
  body: SendMessageBody;
  traceId: string;
}

type SendContext = ChatContext & { published: PublishedMarks };

/**
 * Stores a message and tells every participant's gateway.
 * @returns the message as readers see it; for a client id used before, the message of that time
 * @throws ChatError VALIDATION_FAILED (neither text nor media), NOT_FOUND (conversation foreign or unknown, reply to something invisible),
 *   RATE_LIMITED, UNAVAILABLE (the store did not answer: the same clientMessageId again settles it)
 */
export async function sendMessage(ctx: SendContext, request: SendRequest): Promise<Message> {
  const wave = openWaveCall(ctx.store);
  const sent = sendBy(wave, ctx, request);
  wave.go();
  return sent;
}

/**
 * Sends messages of one sender in one conversation. Their seqs are in the order in which they are given, as long as none of them is a reply or has
 * media; else they are as if sent at the same time.
 * @returns the outcome of each: what `sendMessage` returns or throws
 */
export function sendInOrder(
  ctx: SendContext,
  requests: readonly SendRequest[],
): Promise<PromiseSettledResult<Message>[]> {
  const wave = openWaveCall(ctx.store);
  const sent = requests.map((request) => sendBy(wave, ctx, request));
  wave.go();
  return Promise.allSettled(sent);
}

/** Adds the send to the wave in the same turn: who calls for several has them in order. */
async function sendBy(
  wave: OneCall<() => Promise<Message>, Message>,
  ctx: SendContext,
  request: SendRequest,
): Promise<Message> {
  const { senderId, body } = request;
  checkContent(body);
  const send = async () => {
    const budget = takeMessageBudget(ctx, senderId, body);
    // Replies and media have more steps to take back, and their senders wait for those anyway.
    if (!budget.isLikely || !isPlain(body)) {
      const { countedBefore } = await budget.taken;
      // Before the retry takes anything: each seq would be a void for good, and retries are not limited.
      const original = countedBefore && (await originalOf(ctx, senderId, body));
      if (original) return describe(ctx, original);
    }
    if (body.replyTo) await checkReply(ctx, senderId, body.conversationId, body.replyTo);
    return storeAndTell(ctx, request, budget.taken);
  };
  return shareSend(ctx.store, senderId, body, () => (isPlain(body) ? wave.add(send) : send()));
}

/** @returns what an earlier try of this send stored */
async function originalOf(
  { store }: ChatContext,
  senderId: string,
  { conversationId, clientMessageId }: SendMessageBody,
): Promise<StoredMessage | null> {
  return clientMessageId ? store.messages.findByClientId(conversationId, senderId, clientMessageId) : null;
}

/** @param budget settles once the send is counted; it is not stored before. Rejects if there is no room */
async function storeAndTell(
  ctx: SendContext,
  { senderId, body, traceId }: SendRequest,
  budget: Budget['taken'],
): Promise<Message> {
  const message = draft(ctx, senderId, body);
  const attached = await attachOrFindOriginal(ctx, message, body);
  if ('original' in attached) return describe(ctx, attached.original);
  message.media = attached.items;
  const turn = publishTurn(ctx.store, message.conversationId);
  try {
    const { conversation, original } = await storeWith(ctx, message, attached, { turn, budget });
    if (original) return await describe(ctx, original, conversation);
    await ctx.atStep?.('message-stored');
    return await tell(ctx, message, { participants: conversation.participants, traceId, turn });
  } finally {
    turn.leave();
  }
}

/** @returns the message as its readers get it */
async function tell(
  ctx: SendContext,
  message: StoredMessage,
  { participants, traceId, turn }: { participants: readonly string[]; traceId: string; turn: PublishTurn },
): Promise<Message> {
  const { id: messageId, conversationId, seq, senderId } = message;
  const sender = (await usersById(ctx.store.users, [senderId])).get(senderId);
  const view = await newMessageView(ctx, message, sender);
  await turn.wait();
  try {
    const publishing = publishMessage(ctx, message, view, { participants, traceId });
    turn.leave();
    await publishing;
    ctx.published.add(messageId);
    ctx.log.debug({ traceId, messageId, conversationId, seq }, 'message sent');
  } catch (error) {
    // Stored is sent: the mark `unpublished` stays, and the relay delivers it once the bus is back.
    ctx.log.warn({ err: error, traceId, messageId }, 'message stored but not published; left to the relay');
  }
  return view;
}

/**
 * The media of the message. A retry whose first try was stored, and its upload since deleted with it, is answered with that message.
 * @throws ChatError as attachMedia
 */
async function attachOrFindOriginal(
  ctx: ChatContext,
  message: StoredMessage,
  body: SendMessageBody,
): Promise<Attachment | { original: StoredMessage }> {
  const { id: messageId, senderId, conversationId, clientMessageId } = message;
  try {
    const request = { messageId, senderId, conversationId, clientMessageId, media: body.media ?? [] };
    return await attachMedia(ctx, request);
  } catch (error) {
    if (!(error instanceof ChatError) || error.code !== 'NOT_FOUND') throw error;
    const original = await originalOf(ctx, senderId, body);
    if (!original) throw error;
    return { original };
  }
}

/** Stores the message; what it claimed is given back where it is certain that it was not stored. */
async function storeWith(
  ctx: ChatContext,
  message: StoredMessage,
  attached: Attachment,
  conditions: Conditions,
): Promise<Stored> {
  await ctx.atStep?.('media-claimed');
  try {
    const stored = await store(ctx, message, conditions);
    if (stored.original) await attached.release();
    return stored;
  } catch (error) {
    if (error instanceof ChatError && error.code === 'NOT_FOUND') await attached.release();
    throw error;
  }
}

function checkContent(body: SendMessageBody): void {
  const hasText = typeof body.text === 'string' && body.text.trim().length > 0;
  const hasMedia = (body.media?.length ?? 0) > 0;
  if (!hasText && !hasMedia)
    throw new ChatError('VALIDATION_FAILED', { field: 'text', reason: 'a message has text or media' });
  const type = body.messageType ?? 'text';
  if (type !== 'text' && !hasMedia) {
    throw new ChatError('VALIDATION_FAILED', { field: 'media', reason: `a message of type ${type} has media` });
  }
}

async function checkReply(ctx: ChatContext, senderId: string, conversationId: string, replyTo: string): Promise<void> {
  // The conversation is checked here as well: else the right pair of foreign ids would get as far as where the seq is taken, and take longer.
  const [conversation, [target], row] = await Promise.all([
    ctx.store.conversations.findFor(senderId, conversationId),
    ctx.store.messages.findByIds(conversationId, [replyTo]),
    ctx.store.memberships.find(conversationId, senderId),
  ]);
  const visible = target && target.seq > (row?.joinedSeq ?? 0) && !target.deletedFor.includes(senderId);
  if (!conversation || !visible) throw new ChatError('NOT_FOUND');
}

function draft(ctx: ChatContext, senderId: string, body: SendMessageBody): StoredMessage {
  const now = new Date(ctx.clock.now());
  return {
    id: ctx.ids.objectId(),
    conversationId: body.conversationId,
    seq: 0,
    changeSeq: 0,
    senderId,
    clientMessageId: body.clientMessageId ?? null,
    text: body.text ?? null,
    media: [],
    messageType: body.messageType ?? body.media?.[0]?.type ?? 'text',
    replyTo: body.replyTo ?? null,
    deletedAt: null,
    deletedFor: [],
    createdAt: now,
    updatedAt: now,
  };
}

interface Stored {
  message: StoredMessage;
  conversation: SeqTaken;
  /** The message that an earlier send with the same client id stored. */
  original?: StoredMessage;
}

interface Conditions {
  turn: PublishTurn;
  /** See `storeAndTell`. */
  budget: Budget['taken'];
}

async function store(ctx: ChatContext, message: StoredMessage, { turn, budget }: Conditions): Promise<Stored> {
  for (let attempt = 0; attempt < SEQ_ATTEMPTS; attempt++) {
    const { id: messageId, senderId, text, messageType, createdAt } = message;
    const preview = { messageId, senderId, text, messageType, createdAt, deletedAt: null };
    const conversation = await ctx.store.conversations.takeSeq(message.conversationId, senderId, preview);
    if (!conversation) throw new ChatError('NOT_FOUND');
    message.seq = conversation.seq;
    turn.enter();
    await ctx.atStep?.('seq-taken');
    await budgetOrVoid(ctx, message, budget);
    const inserted = await ctx.store.messages.insert(message);
    if (inserted.kind === 'inserted') return { message, conversation };
    if (inserted.kind === 'client-id-used') {
      await voidSeq(ctx, message.conversationId, message.seq, message.id);
      return { message, conversation, original: inserted.message };
    }
  }
  throw new ChatError('UNAVAILABLE', { retryAfter: 1, reason: 'the sequence moved on too fast' });
}

/** Where the forecast of room was wrong, the seq is given up at once, and the preview is put back. @throws ChatError RATE_LIMITED */
async function budgetOrVoid(ctx: ChatContext, message: StoredMessage, budget: Budget['taken']): Promise<void> {
  try {
    await budget;
  } catch (refusal) {
    try {
      await voidSeq(ctx, message.conversationId, message.seq, message.id);
    } catch (error) {
      // It is refused all the same. The hole filler does what is left: fills the seq, and looks at the preview.
      ctx.log.warn({ err: error, messageId: message.id }, 'the seq of a refused message is left to the hole filler');
    }
    throw refusal;
  }
}

async function describe(ctx: ChatContext, message: StoredMessage, known?: SeqTaken): Promise<Message> {
  const conversation = known ?? (await conversationFor(ctx, message.senderId, message.conversationId));
  const [users, rows, media] = await Promise.all([
    usersById(ctx.store.users, [message.senderId]),
    ctx.store.memberships.ofConversations([message.conversationId]),
    viewMedia(ctx, message.media),
  ]);
  return messageView(
    message,
    users.get(message.senderId),
    watermarksOf(conversation.participants, rows).statusOf(message),
    media,
  );
}
