import { memo } from 'react';
import { splitLinks } from './links.ts';

/** A text as it was written: never as HTML. Addresses become links that tell the other page nothing. */
/** @param room left at the end of the last line, for the time and the ticks */
export const MessageText = memo(function MessageText({ text, room }: { text: string; room: 'time' | 'ticks' }) {
  return (
    <p className="message-text" dir="auto">
      {splitLinks(text).map((part, index) =>
        part.kind === 'text' ? (
          part.text
        ) : (
          <a key={index} href={part.href} title={part.href} target="_blank" rel="noopener noreferrer nofollow ugc">
            {part.text}
          </a>
        ),
      )}
      <span className={`text-room text-room-${room}`} aria-hidden="true" />
    </p>
  );
});
