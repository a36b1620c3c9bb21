import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

const folders = (ending: string) =>
  ['{apps,packages,tools}/*/tests/**', 'tests/**'].map((folder) => `${folder}/*${ending}`);
const globalSetup = ['packages/testing/src/vitest-global-setup.ts'];

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // One more than vitest's own choice: much of the time of these tests is waiting, for timeouts and locks that expire.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['{apps,packages,tools}/*/src/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'main',
          globalSetup,
          include: folders('.test.ts'),
          exclude: [...configDefaults.exclude, ...folders('.system.test.ts')],
          // A third of the processor time of these tests was loading the apps. Files that one process runs one after the
          // other share what is loaded: so they replace no module, which units may.
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'system', globalSetup, include: folders('.system.test.ts'), isolate: false },
      },
    ],
  },
});
