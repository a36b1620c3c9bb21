/** Who may import whom. Each comment says what to do instead. */
export default {
  forbidden: [
    {
      name: 'apps-import-packages-never-each-other',
      comment: 'Move what both need down into a package.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/([^/]+)/', pathNot: '^apps/$1/' },
    },
    {
      name: 'packages-never-import-apps-or-infra',
      comment: 'A package knows nothing of who runs it: pass what it needs as an argument.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(apps|infra)/' },
    },
    {
      name: 'domain-imports-nothing-of-ours-and-no-io',
      comment: 'The rules stay pure: read and write in the app or in packages/db, and hand the values over.',
      severity: 'error',
      from: { path: '^packages/domain/src/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^packages/domain/src/' },
    },
    {
      name: 'only-queue-imports-bullmq-and-ioredis',
      comment: 'Use the producer, workers and records of @antrean/queue, or add there what is missing.',
      severity: 'error',
      from: { pathNot: '^(packages/queue|infra/local|infra/bench)/' },
      to: { path: 'node_modules/(bullmq|ioredis)/' },
    },
    {
      name: 'only-db-imports-kysely-and-pg',
      comment: 'Add the query to the aggregate’s file in packages/db.',
      severity: 'error',
      from: { pathNot: '^(packages/db|infra/local|infra/bench)/' },
      to: { path: 'node_modules/(kysely|pg)/' },
    },
    {
      name: 'only-payments-imports-the-sdks',
      comment: 'Go through the PaymentGateway port of @antrean/payments.',
      severity: 'error',
      from: { pathNot: '^packages/payments/' },
      to: { path: 'node_modules/(midtrans-client|xendit-node)/' },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'Add it to the package.json of the package that imports it.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'no-cycle',
      comment: 'Move the shared thing down.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)\\.local/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
