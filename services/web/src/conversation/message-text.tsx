import { memo } from 'react';
import { splitLinks } from './links.ts';

/** A text as it was written: never as HTML. Addresses become links that tell the other page nothing. */
export const MessageText = memo(function MessageText({ text }: { text: string }) {
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
    </p>
  );
});
