// Who may import whom. Run by `npm run check`.
const ADAPTERS = 'stores|apps|transports|http|observability|admin|auth|cutover|webhooks';

const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { pathNot: allowed },
});

const owns = (dependency, ...folders) => ({
  name: `${dependency}-stays-in-${folders.join('-or-')}`,
  severity: 'error',
  from: { path: '^(protocol|src)/', pathNot: folders.map((folder) => `^src/${folder}`) },
  to: { path: `node_modules/${dependency}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-loops', severity: 'error', from: {}, to: { circular: true } },
    only(
      'protocol-is-pure',
      '^protocol/(?!signature)',
      ['^protocol/'],
      'The protocol must be usable on its own.',
    ),
    only(
      'protocol-signs-with-crypto',
      '^protocol/signature',
      ['^protocol/', '^(node:)?crypto$'],
      'One file may use node:crypto.',
    ),
    only('the-client-imports-nothing', '^client/', ['^client/'], 'One file for browsers.'),
    only(
      'settings-import-nothing',
      '^src/settings/',
      ['^src/settings/'],
      'How a setting is read and refused; what there is to set stands in apps and config.',
    ),
    only(
      'core-imports-only-the-protocol',
      '^src/core/',
      ['^src/core/', '^protocol/'],
      'The core declares what it needs in src/core/ports.',
    ),
    only(
      'net-imports-nothing',
      '^src/net/',
      ['^src/net/', '^(node:)?(http|https|tls)$', 'ipaddr\\.js'],
      'The HTTP client for servers of others, whose certificate is trusted, and which addresses are.',
    ),
    {
      name: 'adapters-do-not-import-each-other',
      severity: 'error',
      from: { path: `^src/(${ADAPTERS})/` },
      to: { path: `^src/(${ADAPTERS})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'nothing-imports-the-root',
      severity: 'error',
      from: { path: `^src/(core|${ADAPTERS})/` },
      to: { path: '^src/index\\.ts$|^src/(cli|config|server)/' },
    },
    {
      name: 'capacity-is-loaded-by-its-command',
      comment: 'The model and its measurement start a server of their own.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/(capacity/|commands/capacity\\.ts$)' },
      to: { path: '^src/cli/capacity/' },
    },
    {
      name: 'the-doctor-is-loaded-by-its-command',
      comment: 'No process that serves loads it.',
      severity: 'error',
      from: { path: '^(protocol|src)/', pathNot: '^src/cli/(doctor/|main\\.ts$)' },
      to: { path: '^src/cli/doctor/' },
    },
    {
      name: 'the-doctor-starts-nothing',
      severity: 'error',
      from: { path: '^src/cli/doctor/' },
      to: { path: '^src/(cli/(start|serve|workers|capacity)|server|http|transports|admin|observability)/' },
    },
    owns('ws', 'transports', 'cutover'),
    owns('fastify', 'http', 'transports', 'admin', 'auth', 'server'),
    owns('@fastify/(helmet|static|websocket)', 'admin'),
    owns('pino', 'observability'),
    owns('prom-client', 'observability'),
    owns('ioredis', 'stores/redis', 'webhooks'),
    owns('undici', 'webhooks'),
    owns('opossum', 'webhooks', 'auth'),
    owns('jose', 'auth'),
    owns('ipaddr.js', 'net', 'apps'),
    owns('commander', 'cli'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
    },
  },
};
