import { type ChatMessage, useConnection, useConversation } from '@confab/client/react';
import { useCallback, useState } from 'react';
import { Composer } from '../composer/composer.tsx';
import { ConversationHeader } from './conversation-header.tsx';
import { MessageList } from './message-list.tsx';
import { TypingLine } from './typing-line.tsx';

export function ConversationPane({ conversationId }: { conversationId: string }) {
  const conversation = useConversation(conversationId);
  const { status } = useConnection();
  const [replyTo, setReplyTo] = useState<ChatMessage | null>(null);
  const reply = useCallback((message: ChatMessage) => setReplyTo(message), []);
  if (!conversation) return <Missing loading={status !== 'live'} />;
  return (
    <section className="conversation" aria-label={conversation.title}>
      <ConversationHeader conversation={conversation} />
      <MessageList conversation={conversation} onReply={reply} />
      <TypingLine conversation={conversation} />
      <Composer conversation={conversation} replyTo={replyTo} onReplyTo={setReplyTo} />
    </section>
  );
}

function Missing({ loading }: { loading: boolean }) {
  return (
    <div className="nothing-open">
      {loading ? (
        <span className="spinner" />
      ) : (
        <p>
          This conversation does not exist, or you are no longer in it. <a href="#/">Back</a>
        </p>
      )}
    </div>
  );
}
