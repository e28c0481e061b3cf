import type { Context } from '../../context.ts';
import type { CertificateReport } from '../../network/certificate.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

const WARN_DAYS = 14;

/** Checks the certificates where browsers connect and where Laravel publishes. */
export async function checkTls({ network }: Context): Promise<Finding[]> {
  const urls = [network.options.public, network.options.publish].filter(
    (url): url is URL => url?.protocol === 'https:',
  );
  const byHost = new Map(urls.map((url) => [url.host, url]));
  if (byHost.size === 0) return [skipped('tls', 'no address has TLS')];
  const found = await Promise.all(
    [...byHost.values()].map(async (url) => ofCertificate(url, await network.certificate(url))),
  );
  return found.flat();
}

function ofCertificate({ host, hostname }: URL, report: CertificateReport | undefined): Finding[] {
  if (report === undefined) return [skipped('tls', `${host}: there is no TLS handshake`)];
  const { validToMs, validFromMs, daysLeft, isForHost, names } = report;
  const now = Date.now();
  const found: Finding[] = [];
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  if (validToMs < now)
    found.push(problem('tls-expired', `${host}: since ${day(validToMs)}`, { run: 'certbot renew' }));
  else if (daysLeft < WARN_DAYS)
    found.push(
      problem('tls-expires-soon', `${host}: on ${day(validToMs)}, in ${daysLeft} days`, {
        run: 'certbot renew',
      }),
    );
  if (validFromMs > now) found.push(problem('tls-not-yet-valid', `${host}: from ${day(validFromMs)} on`));
  if (!isForHost)
    found.push(
      problem(
        'tls-wrong-host',
        `${hostname} is not among the names of the certificate: ${names.slice(0, 200)}`,
      ),
    );
  return [...found, ...ofTrust(host, report, found.length > 0)];
}

/** Errors that the dates or the names cause are reported by themselves. */
const OTHER_CAUSES = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID']);

function ofTrust(
  host: string,
  { refusedBy, isSelfSigned, sent, daysLeft }: CertificateReport,
  hasOther: boolean,
): Finding[] {
  if (refusedBy === undefined) return hasOther ? [] : [ok('tls', `${host}: valid for ${daysLeft} days`)];
  if (isSelfSigned)
    return [problem('tls-self-signed', `${host} (${refusedBy})`, { run: 'certbot certonly' })];
  if (OTHER_CAUSES.has(refusedBy)) return [];
  return sent <= 1
    ? [
        problem(
          'tls-chain-incomplete',
          `${host} sends one certificate alone, and its issuer is not known (${refusedBy})`,
          {
            line: 'ssl_certificate /etc/letsencrypt/live/NAME/fullchain.pem;  # nginx; for Wavehall: WAVEHALL_TLS_CERT',
          },
        ),
      ]
    : [problem('tls-untrusted', `${host} (${refusedBy})`)];
}
