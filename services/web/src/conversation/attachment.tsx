import type { MediaInput } from '@confab/client/react';
import { useState } from 'react';
import { FileIcon } from '../shell/icons.tsx';
import { sizeText } from './file-size.ts';
import { isMediaAddress } from './links.ts';

export function Attachment({ item }: { item: MediaInput }) {
  const [broken, setBroken] = useState(false);
  if (!('url' in item) || broken || !isMediaAddress(item.url)) return <FileLine item={item} />;
  const { url, type, filename } = item;
  const onError = () => setBroken(true);
  if (type === 'image')
    return (
      <a className="attachment-image" href={url} target="_blank" rel="noopener noreferrer">
        <img
          src={url}
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

function FileLine({ item }: { item: MediaInput }) {
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
  if (!('url' in item) || !isMediaAddress(item.url)) return <div className="attachment-file">{content}</div>;
  return (
    <a className="attachment-file" href={item.url} target="_blank" rel="noopener noreferrer" download={item.filename}>
      {content}
    </a>
  );
}
