import { useState } from 'react';
import { sizeText } from '../conversation/file-size.ts';
import { CloseIcon, FileIcon } from '../shell/icons.tsx';
import type { AttachmentDraft } from './use-attachments.ts';

interface AttachmentDraftsProps {
  drafts: readonly AttachmentDraft[];
  onRemove: (draft: AttachmentDraft) => void;
  onRetry: (draft: AttachmentDraft) => void;
}

export function AttachmentDrafts({ drafts, onRemove, onRetry }: AttachmentDraftsProps) {
  if (drafts.length === 0) return null;
  return (
    <ul className="attachment-drafts" aria-label="Attached files">
      {drafts.map((draft) => (
        <li key={draft.id} className="attachment-draft" data-state={draft.state}>
          <Thumb url={draft.previewUrl} />
          <span className="attachment-texts">
            <bdi className="attachment-name">{draft.file.name}</bdi>
            <State draft={draft} onRetry={() => onRetry(draft)} />
          </span>
          <button
            type="button"
            className="icon-button icon-button-small"
            onClick={() => onRemove(draft)}
            aria-label={`Remove ${draft.file.name}`}
          >
            <CloseIcon size={16} />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Thumb({ url }: { url: string | undefined }) {
  const [broken, setBroken] = useState(false);
  if (url !== undefined && !broken)
    return <img src={url} alt="" className="attachment-thumb" onError={() => setBroken(true)} />;
  return (
    <span className="attachment-thumb attachment-icon">
      <FileIcon />
    </span>
  );
}

function State({ draft, onRetry }: { draft: AttachmentDraft; onRetry: () => void }) {
  if (draft.state === 'done') return <span className="attachment-size">{sizeText(draft.file.size)}</span>;
  if (draft.state === 'uploading')
    return <progress value={draft.progress} max={1} aria-label={`Uploading ${draft.file.name}`} />;
  return (
    <span className="attachment-problem" role="alert">
      {draft.problem}{' '}
      {!draft.final && (
        <button type="button" className="link-button" onClick={onRetry}>
          Retry
        </button>
      )}
    </span>
  );
}
