import { testModel } from './test-model.ts';

testModel({ runs: 1_000 });
