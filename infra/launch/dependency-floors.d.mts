export function brokenFloors(workspace?: string, lockfile?: string): string[];
