import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** @throws Error in one line if the folder cannot be made or written to */
export function openDataFolder(folder: string): string {
  const absolute = path.resolve(folder);
  try {
    mkdirSync(absolute, { recursive: true, mode: 0o700 });
    accessSync(absolute, constants.W_OK | constants.X_OK);
    return absolute;
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Error(`the data folder ${absolute} cannot be written to (${reason}): set DATA_DIR to one that can`, {
      cause: error,
    });
  }
}

/** A secret of this installation: made once, kept for its owner alone, so that tokens outlive a restart. */
export function keptSecret(folder: string, name: 'jwt-secret' | 'media-secret'): string {
  const file = path.join(folder, name);
  if (!existsSync(file)) {
    try {
      writeFileSync(file, randomBytes(48).toString('base64url'), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      // Another start was faster; its secret counts.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  return readFileSync(file, 'utf8').trim();
}
