import { configDefaults, defineConfig } from 'vitest/config';

const FOLDERS = ['{apps,packages,tools}/*/{src,tests}/**', 'tests/**'];
const named = (ending: string) => FOLDERS.map((folder) => `${folder}/*${ending}`);

export default defineConfig({
  test: {
    globalSetup: ['packages/testing/src/vitest-global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: named('.test.ts'),
          exclude: [...configDefaults.exclude, ...named('.system.test.ts')],
        },
      },
      { extends: true, test: { name: 'system', include: named('.system.test.ts') } },
    ],
  },
});
