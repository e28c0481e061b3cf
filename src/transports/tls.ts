import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';

/** Reverb's `options.tls`, under Reverb's names. */
export interface TlsOptions {
  readonly localCert?: string | undefined;
  readonly localPk?: string | undefined;
  readonly passphrase?: string | undefined;
  /** Host whose Herd or Valet certificate is used when no file is named. */
  readonly hostname?: string | undefined;
}

export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly passphrase?: string;
}

/** Folders in which Herd (macOS, Windows) and Valet keep the certificates of local sites, below the home folder. */
const LOCAL_CERTIFICATES = [
  ['Library', 'Application Support', 'Herd', 'config', 'valet', 'Certificates'],
  ['.config', 'herd', 'config', 'valet', 'Certificates'],
  ['.config', 'valet', 'Certificates'],
  ['.valet', 'Certificates'],
];

/** Reads certificate and key; `undefined` for plain HTTP. Throws an error that names the file which is missing or invalid. */
export function readKeyPair(options: TlsOptions, home = homedir()): KeyPair | undefined {
  const files = namedFiles(options) ?? localFiles(options.hostname, home);
  if (files === undefined) return undefined;
  const { passphrase } = options;
  const keyPair = {
    cert: read(files.cert),
    key: read(files.key),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
  checkUsable(keyPair, files);
  return keyPair;
}

interface KeyPairFiles {
  readonly cert: string;
  readonly key: string;
}

/** As in PHP, a `local_cert` may hold the key too. */
function namedFiles({ localCert, localPk }: TlsOptions): KeyPairFiles | undefined {
  return localCert === undefined ? undefined : { cert: localCert, key: localPk ?? localCert };
}

function localFiles(hostname: string | undefined, home: string): KeyPairFiles | undefined {
  if (hostname === undefined || !/^[\w.-]+$/.test(hostname)) return undefined;
  return LOCAL_CERTIFICATES.map((folder) => ({
    cert: join(home, ...folder, `${hostname}.crt`),
    key: join(home, ...folder, `${hostname}.key`),
  })).find(({ cert, key }) => existsSync(cert) && existsSync(key));
}

function checkUsable(keyPair: KeyPair, { cert, key }: KeyPairFiles): void {
  try {
    createSecureContext(keyPair);
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`The TLS certificate ${cert} with the key ${key} cannot be used: ${reason}`, {
      cause: error,
    });
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`The TLS file ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
