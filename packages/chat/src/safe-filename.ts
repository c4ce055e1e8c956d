/** UTF-8 bytes of a safe name: ext4, APFS and NTFS take 255, and a header needs room for its escapes. */
const MAX_BYTES = 180;

/** The extension that a type is saved under, and others that people use for it. */
const EXTENSIONS: Record<string, readonly string[]> = {
  'image/jpeg': ['jpg', 'jpeg', 'jfif', 'pjpeg'],
  'image/png': ['png'],
  'image/gif': ['gif'],
  'image/webp': ['webp'],
  'image/avif': ['avif'],
  'image/heic': ['heic', 'heif'],
  'image/heif': ['heif', 'heic'],
  'video/mp4': ['mp4', 'm4v'],
  'video/webm': ['webm'],
  'video/quicktime': ['mov', 'qt'],
  'audio/mpeg': ['mp3'],
  'audio/mp4': ['m4a', 'mp4', 'aac'],
  'audio/aac': ['aac'],
  'audio/ogg': ['ogg', 'oga', 'opus'],
  'audio/webm': ['webm', 'weba'],
  'audio/wav': ['wav'],
  'audio/flac': ['flac'],
  'application/pdf': ['pdf'],
  'application/zip': ['zip'],
  'application/json': ['json'],
  'application/msword': ['doc'],
  'application/vnd.ms-excel': ['xls'],
  'application/vnd.ms-powerpoint': ['ppt'],
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': ['docx'],
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': ['xlsx'],
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': ['pptx'],
  'text/plain': ['txt', 'log', 'md', 'text'],
  'text/markdown': ['md', 'markdown'],
  'text/csv': ['csv'],
};

// Controls, what Windows and URLs give a meaning, and what turns the direction of text (a name that reads "exe.jpg" backwards).
const UNSAFE = /[\p{Cc}\p{Cs}<>:"|?*\\/\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu;
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

/**
 * A name that is safe to save under and to show: no path, no control or direction characters, at most 180 bytes, and an extension that
 * goes with the type.
 * @param contentType lower case, without parameters
 */
export function safeFilename(filename: string, contentType: string): string {
  const last =
    filename
      .normalize('NFC')
      .split(/[/\\]/)
      .findLast((part) => part.trim() !== '') ?? '';
  const cleaned = last
    .replace(UNSAFE, '')
    .replace(/\s+/g, ' ')
    .replace(/^[.\s]+/, '')
    .replace(/[.\s]+$/, '');
  const { stem, extension } = split(cleaned, EXTENSIONS[contentType]);
  const named = stem === '' || RESERVED.test(stem) ? `file${stem === '' ? '' : `-${stem}`}` : stem;
  const ending = extension === '' ? '' : `.${extension}`;
  return cut(named, MAX_BYTES - Buffer.byteLength(ending)) + ending;
}

/** A known type's extension is one of its own; another one becomes a part of the name: `bill.exe` as PDF is `bill.exe.pdf`. */
function split(name: string, known: readonly string[] | undefined): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot + 1) : '';
  const isFitting = known ? known.includes(extension.toLowerCase()) : /^[A-Za-z0-9]{1,10}$/.test(extension);
  if (isFitting) return { stem: name.slice(0, dot), extension };
  return { stem: name, extension: known?.[0] ?? '' };
}

function cut(text: string, bytes: number): string {
  let kept = '';
  let used = 0;
  for (const char of text) {
    used += Buffer.byteLength(char);
    if (used > bytes) break;
    kept += char;
  }
  return kept;
}
