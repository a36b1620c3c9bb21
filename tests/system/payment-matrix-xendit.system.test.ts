import { testGateway } from './payment-matrix.ts';

testGateway('xendit', { isComplete: true });
