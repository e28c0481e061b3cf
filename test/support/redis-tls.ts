import { freePort } from './free-port.ts';
import { selfSigned } from './certificates.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** Redis that also accepts TLS, with a self-signed certificate. */
export interface TlsRedis {
  readonly redis: TestRedis;
  readonly tlsPort: number;
  /** The file of the certificate. */
  readonly certificate: string;
  close(): Promise<void>;
}

export async function startTlsRedis(): Promise<TlsRedis> {
  const tlsFiles = selfSigned();
  const tlsPort = await freePort();
  const files = ['--tls-cert-file', tlsFiles.certificate, '--tls-key-file', tlsFiles.key];
  const redis = await startRedis(['--tls-port', `${tlsPort}`, ...files, '--tls-auth-clients', 'no']);
  return {
    redis,
    tlsPort,
    certificate: tlsFiles.certificate,
    async close() {
      await redis.close();
      tlsFiles.remove();
    },
  };
}
