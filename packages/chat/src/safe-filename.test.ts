import { expect, it } from 'vitest';
import { safeFilename } from './safe-filename.ts';

it.each([
  ['photo.jpg', 'image/jpeg', 'photo.jpg'],
  ['Ferien Ü 😀.PNG', 'image/png', 'Ferien Ü 😀.PNG'],
  ['../../etc/passwd', 'image/png', 'passwd.png'],
  ['C:\\Users\\x\\evil.exe', 'application/pdf', 'evil.exe.pdf'],
  ['photo.html', 'image/jpeg', 'photo.html.jpg'],
  ['\u202Egnp.exe', 'image/png', 'gnp.exe.png'],
  ['a\u0000b\r\nc.txt', 'text/plain', 'abc.txt'],
  ['.htaccess', 'text/plain', 'htaccess.txt'],
  ['...', 'image/png', 'file.png'],
  ['/', 'image/gif', 'file.gif'],
  ['CON.txt', 'text/plain', 'file-CON.txt'],
  ['data.bin', 'application/x-unknown', 'data.bin'],
  ['  spaced   name .pdf ', 'application/pdf', 'spaced name .pdf'],
  ['a"b<c>d|e?f*g:h.png', 'image/png', 'abcdefgh.png'],
])('%j as %s becomes %j', (given, type, safe) => {
  expect(safeFilename(given, type)).toBe(safe);
});

it('cuts long names to 180 bytes, keeps the extension and no half character', () => {
  const name = safeFilename(`${'😀'.repeat(250)}.png`, 'image/png');
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(180);
  expect(name).toMatch(/^(😀)+\.png$/u);
});
