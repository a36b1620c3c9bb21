import { testModel } from './test-model.ts';

testModel({ runs: 250 });
