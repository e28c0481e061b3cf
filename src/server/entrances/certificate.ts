import { X509Certificate } from 'node:crypto';
import type { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../core/ports/logger.ts';
import { type KeyPair, readKeyPair, type TlsOptions } from '../../transports/tls.ts';

/** The certificate of the ports that clients and Laravel use. */
export class Certificate {
  readonly #options: TlsOptions;
  #keyPair: KeyPair | undefined;

  /** Throws an error that names the file which is missing or invalid. */
  constructor(options: TlsOptions) {
    this.#options = options;
    this.#keyPair = readKeyPair(options);
  }

  /** `undefined`: plain HTTP. */
  get keyPair(): KeyPair | undefined {
    return this.#keyPair;
  }

  /** Unix time in seconds; `undefined`: plain HTTP. */
  get expiresAtSeconds(): number | undefined {
    if (this.#keyPair === undefined) return undefined;
    return Date.parse(new X509Certificate(this.#keyPair.cert).validTo) / 1000;
  }

  /** Reads the files again; when they are invalid, the previous certificate stays in use. */
  reload(all: readonly FastifyInstance[], logger: Logger): void {
    try {
      const keyPair = readKeyPair(this.#options);
      if (keyPair === undefined) return;
      for (const { server } of all) (server as unknown as Partial<TlsServer>).setSecureContext?.(keyPair);
      this.#keyPair = keyPair;
    } catch (error) {
      logger.warn(
        'SIGHUP: the new TLS certificate cannot be used, the previous one stays in use. Correct the file and send SIGHUP again',
        { reason: (error as Error).message },
      );
    }
  }
}
