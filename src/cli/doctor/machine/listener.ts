import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A';

/** Id of the process that listens on a TCP port, on Linux; `undefined` when it is not known, or belongs to another user. */
export function listenerOf(port: number): string | undefined {
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => inodesIn(table, port));
  if (inodes.length === 0) return undefined;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) =>
      namesIn(`/proc/${name}/fd`).some((file) => wanted.has(targetOf(`/proc/${name}/fd/${file}`))),
    );
}

/** Sockets that listen on a port, in a table of the kernel. */
function inodesIn(table: string, port: number): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return textOf(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address = '', , state]) => state === LISTEN && address.endsWith(end))
    .map((cells) => cells[9] ?? '');
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
