import { defineConfig } from 'vitest/config';

const TESTS = '{apps,packages,infra}/*/{src,tests}/**';

export default defineConfig({
  test: {
    globalSetup: ['infra/local/src/vitest-global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'main', include: [`${TESTS}/*.test.ts`], exclude: [`${TESTS}/*.system.test.ts`] },
      },
      { extends: true, test: { name: 'system', include: [`${TESTS}/*.system.test.ts`] } },
    ],
  },
});
