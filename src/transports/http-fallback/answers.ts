import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

const NOT_STORED = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';

/** SPEC 10.7: pages of every origin may read every answer, refusals among them; 2.6 decides who is admitted. */
const corsHeaders = ({ origin }: IncomingHttpHeaders): OutgoingHttpHeaders => ({
  'Access-Control-Allow-Origin': origin ?? '*',
  Vary: 'Origin',
});

/** Headers of a response with lines (SPEC 10.7). */
export const lineHeaders = (request: IncomingHttpHeaders): OutgoingHttpHeaders => ({
  'Content-Type': 'application/javascript; charset=UTF-8',
  'Cache-Control': NOT_STORED,
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  ...corsHeaders(request),
});

/** Sends a whole answer with a text. */
export function answer(request: IncomingMessage, response: ServerResponse, status: number, text = ''): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'Cache-Control': NOT_STORED,
    ...(status === 204 ? {} : { 'Content-Length': Buffer.byteLength(text) }),
    ...corsHeaders(request.headers),
  });
  response.end(status === 204 ? undefined : text);
}

/** Answers the question of a browser whether a page of another origin may send a request (SPEC 10.7). */
export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'OPTIONS, POST',
    'Access-Control-Allow-Headers': request.headers['access-control-request-headers'] ?? 'Content-Type',
    'Access-Control-Max-Age': '7200',
    ...corsHeaders(request.headers),
  });
  response.end();
}
