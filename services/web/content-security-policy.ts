export interface PolicyOrigins {
  /** Other origins that REST and sockets are at (`https://chat.example.com`, `wss://chat.example.com`). */
  api?: string[];
  /** Origins that uploads are sent to, such as a bucket. */
  uploads?: string[];
}

/**
 * The Content-Security-Policy of the chat page, for the header of whoever serves it. Scripts and styles come from the page's own origin,
 * nothing inline; text can never become script (Trusted Types with no policy). Images and media of messages may be anywhere on https.
 */
export function contentSecurityPolicy({ api = [], uploads = [] }: PolicyOrigins = {}): string {
  return [...directives(["'self'", ...api, ...uploads]), "frame-ancestors 'none'"].join('; ');
}

/**
 * The same for the `<meta>` element of the built page, which holds where a server forgets the header. A page obeys both, so this one leaves
 * to the header what is known at run time only: to which origins it may connect. Browsers ignore `frame-ancestors` here.
 */
export function metaContentSecurityPolicy(): string {
  return directives(["'self'", 'https:', 'wss:']).join('; ');
}

function directives(connect: string[]): string[] {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // http: for the local media of a development server; a page on https blocks it as mixed content anyway.
    "img-src 'self' blob: data: https: http:",
    "media-src 'self' blob: https: http:",
    "font-src 'self'",
    `connect-src ${connect.join(' ')}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
}
