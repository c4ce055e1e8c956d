/** The types that are taken where a deployment does not say. */
export const defaultTypes = {
  image: ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif', 'image/heic', 'image/heif'],
  video: ['video/mp4', 'video/webm', 'video/quicktime'],
  audio: ['audio/mpeg', 'audio/mp4', 'audio/aac', 'audio/ogg', 'audio/webm', 'audio/wav', 'audio/flac'],
  file: [
    'application/pdf',
    'application/zip',
    'application/json',
    'application/msword',
    'application/vnd.ms-excel',
    'application/vnd.ms-powerpoint',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'text/plain',
    'text/markdown',
    'text/csv',
  ],
} as const;

const COMPOUND_FILE = ['application/x-cfb'];
/** An Office file is a ZIP, and not every one has its parts in the order by which detectors know it. */
const PLAIN_ZIP = ['application/zip'];

/** What `file-type` calls the content of a declared type, where that is not the same name. */
const DETECTED_AS: Record<string, readonly string[]> = {
  'image/png': ['image/png', 'image/apng'],
  'image/heic': ['image/heic', 'image/heif', 'image/heic-sequence'],
  'image/heif': ['image/heic', 'image/heif', 'image/heif-sequence'],
  'video/mp4': ['video/mp4', 'video/x-m4v', 'video/quicktime'],
  'video/webm': ['video/webm', 'video/matroska', 'video/x-matroska'],
  'audio/mp4': ['audio/mp4', 'audio/x-m4a', 'video/mp4'],
  'audio/webm': ['video/webm', 'audio/webm', 'video/matroska', 'video/x-matroska'],
  'audio/ogg': ['audio/ogg', 'application/ogg', 'audio/ogg; codecs=opus', 'video/ogg'],
  'audio/wav': ['audio/wav', 'audio/vnd.wave', 'audio/x-wav'],
  'audio/flac': ['audio/flac', 'audio/x-flac'],
  'application/msword': COMPOUND_FILE,
  'application/vnd.ms-excel': COMPOUND_FILE,
  'application/vnd.ms-powerpoint': COMPOUND_FILE,
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': PLAIN_ZIP,
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': PLAIN_ZIP,
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': PLAIN_ZIP,
};

/** Types without a signature: they are checked to be text. */
export const isTextType = (contentType: string): boolean =>
  contentType.startsWith('text/') || contentType === 'application/json';

/** @param detected what `file-type` says; undefined: nothing that it knows */
export function isContentOf(contentType: string, detected: string | undefined): boolean {
  if (isTextType(contentType)) return detected === undefined;
  if (contentType === 'application/octet-stream') return true;
  return (
    detected !== undefined && (detected === contentType || (DETECTED_AS[contentType]?.includes(detected) ?? false))
  );
}

const SHOWN = new Set<string>([...defaultTypes.image, ...defaultTypes.video, ...defaultTypes.audio]);

/** Whether a browser shows it in place. Everything else is downloaded: what might run (HTML, SVG, PDF, scripts) never opens under our name. */
export const isShownInPlace = (contentType: string): boolean => SHOWN.has(contentType);

/**
 * RFC 6266: an ASCII name for old clients and the real one. The name is safe already (no quotes, controls or path).
 */
export function contentDisposition(contentType: string, filename: string): string {
  const ascii = filename.replace(/[^ -~]/g, '_').replace(/["\\%]/g, '_');
  const kind = isShownInPlace(contentType) ? 'inline' : 'attachment';
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
