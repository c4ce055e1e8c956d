import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataFolderError, lockDataFolder } from './data-folder.ts';

describe('the lock of a data folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'data-folder-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is taken once and can be taken again after its release', () => {
    const release = lockDataFolder(folder);
    expect(() => lockDataFolder(folder)).toThrow(DataFolderError);
    release();
    lockDataFolder(folder)();
  });

  it('does not outlive its process', () => {
    writeFileSync(join(folder, 'confab.lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }));
    lockDataFolder(folder)();
  });

  it('does not count for another process that was given the same pid', () => {
    writeFileSync(join(folder, 'confab.lock'), JSON.stringify({ pid: process.pid, started: 'earlier' }));
    lockDataFolder(folder)();
  });

  it('can be taken over when it is damaged', () => {
    writeFileSync(join(folder, 'confab.lock'), '{');
    lockDataFolder(folder)();
  });

  it('needs a folder that can be written', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => lockDataFolder(join(folder, 'file', 'data'))).toThrow(/is not writable/);
  });
});
