import { ConfabError, kindOf, type MediaConfig, type MediaInput, useSend } from '@confab/client/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { sizeText } from '../conversation/file-size.ts';

/** Files of one message. Source: the server's limit. */
const MOST = 10;

export interface AttachmentDraft {
  id: number;
  file: File;
  /** Of an image, for its preview. */
  previewUrl: string | undefined;
  state: 'uploading' | 'done' | 'failed';
  progress: number;
  problem: string | undefined;
  /** A problem that trying again cannot mend. */
  final: boolean;
  media: MediaInput | undefined;
}

/** Files on their way into a message: uploaded at once, sent with the message. */
export function useAttachments(conversationId: string, config: MediaConfig | null) {
  const { upload } = useSend(conversationId);
  const [drafts, setDrafts] = useState<AttachmentDraft[]>([]);
  const aborts = useRef(new Map<number, AbortController>());
  const nextId = useRef(1);

  const change = useCallback((id: number, fields: Partial<AttachmentDraft>) => {
    setDrafts((now) => now.map((draft) => (draft.id === id ? { ...draft, ...fields } : draft)));
  }, []);

  const start = useCallback(
    async (id: number, file: File) => {
      const abort = new AbortController();
      aborts.current.set(id, abort);
      change(id, { state: 'uploading', progress: 0, problem: undefined });
      const { name, type, size } = file;
      const onProgress = (progress: number) => change(id, { progress });
      try {
        const { mediaId, type: kind } = await upload(
          { blob: file, name, type, size },
          { onProgress, signal: abort.signal },
        );
        change(id, { state: 'done', progress: 1, media: { mediaId, type: kind } });
      } catch (error) {
        const final = error instanceof ConfabError && !error.retryable && error.code !== 'UPLOAD_FAILED';
        change(id, { state: 'failed', problem: problemOf(error), final });
      }
    },
    [upload, change],
  );

  const add = useCallback(
    (files: File[]) => {
      const room = files.slice(0, Math.max(0, MOST - drafts.length));
      const added = room.map((file) => draftOf(nextId.current++, file, config));
      setDrafts((now) => [...now, ...added]);
      for (const draft of added) if (!draft.final) void start(draft.id, draft.file);
    },
    [config, drafts.length, start],
  );

  const remove = useCallback((draft: AttachmentDraft) => {
    aborts.current.get(draft.id)?.abort();
    aborts.current.delete(draft.id);
    if (draft.previewUrl) URL.revokeObjectURL(draft.previewUrl);
    setDrafts((now) => now.filter((other) => other.id !== draft.id));
  }, []);

  useEffect(() => {
    const running = aborts.current;
    return () => {
      for (const abort of running.values()) abort.abort();
    };
  }, []);

  return {
    drafts,
    add,
    remove,
    retry: (draft: AttachmentDraft) => void start(draft.id, draft.file),
    clear: () => drafts.forEach(remove),
    uploaded: drafts.flatMap((draft) => draft.media ?? []),
    /** Not all files are there yet. */
    busy: drafts.some((draft) => draft.state !== 'done'),
  };
}

function draftOf(id: number, file: File, config: MediaConfig | null): AttachmentDraft {
  const problem = refusalOf(file, config);
  return {
    id,
    file,
    previewUrl: file.type.startsWith('image/') ? URL.createObjectURL(file) : undefined,
    state: problem ? 'failed' : 'uploading',
    progress: 0,
    problem,
    final: problem !== undefined,
    media: undefined,
  };
}

/** What the server would refuse is said before anything is sent. */
function refusalOf(file: File, config: MediaConfig | null): string | undefined {
  const kind = kindOf(file.type);
  if (file.size === 0) return 'The file is empty';
  if (!config) return undefined;
  if (!config.types[kind].includes(file.type.split(';')[0] ?? '')) return 'Files of this type are not taken';
  return file.size > config.maxBytes[kind] ? `Larger than ${sizeText(config.maxBytes[kind])}` : undefined;
}

function problemOf(error: unknown): string {
  return error instanceof ConfabError ? error.message : 'The upload failed';
}
