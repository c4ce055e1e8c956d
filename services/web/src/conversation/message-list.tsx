import { type ChatConversation, type ChatMessage, useChat, useMessages } from '@confab/client/react';
import { memo, useCallback, useEffect, useMemo, useRef } from 'react';
import { Announcer } from './announcer.tsx';
import { DayLine, NewLine } from './day-line.tsx';
import { EndButton } from './end-button.tsx';
import { useFeedKeys } from './feed-keys.ts';
import { MessageRow } from './message-row.tsx';
import { estimateHeight, type TimelineItem, timelineItems } from './timeline-items.ts';
import { useJump } from './use-jump.ts';
import { useReading } from './use-reading.ts';
import { useVirtualRows } from './use-virtual-rows.ts';

/** Lines from the beginning at which older messages are asked for. Source: two screens at a fast scroll. */
const EARLY = 40;

interface MessageListProps {
  conversation: ChatConversation;
  onReply: (message: ChatMessage) => void;
}

const holds = (item: TimelineItem) => item.kind === 'message';

export function MessageList({ conversation, onReply }: MessageListProps) {
  const list = useMessages(conversation.id);
  const { messages, hasOlder, loading, error, loadOlder, loadThrough, markRead } = list;
  const chat = useChat();
  const firstNew = useFirstNew(messages, conversation.unreadCount);
  const items = useMemo(() => timelineItems(messages, firstNew), [messages, firstNew]);
  const seen = useRef(() => {});
  const onSeen = useCallback(() => seen.current(), []);
  const rows = useVirtualRows({ items, estimate: estimateHeight, holds, onSeen });
  const { range, scrollTo } = rows;

  useEffect(() => {
    if (range.start < EARLY && hasOlder && !loading && !error && messages.length > 0) void loadOlder();
  }, [range.start, hasOlder, loading, error, messages.length, loadOlder]);

  useReading(items, rows, markRead, seen);
  useFollowOwn(messages, rows.scrollToEnd);
  useOpenAtNew(firstNew, items, scrollTo);
  const onKeyDown = useFeedKeys(rows, items);

  const { flashed, jump } = useJump(items, loadThrough, scrollTo);

  const setSize = hasOlder ? -1 : messages.length;
  return (
    <div className="message-list">
      <div
        ref={rows.scroller}
        className="message-scroller"
        onScroll={rows.onScroll}
        onKeyDown={onKeyDown}
        role="feed"
        aria-busy={loading}
        aria-label={`Messages with ${conversation.title}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
        tabIndex={0}
      >
        {!hasOlder && messages.length === 0 && <p className="conversation-empty">Say hello.</p>}
        <div className="message-space">
          <div ref={rows.inner} className="message-rows">
            {items.slice(range.start, range.end).map((item, index) => (
              <Line
                key={item.key}
                item={item}
                position={range.start + index + 1}
                setSize={setSize}
                flashed={flashed === item.key}
                isGroup={conversation.isGroup}
                onReply={onReply}
                onJump={jump}
              />
            ))}
          </div>
        </div>
      </div>
      <OlderState
        loading={loading && hasOlder && range.start < EARLY}
        failed={error !== undefined}
        onRetry={loadOlder}
      />
      {!rows.atEnd && <EndButton unread={conversation.unreadCount} onEnd={rows.scrollToEnd} />}
      <Announcer conversationId={conversation.id} me={chat.userId} />
    </div>
  );
}

interface LineProps {
  item: TimelineItem;
  position: number;
  setSize: number;
  flashed: boolean;
  isGroup: boolean;
  onReply: (message: ChatMessage) => void;
  onJump: (message: ChatMessage) => void;
}

const Line = memo(function Line({ item, ...rest }: LineProps) {
  if (item.kind === 'day') return <DayLine itemKey={item.key} label={item.label} />;
  if (item.kind === 'new') return <NewLine itemKey={item.key} />;
  const { message, startsGroup, endsGroup } = item;
  return <MessageRow message={message} startsGroup={startsGroup} endsGroup={endsGroup} {...rest} />;
});

function OlderState({ loading, failed, onRetry }: { loading: boolean; failed: boolean; onRetry: () => void }) {
  if (failed)
    return (
      <p className="older-state" role="alert">
        Older messages could not be loaded.{' '}
        <button type="button" className="link-button" onClick={onRetry}>
          Try again
        </button>
      </p>
    );
  return loading ? (
    <p className="older-state" aria-hidden="true">
      <span className="spinner" />
    </p>
  ) : null;
}

/** The first message that was unread when the conversation was opened: it stays marked while one reads on. */
function useFirstNew(messages: readonly ChatMessage[], unreadCount: number): string | undefined {
  const found = useRef<string | null | undefined>(undefined);
  if (found.current === undefined && messages.length > 0) {
    const others = messages.filter((message) => !message.own && !message.deleted);
    found.current = unreadCount > 0 ? (others.at(-unreadCount)?.id ?? others[0]?.id ?? null) : null;
  }
  return found.current ?? undefined;
}

/** Who writes wants to see what they wrote, wherever they were reading. */
function useFollowOwn(messages: readonly ChatMessage[], scrollToEnd: () => void): void {
  const newest = messages.at(-1);
  const writing = newest?.id === undefined ? newest?.key : undefined;
  useEffect(() => {
    if (writing !== undefined) scrollToEnd();
  }, [writing, scrollToEnd]);
}

/** Opens where the unread messages begin, once. */
function useOpenAtNew(
  firstNew: string | undefined,
  items: readonly TimelineItem[],
  scrollTo: (key: string, place: number) => boolean,
): void {
  const done = useRef(false);
  useEffect(() => {
    if (done.current || items.length === 0) return;
    done.current = true;
    const first = items.find((item) => item.kind === 'message' && item.message.id === firstNew);
    if (firstNew !== undefined && first) scrollTo(first.key, 0.2);
  }, [firstNew, items, scrollTo]);
}
