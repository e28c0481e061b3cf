import { freePort } from './free-port.ts';
import { selfSigned } from './certificates.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** A Redis that also speaks TLS, with a certificate of nobody. */
export interface TlsRedis {
  readonly redis: TestRedis;
  readonly tlsPort: number;
  /** The file of the certificate. */
  readonly certificate: string;
  close(): Promise<void>;
}

export async function startTlsRedis(): Promise<TlsRedis> {
  const paper = selfSigned();
  const tlsPort = await freePort();
  const files = ['--tls-cert-file', paper.certificate, '--tls-key-file', paper.key];
  const redis = await startRedis(['--tls-port', `${tlsPort}`, ...files, '--tls-auth-clients', 'no']);
  return {
    redis,
    tlsPort,
    certificate: paper.certificate,
    async close() {
      await redis.close();
      paper.remove();
    },
  };
}
