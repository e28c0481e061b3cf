import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A fault of Laravel: it takes requests and does not answer, its process is gone, or each answer is this one. */
export type Fault =
  'hangs' | 'is gone' | { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

/** Place in front of a real Laravel that can have a fault in its stead. */
export class FaultyLaravel {
  fault: Fault | undefined;
  /** Most requests that Laravel had at once. */
  mostAtOnce = 0;
  #atOnce = 0;
  readonly #target: string;
  readonly #server: Server = createServer((asked, answer) => this.#serve(asked, answer));

  private constructor(target: string) {
    this.#target = target;
  }

  static async open(target: string): Promise<FaultyLaravel> {
    const proxy = new FaultyLaravel(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(asked: IncomingMessage, answer: ServerResponse): void {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    answer.once('close', () => (this.#atOnce -= 1));
    const { fault } = this;
    if (fault === 'hangs') return void asked.resume();
    if (fault === 'is gone') return void asked.socket.destroy();
    if (fault !== undefined) return void answer.writeHead(fault.status, fault.headers).end();
    const { method, headers, url = '' } = asked;
    const passed = request(this.#target + url, { method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.rawHeaders);
      got.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  }
}
