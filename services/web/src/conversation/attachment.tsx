import { type MediaInput, type MediaItem, useChat } from '@confab/client/react';
import { useRef, useState } from 'react';
import { FileIcon } from '../shell/icons.tsx';
import { sizeText } from './file-size.ts';
import { isMediaAddress } from './links.ts';

/** @param messageId of the message that it belongs to; undefined while that is being sent */
export function Attachment({ item, messageId }: { item: MediaItem | MediaInput; messageId: string | undefined }) {
  const { url, type, filename } = item;
  const { broken, onError } = useFreshAddress(url, messageId);
  if (url === undefined || broken || !isMediaAddress(url)) return <FileLine item={item} />;
  if (type === 'image')
    return (
      <a className="attachment-image" href={url} target="_blank" rel="noopener noreferrer">
        <img
          src={previewOf(item) ?? url}
          alt={filename ?? 'Photo'}
          loading="lazy"
          decoding="async"
          referrerPolicy="no-referrer"
          onError={onError}
        />
      </a>
    );
  if (type === 'video')
    return (
      // biome-ignore lint/a11y/useMediaCaption: people's own recordings have no captions
      <video
        className="attachment-video"
        src={url}
        controls
        preload="metadata"
        onError={onError}
        aria-label={filename ?? 'Video'}
      />
    );
  if (type === 'audio')
    return (
      // biome-ignore lint/a11y/useMediaCaption: people's own recordings have no captions
      <audio
        className="attachment-audio"
        src={url}
        controls
        preload="none"
        onError={onError}
        aria-label={filename ?? 'Audio'}
      />
    );
  return <FileLine item={item} />;
}

/** The smaller picture that the server made, if it did. */
function previewOf(item: MediaItem | MediaInput): string | undefined {
  const { thumbnailUrl } = item as MediaItem;
  return thumbnailUrl !== undefined && isMediaAddress(thumbnailUrl) ? thumbnailUrl : undefined;
}

/** Addresses of uploads die after some minutes: one that fails is asked for again, once. */
function useFreshAddress(url: string | undefined, messageId: string | undefined) {
  const chat = useChat();
  const [failed, setFailed] = useState<{ url: string | undefined; final: boolean }>();
  const tried = useRef(false);
  const onError = () => {
    const again = !tried.current && messageId !== undefined;
    tried.current = true;
    setFailed({ url, final: !again });
    if (again) chat.refreshMessage(messageId).catch(() => setFailed({ url, final: true }));
  };
  return { broken: failed !== undefined && (failed.final || failed.url === url), onError };
}

function FileLine({ item }: { item: MediaItem | MediaInput }) {
  const content = (
    <>
      <span className="attachment-icon">
        <FileIcon />
      </span>
      <span className="attachment-texts">
        <bdi className="attachment-name">{item.filename ?? 'File'}</bdi>
        {item.size !== undefined && <span className="attachment-size">{sizeText(item.size)}</span>}
      </span>
    </>
  );
  if (item.url === undefined || !isMediaAddress(item.url)) return <div className="attachment-file">{content}</div>;
  return (
    <a className="attachment-file" href={item.url} target="_blank" rel="noopener noreferrer" download={item.filename}>
      {content}
    </a>
  );
}
